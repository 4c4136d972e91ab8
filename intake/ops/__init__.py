"""Health, readiness, metrics, and the development mailbox and codes."""
