"""Tests of the queues room."""
