"""`python -m workers.probe`: exit 0 if the web process of this container answers (the image's HEALTHCHECK)."""

from __future__ import annotations

import http.client
import os
import sys
from urllib.parse import urlsplit

PORT = 8000


def answers(port: int, host: str) -> bool:
    """True if /healthz on loopback says 200; `host` must be a name that TRUSTED_HOSTS allows."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz", headers={"Host": host})
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    name = urlsplit(os.environ.get("PUBLIC_URL", "")).hostname or "localhost"
    sys.exit(not answers(int(os.environ.get("PORT", PORT)), name))
