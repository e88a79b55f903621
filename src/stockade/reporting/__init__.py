"""What is on record of a target, told to people: one HTML file."""
