"""The parts of `bench messages`: full tables, small programs that are measured from outside, and the peer."""
