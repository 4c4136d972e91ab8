"""Append-only audit, one hash chain per case, and the timeline people read."""
