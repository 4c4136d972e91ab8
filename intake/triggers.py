"""What the database itself refuses, as one list for both engines (installed by `intake.db`).

Written as conditions over OLD and NEW that both SQL dialects read alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Trigger:
    """One refusal: before `event` on `table`, when `condition` holds, the statement is aborted with `message`."""

    name: str
    table: str
    event: str
    condition: str
    message: str

    def create(self, dialect: str) -> tuple[str, ...]:
        """The statements that make it on `sqlite` or `postgresql`."""
        if dialect == "sqlite":
            # SQLite older than 3.39 knows only its own spelling of the null-safe comparison.
            condition = self.condition.replace("IS DISTINCT FROM", "IS NOT")
            return (
                f"CREATE TRIGGER {self.name} BEFORE {self.event} ON {self.table} FOR EACH ROW WHEN {condition} "
                f"BEGIN SELECT RAISE(ABORT, '{self.message}'); END",
            )
        back = "OLD" if self.event == "DELETE" else "NEW"
        return (
            f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {self.condition} THEN RAISE EXCEPTION '{self.message}' USING ERRCODE = 'check_violation'; END IF; "
            f"RETURN {back}; END $$",
            f"CREATE TRIGGER {self.name} BEFORE {self.event} ON {self.table} "
            f"FOR EACH ROW EXECUTE FUNCTION {self.name}()",
        )

    def drop(self, dialect: str, *, exists: bool) -> tuple[str, ...]:
        """The statements that remove it; `exists` tells whether its table does."""
        if dialect == "sqlite":
            return (f"DROP TRIGGER IF EXISTS {self.name}",)
        tail = (f"DROP FUNCTION IF EXISTS {self.name}() CASCADE",)
        return ((f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}", *tail)) if exists else tail


def append_only(table: str) -> tuple[Trigger, ...]:
    """Rows of `table` are written once: no update, no delete."""
    return tuple(
        Trigger(f"{table}_no_{event.lower()}", table, event, "1 = 1", f"{table} is append-only")
        for event in ("UPDATE", "DELETE")
    )


def edges(table: str, legal: Iterable[tuple[str, str]]) -> Trigger:
    """`table.state` moves only along the legal pairs (from, to)."""
    pairs = " OR ".join(f"(OLD.state = '{a}' AND NEW.state = '{b}')" for a, b in legal)
    return Trigger(
        f"{table}_edges",
        table,
        "UPDATE",
        f"(OLD.state <> NEW.state AND NOT ({pairs}))",
        f"illegal move of {table}.state",
    )


def frozen(name: str, table: str, columns: Iterable[str], when: str) -> Trigger:
    """While `when` holds (over OLD), none of `columns` may change."""
    changed = " OR ".join(f"OLD.{c} IS DISTINCT FROM NEW.{c}" for c in columns)
    return Trigger(name, table, "UPDATE", f"(({when}) AND ({changed}))", f"{table} can no longer change")


# safety.md 2.2; the same pairs are enforced in intake/messages/states.py, and a test compares the two.
MESSAGE_EDGES: tuple[tuple[str, str], ...] = (
    ("scheduled", "claimed"),
    ("scheduled", "cancelled"),
    ("scheduled", "suppressed"),
    ("scheduled", "expired"),
    ("scheduled", "uncertain"),
    ("scheduled", "sent"),
    ("claimed", "sending"),
    ("claimed", "scheduled"),
    ("claimed", "uncertain"),
    ("claimed", "cancelled"),
    ("claimed", "suppressed"),
    ("claimed", "expired"),
    ("claimed", "failed_permanent"),
    ("claimed", "sent"),
    ("sending", "sent"),
    ("sending", "scheduled"),
    ("sending", "failed_permanent"),
    ("sending", "uncertain"),
    ("uncertain", "claimed"),
    ("uncertain", "sent"),
    ("uncertain", "cancelled"),
    ("uncertain", "suppressed"),
    ("uncertain", "expired"),
    ("uncertain", "failed_permanent"),
)

# product.md 2.2; a revoked or expired consent never counts again.
CONSENT_EDGES: tuple[tuple[str, str], ...] = (
    ("draft", "active"),
    ("active", "revoked"),
    ("active", "expired"),
    ("active", "superseded"),
)
DISCLOSURE_EDGES: tuple[tuple[str, str], ...] = (("authorized", "delivered"), ("authorized", "failed"))

# product.md 2.2, the other records whose every move is one column: table -> stand -> stands it may go to.
STANDS: dict[str, dict[str, str]] = {
    "coverage": {"pending": "verified partial denied", "verified": "expired", "partial": "expired"},
    "screening": {"draft": "complete expired"},
    "placement": {"proposed": "accepted overridden superseded"},
    "queue_entry": {
        "waiting": "claimed parked closed",
        "claimed": "waiting parked decided",
        "parked": "waiting",
        "decided": "closed",
    },
    "plan_version": {
        "draft": "awaiting_signature discarded",
        "awaiting_signature": "active draft discarded",
        "active": "superseded completed stopped",
        "paused": "superseded stopped",
    },
    "check_in": {"owed": "answered expired withdrawn", "answered": "reviewed"},
    "task": {"open": "claimed done cancelled", "claimed": "open done cancelled"},
    "transfer": {"requested": "accepted rejected withdrawn cancelled", "accepted": "arrived cancelled"},
    "appointment": {"booked": "kept missed cancelled"},
}


def pairs_of(table: str) -> tuple[tuple[str, str], ...]:
    """The legal moves of a table of `STANDS`, as pairs (from, to)."""
    return tuple((a, b) for a, reached in STANDS[table].items() for b in reached.split())


TRIGGERS: tuple[Trigger, ...] = (
    *append_only("audit_entry"),
    *append_only("timeline_entry"),
    *append_only("message_attempt"),
    Trigger(
        "person_tombstone",
        "person",
        "UPDATE",
        "(OLD.kind = 'tombstone' AND NEW.kind = 'tombstone')",
        "this record was joined with another one",
    ),
    edges("message", MESSAGE_EDGES),
    frozen(
        "plan_version_signed",
        "plan_version",
        (
            "plan_id",
            "n",
            "change",
            "request",
            "steps",
            "starts_on",
            "ends_on",
            "content_hash",
            "signed_at",
            "signed_by",
        ),
        "OLD.signed_at IS NOT NULL",
    ),
    frozen("screening_final", "screening", ("answers", "scores", "explanation"), "OLD.completed_at IS NOT NULL"),
    edges("consent", CONSENT_EDGES),
    frozen(
        "consent_signed",
        "consent",
        (
            "kind",
            "discloser",
            "recipient",
            "recipient_kind",
            "description",
            "purpose",
            "purpose_words",
            "text_version",
            "text_hash",
            "signed_at",
            "signed_how",
            "signed_name",
            "guardian",
            "expires_at",
            "end_event",
            "bound_until",
            "bound_event",
        ),
        "OLD.signed_at IS NOT NULL",
    ),
    edges("disclosure", DISCLOSURE_EDGES),
    frozen(
        "disclosure_written",
        "disclosure",
        ("case_id", "consent_id", "legal_ground", "recipient", "purpose", "scope", "actor_id", "at"),
        "1 = 1",
    ),
    *(edges(table, pairs_of(table)) for table in STANDS),
    frozen(
        "bed_use_ended", "bed_use", ("bed_id", "case_id", "kind", "ended_at", "outcome"), "OLD.ended_at IS NOT NULL"
    ),
    frozen("care_case_admitted", "care_case", ("admit_level", "admitted_on"), "OLD.admitted_on IS NOT NULL"),
)
