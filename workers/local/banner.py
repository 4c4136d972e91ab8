"""What `manage.py run` says when everything answers."""

from __future__ import annotations

import json
from pathlib import Path


def sign_ins(path: Path) -> list[str]:
    """One line for each demo sign-in of the file that the demo data wrote; empty without demo data."""
    if not path.exists():
        return []
    rows = json.loads(path.read_text())
    return [f"{row['role']:<16} {row['email']:<32} {row['password']}" for row in rows]


def banner(*, address: str, demo: list[str], mailbox: bool, web: float, worker: float | None, without: str) -> str:
    """The closing lines of the start; `without` names what this machine cannot do, or is empty."""
    lines = ["", f"  Open            {address}"]
    for number, line in enumerate(demo):
        lines.append(f"  {'Sign in as' if number == 0 else '':<15} {line}")
    if demo:
        lines.append(f"  Sign-in codes   {address}/dev/codes")
    lines.append(f"  Mailbox         {address}/dev/mail" if mailbox else "  Mailbox         mail leaves by SMTP_URL")
    ready = f"web after {web:.1f} s" + (f", worker after {worker:.1f} s" if worker is not None else "")
    lines.append(f"  Ready           {ready}")
    if without:
        lines.append(f"  Note            {without}")
    return "\n".join([*lines, "  Stop            Ctrl-C", ""])
