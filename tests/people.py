"""The cast: staff of two sites whom every test knows by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from intake.accounts import service as accounts
from intake.accounts.models import Staff
from intake.actor import Actor, Role
from intake.clock import utcnow
from intake.settings import education, forms
from intake.settings import service as settings
from intake.settings.models import Site

PASSWORD = "correct horse battery staple"

STAFF: tuple[tuple[str, Role, str], ...] = (
    ("ada", Role.ADMISSIONS, "Ada Lane"),
    ("cleo", Role.CLINICIAN, "Cleo Park"),
    ("cyrus", Role.CLINICIAN, "Cyrus Bell"),
    ("petra", Role.PRESCRIBER, "Petra Osei"),
    ("sol", Role.SUPERVISOR, "Sol Reyes"),
    ("drew", Role.PRIVACY, "Drew Hale"),
    ("alex", Role.ADMIN, "Alex Moor"),
)


@dataclass(frozen=True)
class Cast:
    """Two sites and their staff; `cora` is the clinician of the other site."""

    site: Site
    other_site: Site
    staff: dict[str, Staff]

    def __getattr__(self, name: str) -> Actor:
        try:
            return accounts.actor_of(self.staff[name])
        except KeyError:
            raise AttributeError(name) from None


def make_cast() -> Cast:
    """Add both sites and everybody; call inside a transaction."""
    now = utcnow()
    site = settings.add_site(
        slug="northlight",
        name="Northlight",
        discreet_name="Northlight",
        phone="(555) 014-2200",
        email_from="hello@northlight.example",
        time_zone="America/New_York",
        aliases=("Northlight Detox Center",),
        now=now,
    )
    other = settings.add_site(
        slug="eastgate",
        name="Eastgate",
        discreet_name="Eastgate",
        phone="(555) 014-3300",
        email_from="hello@eastgate.example",
        time_zone="America/Chicago",
        reference_prefix="EG",
        # Public pages belong to the site made first.
        now=now + timedelta(seconds=1),
    )
    staff = {
        key: accounts.add_staff(
            site_id=site.id, email=f"{key}@northlight.example", name=name, role=role, password=PASSWORD, now=now
        )
        for key, role, name in STAFF
    }
    staff["cora"] = accounts.add_staff(
        site_id=other.id,
        email="cora@eastgate.example",
        name="Cora Dunn",
        role=Role.CLINICIAN,
        password=PASSWORD,
        now=now,
    )
    # One reviewed text in each language, so that the safety mail of a plan has something to bring.
    day = now.date() - timedelta(days=1)
    for locale in ("en", "es"):
        words = education.text("naloxone", locale)
        asked = forms.Review("naloxone", locale, "Dr. Petra Osei", day, day + timedelta(days=700), words.digest.hex())
        settings.review_text(asked, actor=accounts.actor_of(staff["alex"]), now=now)
    return Cast(site=site, other_site=other, staff=staff)
