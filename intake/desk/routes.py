"""The blueprint of the desk; its pages stand in one module per screen."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("desk", __name__)
