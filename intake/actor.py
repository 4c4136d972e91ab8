"""Who acts: the six roles and the frozen Actor that every verb takes as an argument."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """The six staff roles; what each may see stands in product.md section 2."""

    ADMISSIONS = "admissions"
    CLINICIAN = "clinician"
    PRESCRIBER = "prescriber"
    SUPERVISOR = "supervisor"
    PRIVACY = "privacy_officer"
    ADMIN = "administrator"


STAFF: frozenset[Role] = frozenset({Role.ADMISSIONS, Role.CLINICIAN, Role.PRESCRIBER, Role.SUPERVISOR})
CARE: frozenset[Role] = frozenset({Role.CLINICIAN, Role.PRESCRIBER, Role.SUPERVISOR})


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in member of staff, or the system itself; plain values, safe to pass to services."""

    id: int
    site_id: int
    role: Role
    name: str
    is_system: bool = False

    @property
    def initials(self) -> str:
        """Two letters for the avatar."""
        words = [w for w in self.name.replace(".", " ").split() if w[:1].isalpha()]
        return "".join(w[0] for w in words[-2:]).upper() or "?"

    def may(self, *roles: Role) -> bool:
        """True when the actor holds one of `roles` (the system may do everything it is asked to)."""
        return self.is_system or self.role in roles


def system(site_id: int) -> Actor:
    """The actor of work that no person started: routing, reminders, upkeep."""
    return Actor(id=0, site_id=site_id, role=Role.ADMIN, name="The system", is_system=True)
