"""Read-only reports and their CSV."""
