"""The mail catcher for trying the product: takes every mail on loopback, delivers none, keeps it as a file."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


class Mailbox:
    """Keeps each mail as `<nanoseconds>-<random>.eml`, so that names sort by arrival."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Keep the mail; the name appears only when the file is whole."""
        path = self.folder / f"{time.time_ns()}-{secrets.token_hex(4)}.eml"
        draft = path.with_suffix(".part")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(envelope.original_content or b"")
        draft.rename(path)
        return "250 2.0.0 kept"


async def serve(port: int, folder: Path) -> None:
    """Listen until TERM or INT."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, done.set)
    mailbox = Mailbox(folder)

    def dialogue() -> Any:
        return SMTP(mailbox, hostname="mailbox.invalid", enable_SMTPUTF8=True, loop=loop)

    server = await loop.create_server(dialogue, "127.0.0.1", port)
    await done.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
