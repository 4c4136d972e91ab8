"""Real servers for tests: PostgreSQL, Valkey and an SMTP server that fails on request."""


class Unavailable(Exception):
    """This machine cannot provide a server; the message says why."""
