"""The product's own processes on the rig's servers, restarted as the supervisor would, killed as nobody would."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.verify._rig.postgres import children_of
from workers.local import commands
from workers.local.processes import die_with_parent, free_port, kill_group


@dataclass
class Process:
    """One process group of the house."""

    name: str
    line: list[str]
    senders: int
    running: subprocess.Popen[bytes] | None = None
    deaths: int = 0


@dataclass
class House:
    """Web, workers and beats; `watch` brings back what died."""

    environment: dict[str, str]
    folder: Path
    members: list[Process] = field(default_factory=list)

    @classmethod
    def full(cls, environment: dict[str, str], folder: Path, workers: int = 2) -> House:
        """One web process, workers of two senders each, two beats."""
        house = cls(environment, folder)
        house.members = [
            Process("web", commands.web(free_port()), 1),
            *(Process(f"worker{n}", [*commands.worker(), "-n", f"w{n}@rig"], 2) for n in range(1, workers + 1)),
            *(Process(f"beat{n}", [*commands.beat(), f"--schedule={folder}/beat{n}"], 0) for n in (1, 2)),
        ]
        return house

    @classmethod
    def embedded(cls, environment: dict[str, str], folder: Path) -> House:
        """One web process that does everything."""
        return cls(environment, folder, [Process("web", commands.web(free_port()), 1)])

    def start(self, member: Process) -> None:
        """Start one member in its own group."""
        with (self.folder / f"{member.name}.log").open("ab") as log:
            member.running = subprocess.Popen(
                member.line,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )

    def watch(self) -> None:
        """Start what does not run."""
        for member in self.members:
            if member.running is None or member.running.poll() is not None:
                if member.running is not None:
                    kill_group(member.running.pid)
                    member.deaths += 1
                self.start(member)

    def named(self, start: str) -> list[Process]:
        """Members whose name begins so."""
        return [m for m in self.members if m.name.startswith(start)]

    def kill(self, member: Process) -> int:
        """Kill a whole group; returns how many senders that may have hit."""
        if member.running is not None:
            kill_group(member.running.pid)
            member.running.wait(10)
        return member.senders

    def kill_child(self, member: Process, dice: random.Random) -> int:
        """Kill one child of a member; returns how many senders that may have hit."""
        pids = children_of(member.running.pid) if member.running is not None else []
        if not pids:
            return 0
        with contextlib.suppress(ProcessLookupError):
            os.kill(dice.choice(pids), signal.SIGKILL)
        return 1

    def freeze(self, member: Process, seconds: float) -> int:
        """Stop a group and let it go on; returns how many senders that may have hit."""
        if member.running is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(member.running.pid, signal.SIGSTOP)
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(member.running.pid, signal.SIGCONT)
        return member.senders

    def stop(self) -> None:
        """End everything."""
        for member in self.members:
            if member.running is not None:
                kill_group(member.running.pid)
                member.running.wait(10)
