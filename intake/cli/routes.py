"""`flask intake routes`: every address with its methods and who may open it, from the declarations themselves."""

from __future__ import annotations

import json
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from intake.guard import access_of


def declared(app: Flask) -> list[dict[str, Any]]:
    """Rule, methods, endpoint and access of every address, by rule; `access` is None where none is declared."""
    lines = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda r: (r.rule, r.endpoint)):
        access = access_of(app, rule.endpoint)
        lines.append(
            {
                "rule": rule.rule,
                "methods": sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}),
                "endpoint": rule.endpoint,
                "access": None
                if access is None
                else {
                    "kind": access.kind,
                    "roles": sorted(role.value for role in access.roles),
                    "object": access.rule if access.kind == "roles" else "",
                    "purpose": access.purpose,
                },
            }
        )
    return lines


@click.command("routes")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
@with_appcontext
def routes(as_json: bool) -> None:
    """Print every address with its methods and who may open it."""
    lines = declared(current_app)
    if as_json:
        click.echo(json.dumps(lines, indent=1))
        return
    for line in lines:
        click.echo(f"{','.join(line['methods']):10} {line['rule']:55} {access_of(current_app, line['endpoint'])}")
