"""One demo center behind a server, with a broker, for the journeys of people at their desks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys import sweep


@pytest.fixture(scope="module")
def desk_center(
    tmp_path_factory: pytest.TempPathFactory, shared_folder: Path, _valkey: object
) -> Iterator[sweep.Center]:
    """A demo center in which colleagues see each other."""
    url = str(getattr(_valkey, "url", ""))
    with sweep.served(shared_folder, tmp_path_factory.mktemp("desks"), REDIS_URL=url) as found:
        yield found
