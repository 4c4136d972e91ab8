"""The command line: `flask intake ...`, one group per room."""

from __future__ import annotations

from flask.cli import AppGroup

from intake.cli.accounts import api_token, invite, set_up
from intake.cli.audit import audit_cli
from intake.cli.backup import backup, restore
from intake.cli.check import check
from intake.cli.clinical import clinical_cli
from intake.cli.demo.command import demo
from intake.cli.keys import keys_cli
from intake.cli.maintenance import maintenance
from intake.cli.messages import messages_cli
from intake.cli.routes import routes
from intake.cli.rules import rules_cli
from intake.cli.simulation.command import simulate

intake = AppGroup("intake", help="What operators of the center run.")
intake.add_command(audit_cli)
intake.add_command(backup)
intake.add_command(check)
intake.add_command(clinical_cli)
intake.add_command(demo)
intake.add_command(keys_cli)
intake.add_command(maintenance)
intake.add_command(messages_cli)
intake.add_command(restore)
intake.add_command(routes)
intake.add_command(rules_cli)
intake.add_command(simulate)
intake.add_command(set_up)
intake.add_command(invite)
intake.add_command(api_token)

groups = (intake,)
