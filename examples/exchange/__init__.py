"""The simulated exchange, from its first event to the last model's score."""
