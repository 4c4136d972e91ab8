"""`python -m workers.local run | flask`: what manage.py becomes once the environment is built."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from workers.local import commands
from workers.local.folder import DATABASE, is_current
from workers.local.supervisor import VERSIONS, Supervisor, Wish


def main(arguments: list[str]) -> int:
    """Serve the product, or pass on to the Flask command line."""
    if arguments[:1] == ["flask"]:
        return flask(arguments[1:])
    return Supervisor(wish(arguments[1:])).run()


def flask(arguments: list[str]) -> int:
    """Become `flask --app intake ...` on the data folder, with its database brought up to date first."""
    data = Path(os.environ.get("INTAKE_DATA", "./.data")).expanduser().resolve()
    environment = os.environ | {"INTAKE_DATA": str(data)}
    os.umask(0o077)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    current = not environment.get("DATABASE_URL") and is_current(data / DATABASE, VERSIONS)
    if arguments[:1] != ["db"] and not current:
        done = subprocess.run(
            commands.flask("db", "upgrade"), env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(done.stderr[-2000:], file=sys.stderr)
            return done.returncode
    os.execve(sys.executable, commands.flask(*arguments), environment)


def wish(arguments: list[str]) -> Wish:
    """Read the options of `run`."""
    parser = argparse.ArgumentParser(prog="manage.py run", description="Serve the whole product on this machine.")
    data = os.environ.get("INTAKE_DATA", "./.data")
    parser.add_argument("--port", type=_port, default=8000, help="port of the web server on loopback (8000)")
    parser.add_argument("--data", type=Path, default=Path(data), help="data folder (INTAKE_DATA, else ./.data)")
    parser.add_argument("--fresh", action="store_true", help="empty the data folder first")
    parser.add_argument("--no-demo", action="store_true", help="start with an empty center")
    read = parser.parse_args(arguments)
    return Wish(port=read.port, data=read.data, fresh=read.fresh, demo=not read.no_demo)


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
