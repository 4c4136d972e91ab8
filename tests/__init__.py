"""The specification as tests; `python -m tests` runs them all."""
