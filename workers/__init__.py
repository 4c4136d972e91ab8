"""The Celery application (`celery -A workers worker`, `celery -A workers beat`).

The broker carries wake-ups and holds no fact: rows are the truth, and a lost wake-up costs one tick.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import task_success, worker_ready, worker_shutting_down

from config import Config

ALIVE_FILE = "INTAKE_ALIVE_FILE"  # the supervisor names a file; its age says when a task last ended well


def settings() -> dict[str, Any]:
    """Every setting with its reason; the defaults of Celery and kombu lose messages."""
    config = Config.read()
    return {
        "broker_url": config.redis_url,
        # The broker may come back at any time, also after the worker has started without it.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            # A killed worker's wake-up returns within seconds instead of an hour; nothing depends on it.
            "visibility_timeout": 120,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            # A half-open connection is noticed.
            "socket_connect_timeout": 3,
            "socket_timeout": 30,
            "socket_keepalive": True,
            "health_check_interval": 15,
        },
        # Whoever can write the broker may only name tasks and ids, never code.
        "accept_content": ["json"],
        "task_serializer": "json",
        # Results are rows; result keys would pile up.
        "result_backend": None,
        "task_ignore_result": True,
        # A wake-up is done when its work is done, and comes back when its process was killed.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # No wake-up waits behind a slow one in the same process.
        "worker_prefetch_multiplier": 1,
        # A wake-up that cannot be published is not worth waiting for: the next tick publishes again.
        "task_publish_retry": False,
        "task_default_queue": "intake",
        "task_create_missing_queues": False,
        # Memory grows in long-lived children.
        "worker_max_tasks_per_child": 1000,
        # Nobody listens to events; they would only load the broker.
        "worker_send_task_events": False,
        "task_send_sent_event": False,
        # On QUIT, mail in flight gets this long. Nothing waits in memory, so an idle worker stops at once.
        "worker_soft_shutdown_timeout": 8,
        "worker_enable_soft_shutdown_on_idle": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # Seconds everywhere: a calendar of local times fires twice, never, or late when clocks change.
        "enable_utc": True,
        "timezone": "UTC",
        # Due times are rows, so beat has nothing to remember between two starts.
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_max_loop_interval": 5,
        "beat_schedule": {
            "tick": {"task": "workers.messages.tick", "schedule": float(config.mail_tick_seconds)},
            "canary": {"task": "workers.messages.canary", "schedule": 15.0},
            "upkeep": {"task": "workers.upkeep.sweep", "schedule": 60.0},
        },
        # The product's own log format stays.
        "worker_hijack_root_logger": False,
    }


app = Celery("intake", task_cls="workers.house:HouseTask", include=["workers.messages", "workers.upkeep"])
app.add_defaults(settings)

_stop = mmap.mmap(-1, 1)  # shared with the children that the worker forks


def stopping() -> bool:
    """True once this worker was asked to stop: claim nothing more, finish the mail in flight, give back the rest."""
    return _stop[0] == 1


@worker_shutting_down.connect
def _asked_to_stop(**_: Any) -> None:
    _stop[0] = 1


@worker_ready.connect
@task_success.connect
def _alive(**_: Any) -> None:
    path = os.environ.get(ALIVE_FILE)
    if path:
        Path(path).touch()
