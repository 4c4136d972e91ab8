"""What a kind of message is: a small class that a room registers.

A kind knows its templates, how late it may go, what to do when nobody knows whether it arrived, who receives it, and
the SQL condition under which it is still true. The gate appends that condition to its one update.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from sqlalchemy import BigInteger, Table, bindparam, true
from sqlalchemy.sql.elements import ColumnElement

from intake.actor import Actor
from intake.messages.mime import File
from intake.messages.models import Message, MessageState

Policy = Literal["resend_same_id", "hold_for_human"]

# The gate binds these two for every kind, so that a condition can compare the contact with the one rendered for.
CONTACT_ID = bindparam("contact_id", type_=BigInteger())
CONTACT_VERSION = bindparam("contact_version", type_=BigInteger())


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a mail, as read when it is rendered; `contact_version` is repeated by the gate."""

    address: str
    first_name: str = ""
    locale: str = "en"
    zone: str = "UTC"
    contact_id: int = 0
    contact_version: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a mail may not go: the state the row moves to, a reason code, and for SCHEDULED when to look again."""

    state: MessageState
    reason: str
    again_in: timedelta = timedelta(minutes=15)


class Kind:
    """Base of all kinds. The defaults are the careful ones: an unknown outcome waits for a person."""

    name: ClassVar[str] = ""
    template: ClassVar[str] = ""
    policy: ClassVar[Policy] = "hold_for_human"
    latest: ClassVar[timedelta] = timedelta(hours=1)
    quiet_hours: ClassVar[bool] = False
    # Counted towards the most mails one address gets in a day, and refused above it.
    capped: ClassVar[bool] = False
    # At most one accepted mail of this kind for one address in a day.
    once_a_day: ClassVar[bool] = False
    # The mail carries a stop link and the header for it.
    stoppable: ClassVar[bool] = False
    # System notices go out with an empty return path, so that nothing answers them.
    null_return_path: ClassVar[bool] = False
    # Values of the context that are this one mail's own: a template asks whether they are there, and prints them.
    alone: ClassVar[tuple[str, ...]] = ()
    # Values of the context that are for `binds` and `files`, not for templates.
    unsaid: ClassVar[tuple[str, ...]] = ()

    def recipient(self, message: Message) -> Recipient | Refusal:
        """Who gets this message now, or why nobody does."""
        return self.recipients([message])[message.id]

    def recipients(self, messages: Sequence[Message]) -> dict[int, Recipient | Refusal]:
        """The same for a batch, by message id; a kind overrides one of the two."""
        return {message.id: self.recipient(message) for message in messages}

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """The condition over the message's row (and rows that name it) that must hold at the gate.

        It may use CONTACT_ID, CONTACT_VERSION and the parameters that `binds` returns.
        """
        return true()

    def context(self, message: Message) -> Mapping[str, Any]:
        """The words that its templates need beyond recipient, center and links."""
        return {}

    def contexts(self, messages: Sequence[Message]) -> dict[int, Mapping[str, Any]]:
        """The same for a batch, by message id."""
        return {message.id: self.context(message) for message in messages}

    def read(
        self, messages: Sequence[Message]
    ) -> tuple[Mapping[int, Recipient | Refusal], Mapping[int, Mapping[str, Any]]]:
        """Recipients and contexts of a batch; for kinds that need the same rows for both."""
        return self.recipients(messages), self.contexts(messages)

    def files(
        self,
        message: Message,
        recipient: Recipient,
        context: Mapping[str, Any],
        *,
        from_name: str,
        from_address: str,
    ) -> tuple[File, ...]:
        """Files that travel with the mail; the content filter reads them too."""
        return ()

    def binds(self, message: Message, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """Values for the parameters of `still_true`, from what was rendered."""
        return {}

    def why_not(self, message: Message) -> Refusal:
        """Why `still_true` does not hold, asked only after the gate refused."""
        return Refusal(MessageState.CANCELLED, "no_longer_true")

    def readable(self, actor: Actor, table: Table) -> ColumnElement[bool]:
        """The condition under which `actor` may see a message of this kind on staff pages."""
        condition: ColumnElement[bool] = table.c.site_id == actor.site_id
        return condition

    def stop(self, person_id: int, *, now: datetime) -> bool:
        """The recipient asked to get no more of these; False when this kind cannot be stopped by a link."""
        return False

    def resume(self, person_id: int, *, now: datetime) -> bool:
        """Take back a stop made by mistake."""
        return False

    def choose_time(self, person_id: int, hour: int, minute: int, *, now: datetime) -> bool:
        """The recipient chose another hour for these."""
        return False

    def choose_often(self, person_id: int, days: int, *, now: datetime) -> bool:
        """The recipient chose how many days lie between those of these that could wait."""
        return False

    def bounced(self, message: Message, *, code: str, hard: bool, now: datetime) -> None:
        """Mail to the recipient's address came back."""


class UnknownKind(Kind):
    """Stands in for a kind that nobody registered: it is held for a person and never sent."""

    def recipient(self, message: Message) -> Recipient | Refusal:
        """Nobody."""
        return Refusal(MessageState.UNCERTAIN, "unknown_kind")


_kinds: dict[str, Kind] = {}


def register(kinds: Iterable[type[Kind]]) -> None:
    """Make kinds known; `create_app` lists them.

    Raises:
        ValueError: a kind without a name.
    """
    for each in kinds:
        if not each.name:
            raise ValueError(f"{each.__qualname__} has no name")
        if type(_kinds.get(each.name)) is not each:
            _kinds[each.name] = each()


def get(name: str) -> Kind:
    """The kind of a name; an unknown one is held for a person."""
    return _kinds.get(name) or UnknownKind()


def every() -> dict[str, Kind]:
    """All registered kinds by name."""
    return dict(_kinds)
