"""The command line: `flask intake ...`, one group per room."""

from __future__ import annotations

from flask.cli import AppGroup

intake = AppGroup("intake", help="What operators of the center run.")

groups = (intake,)
