"""The clinical core: what the product believes, as pure functions a medical director can read.

Standard library and `intake.errors` only; no clock, request, row or setting. Nothing here orders a medicine or makes a
diagnosis: every result is a prompt for a clinician.
"""
