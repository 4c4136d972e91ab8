"""The Flask application of a worker process, made after the fork so that no connection is shared."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from celery import Task
from flask import Flask

from intake import create_app


@cache
def _house(_process: int) -> Flask:
    return create_app()


def house() -> Flask:
    """This process's application; each forked child makes its own."""
    return _house(os.getpid())


class HouseTask(Task):
    """Runs every task inside an application context."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task's body."""
        with house().app_context():
            return super().__call__(*args, **kwargs)
