"""The record packet, made only from an authorized disclosure."""
