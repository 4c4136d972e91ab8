"""Reading what somebody typed: each field gets a clear sentence or a plain value, and nothing is lost.

A Reader collects all errors of a form, so that the page can show every one of them at once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from datetime import date
from decimal import Decimal, InvalidOperation

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from intake.errors import RuleBroken

PROBLEM = "There is a problem. Look at the marked answers."
REGION = "US"


class Reader:
    """Reads one posted form; call `check()` when all fields are read."""

    def __init__(self, form: MultiDict[str, str]) -> None:
        self.form = form
        self.errors: dict[str, str] = {}

    def wrong(self, name: str, sentence: str) -> None:
        """Note the first problem of a field."""
        self.errors.setdefault(name, sentence)

    def check(self) -> None:
        """Raise what was collected.

        Raises:
            RuleBroken: with `fields` mapping each field to its sentence.
        """
        if self.errors:
            raise RuleBroken(_(PROBLEM), code="FORM", fields=self.errors)

    def text(self, name: str, *, limit: int, required: str = "") -> str:
        """One line or block of text, NFC, without control characters; at most `limit` characters."""
        raw = unicodedata.normalize("NFC", self.form.get(name, "")).replace("\r\n", "\n").strip()
        if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t" for c in raw):
            self.wrong(name, _("This has a sign that cannot be stored. Type it again without it."))
            return ""
        if len(raw) > limit:
            self.wrong(name, _("This is too long: at most %(limit)s signs, you have %(n)s.", limit=limit, n=len(raw)))
            return ""
        if required and not raw:
            self.wrong(name, required)
        return raw

    def choice(self, name: str, allowed: Collection[str], *, required: str = "", default: str = "") -> str:
        """One of the allowed codes, or `default` when nothing was picked."""
        raw = self.form.get(name, "")
        if not raw:
            if required:
                self.wrong(name, required)
            return default
        if raw not in allowed:
            self.wrong(name, _("Pick one of the answers on the page."))
            return default
        return raw

    def choices(self, name: str, allowed: Collection[str], *, required: str = "") -> tuple[str, ...]:
        """Any number of the allowed codes, each once, in the order of the form."""
        raw = list(dict.fromkeys(self.form.getlist(name)))
        if any(r not in allowed for r in raw):
            self.wrong(name, _("Pick only answers on the page."))
            return ()
        if required and not raw:
            self.wrong(name, required)
        return tuple(raw)

    def yes(self, name: str) -> bool:
        """A ticked box."""
        return self.form.get(name, "") in {"yes", "on", "1", "true"}

    def whole(self, name: str, *, low: int, high: int, required: str = "") -> int | None:
        """A whole number within low..high, or None when empty."""
        raw = self.form.get(name, "").strip()
        if not raw:
            if required:
                self.wrong(name, required)
            return None
        if not (raw.isascii() and raw.lstrip("-").isdigit() and len(raw) < 12):
            like = low + (high - low) // 3
            self.wrong(
                name, _("Enter a whole number from %(low)s to %(high)s, like %(like)s.", low=low, high=high, like=like)
            )
            return None
        value = int(raw)
        if not low <= value <= high:
            self.wrong(name, _("Enter a whole number from %(low)s to %(high)s.", low=low, high=high))
            return None
        return value

    def decimal(self, name: str, *, low: Decimal, high: Decimal, required: str = "") -> Decimal | None:
        """An exact decimal within low..high, or None when empty; never NaN or infinite."""
        raw = self.form.get(name, "").strip().replace(",", ".")
        if not raw:
            if required:
                self.wrong(name, required)
            return None
        try:
            value = Decimal(raw) if len(raw) <= 20 and "e" not in raw.lower() and "_" not in raw else Decimal("NaN")
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite():
            self.wrong(
                name, _("Enter a number from %(low)s to %(high)s, like %(like)s.", low=low, high=high, like=low + 1)
            )
            return None
        if not low <= value <= high:
            self.wrong(name, _("Enter a number from %(low)s to %(high)s.", low=low, high=high))
            return None
        return value

    def day(self, name: str, *, earliest: date, latest: date, required: str = "") -> date | None:
        """A date as the browser sends it (YYYY-MM-DD) or as people type it (11/25/2026, Nov 25 2026)."""
        raw = self.form.get(name, "").strip()
        if not raw:
            if required:
                self.wrong(name, required)
            return None
        value = read_day(raw)
        if value is None:
            self.wrong(name, _("Enter a date, like %(like)s.", like=latest.isoformat()))
            return None
        if not earliest <= value <= latest:
            low, high = earliest.isoformat(), latest.isoformat()
            self.wrong(name, _("Enter a date from %(low)s to %(high)s.", low=low, high=high))
            return None
        return value

    def phone(self, name: str, *, required: str = "") -> str:
        """A phone number as E.164, or ""."""
        raw = self.text(name, limit=40, required=required)
        if not raw:
            return ""
        try:
            number = phonenumbers.parse(raw, REGION)
        except phonenumbers.NumberParseException:
            number = None
        if number is None or not phonenumbers.is_possible_number(number):
            self.wrong(name, _("Enter a phone number with 10 digits, like 555 014 2200"))
            return ""
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def email(self, name: str, *, required: str = "") -> str:
        """An email address in its normal form, or ""."""
        raw = self.text(name, limit=254, required=required)
        if not raw:
            return ""
        try:
            found = validate_email(raw, check_deliverability=False, allow_smtputf8=False, test_environment=True)
        except EmailNotValidError:
            self.wrong(name, _("Enter an email address, like name@example.com"))
            return ""
        return found.normalized


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def read_day(raw: str) -> date | None:
    """A date in any common order: 1984-07-03, 7/3/1984, 07031984, July 3 1984, 3 Jul 1984; None if it is none."""
    words = raw.lower().replace(",", " ").replace("/", " ").replace("-", " ").replace(".", " ").split()
    if len(words) == 1 and words[0].isascii() and words[0].isdigit() and len(words[0]) == 8:
        digits = words[0]
        words = (
            [digits[:4], digits[4:6], digits[6:]]
            if digits[:2] in {"19", "20"}
            else [digits[:2], digits[2:4], digits[4:]]
        )
    if len(words) != 3:
        return None
    named = next((i for i, w in enumerate(words) if w[:3] in _MONTHS and w.isalpha()), None)
    month = 0
    if named is not None:
        month = _MONTHS.index(words.pop(named)[:3]) + 1
    if not all(w.isascii() and w.isdigit() and len(w) <= 4 for w in words):
        return None
    numbers = [int(w) for w in words]
    if month:
        day, year = (numbers[1], numbers[0]) if numbers[0] > 31 else (numbers[0], numbers[1])
    elif numbers[0] > 31:
        year, month, day = numbers
    else:
        month, day, year = numbers
        if month > 12 >= day:
            month, day = day, month
    try:
        return date(year, month, day)
    except ValueError:
        return None
