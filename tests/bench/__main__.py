"""Choose one by name."""

from __future__ import annotations

import sys

import tests.bench
from tests import choose

sys.exit(choose.run(tests.bench, sys.argv[1:]))
