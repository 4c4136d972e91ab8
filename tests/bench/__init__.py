"""Figures, each beside its limit: `python3 manage.py bench NAME [--json]`."""
