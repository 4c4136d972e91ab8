"""The blueprint of consents, copies and contact rules; its pages stand in one module per subject."""

from __future__ import annotations

from flask import Blueprint

from intake.actor import STAFF, Role

bp = Blueprint("release", __name__)
# Consents are seen by staff and the privacy officer, disclosures by supervisors and the privacy officer.
SEES_CONSENTS = STAFF | {Role.PRIVACY}
SEES_DISCLOSURES = frozenset({Role.SUPERVISOR, Role.PRIVACY})
