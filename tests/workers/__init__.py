"""Tests of the runners, the relay and the journal."""
