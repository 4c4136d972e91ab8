"""Choose one by name."""

from __future__ import annotations

import sys

import tests.verify
from tests import choose

sys.exit(choose.run(tests.verify, sys.argv[1:]))
