"""The simulated center and the check of invariants."""
