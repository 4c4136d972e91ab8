"""Tests of what goes out: the gate, restricted records, safe contact."""
