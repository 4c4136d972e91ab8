"""What granian serves: `granian --interface wsgi workers.web:app`."""

from __future__ import annotations

from intake import create_app

app = create_app()
