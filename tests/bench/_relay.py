"""The cheapest SMTP server there is, in a process of its own: it answers 250 and counts."""

from __future__ import annotations

import socketserver
import subprocess
import sys
import time
from typing import IO, cast

from workers.local.processes import die_with_parent, free_port


class _Dialogue(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Say yes to everything."""
        out, lines = cast(IO[bytes], self.wfile), cast(IO[bytes], self.rfile)
        out.write(b"220 relay\r\n")
        for line in lines:
            word = line[:4].upper()
            if word in (b"EHLO", b"HELO"):
                out.write(b"250-relay\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n")
            elif word == b"DATA":
                out.write(b"354 go on\r\n")
                while (body := lines.readline()) not in (b".\r\n", b""):
                    del body
                out.write(b"250 2.0.0 ok\r\n")
            elif word == b"QUIT":
                out.write(b"221 bye\r\n")
                return
            else:
                out.write(b"250 2.1.0 ok\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class Relay:
    """The server as a child; `url` is its SMTP_URL."""

    def __init__(self) -> None:
        port = free_port()
        self.url = f"smtp://127.0.0.1:{port}"
        line = [sys.executable, "-m", "tests.bench._relay", str(port)]
        self.process = subprocess.Popen(line, preexec_fn=die_with_parent())
        time.sleep(0.7)

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait(5)


if __name__ == "__main__":
    with _Server(("127.0.0.1", int(sys.argv[1])), _Dialogue) as server:
        server.serve_forever()
