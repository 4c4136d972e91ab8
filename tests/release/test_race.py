"""A consent taken back while exports race; `verify races_consent` runs a thousand, in several processes."""

from __future__ import annotations

from flask import Flask

from intake.db import db, transaction
from tests.people import make_cast
from tests.verify import races_consent


def test_p05_p06_no_copy_goes_out_after_the_consent_was_taken_back(app: Flask) -> None:
    with app.app_context():
        with transaction():
            cast = make_cast()
        db.session.expunge_all()
        db.session.remove()
    found = races_consent.race(app, cast, exports=45, wide=6, processes=1)
    assert found.before >= 15
    assert found.after == 0
    assert found.refused > 0
    assert found.states == {"delivered": found.before, "refused": found.states["refused"]} | (
        {"failed": found.states["failed"]} if "failed" in found.states else {}
    )
