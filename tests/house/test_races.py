"""Ten people do the same thing at one moment; `verify races` runs fifty, in several processes (D01, D02, D03)."""

from __future__ import annotations

import pytest
from flask import Flask

from intake.db import db, transaction
from tests.people import make_cast
from tests.verify import races

WIDE = 10
IDS = {"submit": "d02", "claim": "d03", "sign": "d02", "edit": "d01"}


@pytest.mark.parametrize(
    "race", [pytest.param(race, id=f"{IDS[race.__name__]}-{race.__name__}") for race in races.RACES.values()]
)
def test_d01_d02_d03_of_ten_who_do_the_same_at_once_one_does_it(app: Flask, race: races.Race) -> None:
    with app.app_context():
        with transaction():
            cast = make_cast()
        db.session.expunge_all()
        db.session.remove()
    assert race(app, cast, WIDE, 1)
