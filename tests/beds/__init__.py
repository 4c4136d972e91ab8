"""Tests of the beds room."""
