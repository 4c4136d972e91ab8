"""Turn a message into bytes: recipient, words, links, the content filter, the MIME builder.

Nothing here is stored: recipient, language and consent are read now, and the gate repeats what mattered. Templates:
`email/<template>/{subject.txt,body.txt,body.html}`, and the same names with `.es` before the ending for Spanish.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from jinja2 import Template, TemplateError

from intake import crypto
from intake.clinical import wording
from intake.clock import utcnow
from intake.errors import Missing
from intake.messages import kinds
from intake.messages.kinds import Kind, Recipient, Refusal
from intake.messages.mime import File, Letter, address, build
from intake.messages.models import Message, MessageState
from intake.messages.service import PREFERENCES, STOP, config
from intake.messages.skeleton import Skeleton, Skeletons
from intake.settings import queries as settings

# What one bad message may raise without stopping the others.
POISON = (
    TemplateError,
    crypto.SealBroken,
    Missing,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
)
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Center:
    """What mails say about the center that owes them."""

    name: str
    phone: str
    phone_href: str
    address: str
    aliases: tuple[str, ...]
    line_988: bool
    most_a_day: int
    public_url: str = ""
    skeletons: Skeletons = field(default_factory=lambda: Skeletons(wording.reach()), compare=False)
    # Links to this computer itself, which a center of practice has instead of https ones; "" when there are none.
    local_links: str = ""
    # By locale, the words of this batch's mails in which the content filter found nothing; no longer, for names.
    clean: dict[str, set[str]] = field(default_factory=dict, compare=False)
    speakable: dict[str, bool] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail ready to go, and what the gate must repeat about it."""

    message: Message
    recipient: Recipient
    subject: str
    text: str
    html: str
    raw: bytes
    return_path: str
    hits: tuple[str, ...]
    digest: bytes
    most_a_day: int
    binds: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[File, ...] = ()

    @property
    def domain(self) -> str:
        """The receiving domain, in lower case."""
        return self.recipient.address.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True)
class Words:
    """What was read for one message before it is rendered."""

    message: Message
    recipient: Recipient | Refusal
    context: Mapping[str, Any]
    center: Center


def center(site_id: int) -> Center:
    """The words of a site, read anew for each batch."""
    site, at = settings.site(site_id), config().public_url
    aliases = tuple(str(a) for a in site.aliases)
    return Center(
        name=site.discreet_name,
        phone=site.phone,
        phone_href="tel:" + "".join(c for c in site.phone if c.isdigit() or c == "+"),
        address=site.email_from,
        aliases=aliases,
        line_988=bool(settings.value(site_id, "mail_988_line")),
        most_a_day=int(settings.value(site_id, "mail_per_person_a_day")),
        public_url=at,
        skeletons=Skeletons(wording.reach(aliases)),
        # Outside production a loopback address has no https; its own links then count as if it had.
        local_links=at if at.startswith("http://") and not config().production and _loopback(at) else "",
    )


def _loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK


def address_digest(site_id: int, value: str) -> bytes:
    """The keyed digest that suppressions, caps and attempts know an address by."""
    return crypto.keyed_digest("address", f"{site_id}|{value.strip().lower()}".encode())[:16]


def read(messages: Sequence[Message]) -> list[Words]:
    """Read recipients and contexts of a batch, a few statements per kind; order is kept."""
    centers = {site_id: center(site_id) for site_id in {m.site_id for m in messages}}
    recipients: dict[int, Recipient | Refusal] = {}
    contexts: dict[int, Mapping[str, Any]] = {}
    for name in {m.kind for m in messages}:
        group = [m for m in messages if m.kind == name]
        for some in _whole_or_single(kinds.get(name), group, recipients, contexts):
            recipients[some.id] = Refusal(MessageState.FAILED_PERMANENT, "cannot_be_read")
    return [Words(m, recipients[m.id], contexts.get(m.id, {}), centers[m.site_id]) for m in messages]


def _whole_or_single(
    kind: Kind,
    group: Sequence[Message],
    recipients: dict[int, Recipient | Refusal],
    contexts: dict[int, Mapping[str, Any]],
) -> Iterable[Message]:
    """Read a group at once, else one by one; yields the messages that cannot be read."""
    try:
        found, said = kind.read(group)
        recipients.update(found)
        contexts.update(said)
    except POISON:
        if len(group) == 1:
            yield group[0]
            return
        for message in group:
            yield from _whole_or_single(kind, [message], recipients, contexts)


@cache
def _templates(template: str, locale: str) -> tuple[Template, Template, Template]:
    env = current_app.jinja_env
    # Only a plain name may become a path.
    if not template.replace("_", "").isalnum():
        raise ValueError("a template has a plain name")
    found = [
        env.select_template([f"email/{template}/{stem}.{locale}.{end}", f"email/{template}/{stem}.{end}"])
        for stem, end in (("subject", "txt"), ("body", "txt"), ("body", "html"))
    ]
    for one in found:
        # The engine's chain of dictionaries is walked at each render; a plain one is copied at once.
        one.globals = dict(one.globals)
    return found[0], found[1], found[2]


def link(path: str, purpose: str, subject_id: int, generation: int = 1) -> str:
    """An https address with the derived secret of a link, the same at each resend."""
    return f"{config().public_url}{path}/{crypto.link_token(purpose, subject_id, generation)}"


def render(words: Words) -> Rendered | Refusal:
    """The bytes of one message and the hits of the content filter, or why it cannot be made.

    A first name that the filter knows is left out (rulings 26). Hits do not raise: the caller holds the mail.
    """
    message, recipient, of = words.message, words.recipient, words.center
    if isinstance(recipient, Refusal):
        return recipient
    try:
        return _render(message, recipient, words.context, of)
    except POISON:
        return Refusal(MessageState.FAILED_PERMANENT, "cannot_be_rendered")


def _render(message: Message, recipient: Recipient, context: Mapping[str, Any], of: Center) -> Rendered:
    kind = kinds.get(message.kind)
    locale = "es" if recipient.locale.lower().startswith("es") else "en"
    stop, addresses = "", {name: context[name] for name in kind.alone}
    if kind.stoppable:
        stop = link("/u", STOP, message.recipient_id)
        addresses |= {"stop_url": stop, "preferences_url": link("/p", PREFERENCES, message.recipient_id)}
    said = {
        "center": of,
        "lang": locale,
        "public_url": of.public_url,
        **{name: value for name, value in context.items() if name not in addresses and name not in kind.unsaid},
    }
    alone = {"first_name": _speakable(recipient.first_name, of), **addresses}
    skeleton = of.skeletons.of(_templates(message.template, locale), said, alone)
    subject, text, html = skeleton.fill(alone)
    headers = (
        (("List-Unsubscribe", f"<{stop}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")) if stop else ()
    )
    files = kind.files(message, recipient, context, from_name=of.name, from_address=of.address)
    raw = build(
        Letter(
            from_name=of.name,
            from_address=of.address,
            to_address=recipient.address,
            subject=subject,
            text=text,
            html=html,
            message_id=message.message_id,
            at=utcnow().replace(microsecond=0),
            locale=locale,
            headers=headers,
            files=files,
        )
    )
    return Rendered(
        message=message,
        recipient=recipient,
        subject=subject,
        text=text,
        html=html,
        raw=raw,
        return_path="" if kind.null_return_path else _return_path(of.address, message.message_id),
        hits=_hits(of, skeleton, alone, (subject, text, html), files, locale),
        digest=address_digest(message.site_id, recipient.address),
        most_a_day=of.most_a_day,
        binds=kind.binds(message, context),
        files=files,
    )


def _speakable(first: str, of: Center) -> str:
    """The first name, or nothing when the content filter knows it."""
    if first not in of.speakable:
        of.speakable[first] = wording.check_email(first, "", of.aliases, locale="es").allowed
    return first if of.speakable[first] else ""


def _return_path(site_address: str, message_id: str) -> str:
    """The center's address with the message's own keyed id behind a plus sign, so that a bounce names its mail."""
    local, _, domain = address(site_address).rpartition("@")
    return f"{local}+b-{message_id.partition('@')[0]}@{domain}"


def hits(of: Center, subject: str, text: str, html: str, locale: str) -> tuple[str, ...]:
    """What the content filter finds in the sender's name, the subject or either part (clinical.md 6.4)."""
    clean = of.clean.setdefault(locale, set())
    head, text, html = f"{of.name}\n{subject}", _as_if_public(of, text), _as_if_public(of, html)
    return wording.check_twins(head, text, html, of.aliases, locale=locale, clean=clean).hits


def _hits(
    of: Center,
    skeleton: Skeleton,
    alone: Mapping[str, str],
    texts: tuple[str, str, str],
    files: Sequence[File],
    locale: str,
) -> tuple[str, ...]:
    """The same of one mail: a whole one is read first, then of those like it only what is near their own values."""
    subject, text, html = texts
    if skeleton.clean and not files:
        clean = of.clean.setdefault(locale, set())
        near = _as_if_public(of, skeleton.around(alone))
        if wording.check_email(f"{of.name}\n{subject}", near, of.aliases, locale=locale, clean=clean).allowed:
            return ()
    found = hits(of, subject, "\n".join((text, *(file.text for file in files))), html, locale)
    skeleton.clean = skeleton.clean or not found
    return found


def _as_if_public(of: Center, text: str) -> str:
    return text.replace(of.local_links, "https" + of.local_links.removeprefix("http")) if of.local_links else text
