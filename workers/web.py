"""What granian serves: `granian --interface wsgi workers.web:app`. The runner thread starts here and nowhere else."""

from __future__ import annotations

import atexit

from intake import create_app
from workers import runner

app = create_app()
atexit.register(runner.start(app).stop)
