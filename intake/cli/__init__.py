"""The command line: `flask intake ...`, one group per room."""

from __future__ import annotations

from flask.cli import AppGroup

from intake.cli.clinical import clinical_cli
from intake.cli.demo.command import demo

intake = AppGroup("intake", help="What operators of the center run.")
intake.add_command(clinical_cli)
intake.add_command(demo)

groups = (intake,)
