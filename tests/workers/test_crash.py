"""One small drill of `verify crash` in every test run: kill, freeze and wipe, then compare the two records."""

from __future__ import annotations

import pytest

from tests.conftest import unavailable
from tests.servers import Unavailable
from tests.verify import crash


@pytest.mark.parametrize("more", [["--embedded"], []], ids=["embedded", "full"])
def test_a_small_drill_keeps_every_promise(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--seed", "7", "--messages", "60", "--kills", "3", "--greylist", "0", *more]
    status = crash.main(chosen)
    said = capsys.readouterr()
    if status == 2:
        unavailable(Unavailable(said.err))

    assert status == 0, said.out
