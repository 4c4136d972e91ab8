"""Consents and disclosures: the one gate before anything leaves the center."""
