"""Taper plans: drafting, signing, changing."""
