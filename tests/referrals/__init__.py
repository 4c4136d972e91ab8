"""Referrals in: the page, the interface for other systems, the answer."""
