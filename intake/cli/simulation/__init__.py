"""A month of an invented center, lived through the real services with a simulated clock: for training and tests."""
