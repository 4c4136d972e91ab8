"""The command line: `flask intake ...`, one group per room."""

from __future__ import annotations

from flask.cli import AppGroup

from intake.cli.clinical import clinical_cli

intake = AppGroup("intake", help="What operators of the center run.")
intake.add_command(clinical_cli)

groups = (intake,)
