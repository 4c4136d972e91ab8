"""The cast, as in the tests of the public form."""

from tests.inquiries.conftest import cast_sqlite

__all__ = ["cast_sqlite"]
