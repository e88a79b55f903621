"""The exchange that never was: seeded agents, honest and not, and what is observed of them."""
