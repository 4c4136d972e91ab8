"""Run one module of a folder by its name; every such module has `main(arguments) -> int`."""

from __future__ import annotations

import importlib
import pkgutil
import signal
import sys
from types import ModuleType


def run(package: ModuleType, arguments: list[str]) -> int:
    """Call `main` of the named module with the rest of the arguments; without a name, list the modules."""
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__) if not found.name.startswith("_"))
    if not arguments or arguments[0] not in names:
        print(f"{package.__doc__}\n")
        for name in names:
            words = importlib.import_module(f"{package.__name__}.{name}").__doc__ or ""
            print(f"  {name:12} {words.strip().splitlines()[0] if words.strip() else ''}")
        return 2 if arguments and arguments[0] not in ("-h", "--help") else 0
    # Asked to end, it takes its servers and folders with it, as with Ctrl-C.
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, lambda number, _frame: sys.exit(128 + number))
    status: int = importlib.import_module(f"{package.__name__}.{arguments[0]}").main(arguments[1:])
    return status
