"""Screenings and placements."""
