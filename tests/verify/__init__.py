"""Long proofs, each printing a table: `python3 manage.py verify NAME`."""
