#!/usr/bin/env python3
"""Build `.venv` with what the product needs, then start it: `python3 manage.py run | test | verify | bench | flask`.

Only the standard library is used, so that a bare machine with Python 3.11 or later is enough.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LEAST_PYTHON = (3, 11)
COMMANDS = {
    "run": ("run", ["-m", "workers.local", "run"], "serve the whole product with demo data (--help shows its options)"),
    "test": ("test", ["-m", "tests"], "lint, types and all tests, in at most 10 minutes (arguments go to pytest)"),
    "verify": ("test", ["-m", "tests.verify"], "long proofs by name, each printing a table"),
    "bench": ("test", ["-m", "tests.bench"], "figures by name, beside their limit"),
    "flask": ("run", ["-m", "workers.local", "flask"], "the Flask command line on the same data"),
}


def main(arguments: list[str]) -> None:
    """Make the environment of the asked command, then become that command."""
    if not arguments or arguments[0] not in COMMANDS:
        print(__doc__.splitlines()[0] + "\n" if __doc__ else "")
        print("\n".join(f"  {name:7} {words}" for name, (_, _, words) in COMMANDS.items()))
        sys.exit(0 if arguments[:1] in (["-h"], ["--help"], ["help"]) else 2)
    if sys.version_info < LEAST_PYTHON:
        sys.exit(f"Python 3.11 or later is needed; this is {sys.version.split()[0]}.")
    name, rest = arguments[0], arguments[1:]
    wanted, line, _ = COMMANDS[name]
    os.environ["INTAKE_STARTED_AT"] = repr(time.time())
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda *_: sys.exit(0 if name == "run" else 130))
    make_environment(wanted)
    os.chdir(ROOT)
    if name == "run":
        # A signal that falls between this program and the next must wait for the handler of the next.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    os.execv(PYTHON, [str(PYTHON), *line, *rest])


def make_environment(wanted: str) -> None:
    """Install `requirements/<wanted>.txt` by hash into `.venv`, unless that was done before."""
    VENV.mkdir(exist_ok=True)
    # Not `.lock`: uv waits for a lock of that name itself.
    with (VENV / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = VENV / ".installed"
        done = stamp.read_text().splitlines() if stamp.exists() and PYTHON.exists() else []
        # The test set holds the run set, so either stamp is enough to run.
        if any(mark(each) in done for each in {wanted, "test"}):
            return
        print(f"Building .venv for `{wanted}` (only the first time takes this long) ...", flush=True)
        if not PYTHON.exists() or (done and mark_of_python() not in done):
            venv.create(VENV, with_pip=False, symlinks=True, clear=False)
        install(ROOT / "requirements" / f"{wanted}.txt")
        stamp.write_text(f"{mark_of_python()}\n{mark(wanted)}\n")


def mark_of_python() -> str:
    """One line for this Python; another version means another environment."""
    return f"python {sys.version_info[0]}.{sys.version_info[1]} {os.path.realpath(sys.executable)}"


def mark(wanted: str) -> str:
    """One line for the installed set: its requirements file and this Python."""
    pins = (ROOT / "requirements" / f"{wanted}.txt").read_bytes()
    return f"{wanted} {hashlib.sha256(pins + mark_of_python().encode()).hexdigest()}"


def install(pins: Path) -> None:
    """Install a hashed file with uv, else with pip; ends the program with the line to type if neither can be had."""
    environment = dict(os.environ, VIRTUAL_ENV=str(VENV))
    # Each of the two reads another variable for the same certificates.
    for here, there in (("PIP_CERT", "SSL_CERT_FILE"), ("SSL_CERT_FILE", "PIP_CERT")):
        if here in os.environ:
            environment.setdefault(there, os.environ[here])
    if not os.access(os.environ.get("HOME", ""), os.W_OK):
        environment["UV_CACHE_DIR"] = str(VENV / ".cache")
    uv = shutil.which("uv") or (str(VENV / "bin" / "uv") if (VENV / "bin" / "uv").exists() else None)
    hashed = ["install", "-q", "--no-deps", "--require-hashes", "-r"]
    pip = [] if uv else find_pip(environment)
    if pip and attempt([*pip, *hashed, str(pins.with_name("uv.txt"))], environment):
        uv = str(VENV / "bin" / "uv")
    if uv and attempt([uv, "pip", *hashed, str(pins), "--python", str(PYTHON)], environment, show=True):
        return
    pip = pip or find_pip(environment)
    if pip and attempt([*pip, *hashed, str(pins)], environment, show=True):
        return
    typed = f"python3 -m pip --python {PYTHON} install --no-deps --require-hashes -r {pins}"
    sys.exit(f"The libraries could not be installed. With a network, and pip or uv on this machine, type:\n  {typed}")


def find_pip(environment: dict[str, str]) -> list[str]:
    """The way to call a pip that installs into `.venv`; empty if there is none."""
    outside = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    inside = [str(PYTHON), "-m", "pip"]
    if attempt([*outside, "--version"], environment):
        return outside
    if attempt([*inside, "--version"], environment) or attempt([str(PYTHON), "-m", "ensurepip"], environment):
        return inside
    return []


def attempt(command: list[str], environment: dict[str, str], *, show: bool = False) -> bool:
    """True if the command ended well; what it says is shown only where a person can use it."""
    quiet = None if show else subprocess.DEVNULL
    try:
        return subprocess.run(command, env=environment, stdout=quiet, stderr=quiet, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    main(sys.argv[1:])
