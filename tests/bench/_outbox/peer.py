"""The peer: plain Celery tasks with an ETA on the same broker, as most projects send their reminders.

`celery -A tests.bench._outbox.peer worker`; each task notes how late it ran.
"""

from __future__ import annotations

import os
import time

import redis
from celery import Celery

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
LATE = "bench:late"

app = Celery("peer", broker=URL)
app.conf.update(task_ignore_result=True, task_default_queue="peer", worker_prefetch_multiplier=4)
_store = redis.Redis.from_url(URL)


@app.task(name="peer.remind")
def remind(due: float) -> None:
    """Note the lateness and the moment."""
    now = time.time()
    _store.rpush(LATE, f"{now - due:.6f} {now:.6f}")
