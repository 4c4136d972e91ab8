"""The cheapest SMTP server there is, in a process of its own: it answers 250 and counts."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import sys
import time

from workers.local.processes import die_with_parent, free_port

GREETING = b"220 relay\r\n"
ANSWERS = {
    b"EHLO": b"250-relay\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n",
    b"HELO": b"250 relay\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}
YES, TAKEN, END = b"250 2.1.0 ok\r\n", b"250 2.0.0 ok\r\n", b"."


class _Dialogue(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        """Say yes to everything; what came in one piece is answered in one piece, as relays do when commands are piped.

        Answered line by line, the second answer would wait 40 ms for the first one's delayed acknowledgement.
        """
        line: socket.socket = self.request
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(GREETING)
        rest, reading = b"", False
        while piece := line.recv(65536):
            *whole, rest = (rest + piece).split(b"\r\n")
            said = b""
            for words in whole:
                verb = words[:4].upper()
                if not reading:
                    said += ANSWERS.get(verb, YES)
                    reading = verb == b"DATA"
                elif words == END:
                    said, reading = said + TAKEN, False
            if said:
                line.sendall(said)
            if said.endswith(ANSWERS[b"QUIT"]):
                return


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
