"""The errors a person may read: each carries one plain sentence, a code and an HTTP status.

Raised by `clinical` and by every service, never returned. The views turn them into pages
that keep what was typed.
"""

from __future__ import annotations

from collections.abc import Mapping


class IntakeError(Exception):
    """Base of all errors that have a sentence for the person who caused or met them."""

    status = 400

    def __init__(self, message: str, *, code: str = "", fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.fields: dict[str, str] = dict(fields or {})


class RuleBroken(IntakeError):
    """The input breaks a rule; `code` names the rule, `fields` maps a field to its sentence."""

    status = 422


class NotPermitted(IntakeError):
    """The actor's role does not allow this verb."""

    status = 403


class Missing(IntakeError):
    """There is no such record for this actor; foreign and non-existent read the same."""

    status = 404


class AlreadyDone(IntakeError):
    """Somebody was first; the message says who and when."""

    status = 409


class Unavailable(IntakeError):
    """A part of the house (database, scoring) cannot answer now; trying again is right."""

    status = 503
