"""Health of the process and of its parts."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from intake.guard import public

bp = Blueprint("ops", __name__)


@bp.get("/healthz")
@public()
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")
