"""Hostile words in every field and parameter: SQL, script, templates, odd Unicode, a megabyte."""

from __future__ import annotations

import inspect
import re
import time
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import LargeBinary, func, select, text, update
from werkzeug.datastructures import MultiDict

from intake import crypto
from intake.accounts.models import Staff
from intake.actor import Role
from intake.clinical import wording
from intake.crypto import DataKey
from intake.db import Base, aside, db, install_triggers
from intake.errors import IntakeError
from intake.fields import Reader
from intake.guard import access_of
from intake.people import finding
from intake.triggers import TRIGGERS
from tests import world
from tests.cases.folk import center, waiting

ROOT = Path(__file__).resolve().parents[2]
MARK = "zq7"
SCRIPTS = tuple(
    r"""
<script>alert("zq7")</script>
"><img src=x onerror=alert(`zq7`)>
<svg/onload=alert('zq7')>
'><b id=zq7>
</title><script>zq7()</script>
</textarea><iframe srcdoc=zq7>
--><script>zq7()</script>
<a href='javascript:zq7()'>
" autofocus onfocus="zq7()
' onmouseover='zq7()
<math><mtext></p><style>zq7</style>
]]><script>zq7()</script>
<body onpageshow=zq7()>
<details open ontoggle=zq7()>
<form action=//zq7.example><input>
<base href=//zq7.example/>
<meta http-equiv=refresh content=0;url=//zq7.example>
<link rel=stylesheet href=//zq7.example>
<object data=zq7>
<embed src=zq7>
<video><source onerror=zq7()>
<xmp><img alt='</xmp><img src=zq7 onerror=zq7()>'>
<script>zq7()</script>
<IMG SRC=jAvascript:zq7()>
<p style=zq7:url(//x)>
%3Cscript%3Ezq7()%3C/script%3E<i>
&lt;script&gt;zq7()&lt;/script&gt;<i>
<template><s>zq7</s></template>
<input type=image src=zq7>
<svg><a xlink:href=zq7>
<svg><use href=//zq7.example>
<table background=zq7>
<isindex type=image src=zq7>
<noscript><p title='</noscript><img src=zq7>'>
<marquee onstart=zq7()>
<keygen autofocus onfocus=zq7()>
<button formaction=javascript:zq7()>
<!--#exec cmd=zq7-->
<?xml zq7?>
""".strip().splitlines()
)
TEMPLATES = "zq7{{7*7}}${7*7}#{7*7}{0.__class__}%(name)s{% raw %}"
SQL = (
    "' OR 1=1 --",
    "1; DROP TABLE person",
    "') UNION SELECT wrapped FROM data_key --",
    "1 AND (SELECT 1 FROM pg_sleep(3))",
    "1' AND 1=(SELECT count(*) FROM generate_series(1,9000000)) --",
    "id DESC, (SELECT password_hash FROM staff)",
    "%27%20OR%201",
)
NAMES = sorted(
    {
        name
        for path in (ROOT / "intake").rglob("*.py")
        for name in re.findall(r'args\.get(?:list)?\("([a-z_]+)"', path.read_text())
    }
    | {"sort", "order", "page", "limit", "q", "id", "fields", "filter"}
)


def free_text(words: str) -> bool:
    """A sentence or a name that somebody typed; not an answer sheet, a date, a number or an address."""
    return bool(words) and words[0] not in "[{" and re.search(r"[A-Za-z]", words) is not None and "@" not in words


def planted(app: Flask) -> int:
    """Put hostile words into every sealed field that holds free text, and into names of staff; returns how many."""
    count = 0
    with app.app_context(), aside() as session:
        connection = session.connection()
        for trigger in TRIGGERS:
            for statement in trigger.drop(connection.dialect.name, exists=True):
                session.execute(text(statement))
        owners = {row.id: row.owner_id for row in session.execute(select(DataKey.id, DataKey.owner_id))}
        for table in Base.metadata.sorted_tables:
            for column in (c for c in table.columns if isinstance(c.type, LargeBinary) and "id" in table.columns):
                for row_id, blob in session.execute(select(table.c.id, column).where(column.is_not(None))).all():
                    at = f"{table.name}.{column.name}"
                    if blob[:1] != crypto.FORMAT or crypto.key_id(blob) not in owners:
                        continue
                    try:
                        words = crypto.open_(blob, at=at, row=row_id)
                    except crypto.SealBroken:
                        continue
                    if free_text(words):
                        hostile = TEMPLATES if count % 4 == 0 else SCRIPTS[count % len(SCRIPTS)]
                        sealed = crypto.seal(hostile, key_of=owners[crypto.key_id(blob)], at=at, row=row_id)
                        session.execute(update(table).where(table.c.id == row_id).values({column.name: sealed}))
                        count += 1
        session.execute(update(Staff).values(name=SCRIPTS[0]))
        install_triggers(connection)
        db.session.remove()
    return count


@pytest.fixture(scope="module")
def house(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """A demo center of one's own."""
    return world.application(world.copy(shared_folder, tmp_path_factory.mktemp("odd-words")))


@pytest.fixture(scope="module")
def doors(house: Flask) -> dict[str, FlaskClient]:
    """For each page that opens by GET a browser that may."""
    inside = {role: world.sign_in(house, role) for role in Role}
    found = {}
    for rule in house.url_map.iter_rules():
        access = access_of(house, rule.endpoint)
        if "GET" in (rule.methods or ()) and rule.endpoint != "static" and access is not None:
            role = next((role for role in (Role.SUPERVISOR, *Role) if role in access.roles), None)
            found[rule.endpoint] = inside[role] if role else house.test_client()
    return found


def reads_parameters(house: Flask, endpoint: str) -> bool:
    """True when the source of a page's module speaks of parameters."""
    return "request.args" in inspect.getsource(inspect.unwrap(house.view_functions[endpoint]))


def pages(
    house: Flask, doors: dict[str, FlaskClient], *, asked: bool = False, **more: Any
) -> Iterator[tuple[str, str, float]]:
    """Every page, or every one that reads parameters, with its address and the seconds it took."""
    known = world.ids(house)
    for rule in house.url_map.iter_rules():
        if rule.endpoint in doors and (not asked or reads_parameters(house, rule.endpoint)):
            for path in list(world.addresses(house, rule, known, most=1)):
                began = time.process_time()
                answer = doors[rule.endpoint].get(path, **more)
                assert answer.status_code != 500, path
                yield path, answer.get_data(as_text=True), time.process_time() - began


def rows(house: Flask) -> dict[str, int]:
    """How many rows each table has, but for those that tell who looked."""
    with house.app_context():
        told = {"audit_entry", "audit_chain", "staff_session", "inquiry_draft", "data_key", "sent_form"}
        found = {
            t.name: db.session.scalar(select(func.count()).select_from(t)) or 0
            for t in Base.metadata.sorted_tables
            if t.name not in told
        }
        db.session.remove()
    return found


def test_i01_sql_in_every_parameter_of_every_page_is_only_words(house: Flask, doors: dict[str, FlaskClient]) -> None:
    before = rows(house)
    query = {name: SQL[place % len(SQL)] for place, name in enumerate(NAMES)}
    assert [(path, took) for path, _, took in pages(house, doors, asked=True, query_string=query) if took > 2] == []
    assert rows(house) == before


def test_i02_i03_words_stored_in_every_field_are_shown_and_never_run(
    house: Flask, doors: dict[str, FlaskClient]
) -> None:
    assert planted(house) > 200
    shown, literal, wrong = 0, 0, []
    for path, page, _ in pages(house, doors):
        shown += MARK in page
        literal += "{{7*7}}" in page
        wrong += [
            (path, script)
            for script in SCRIPTS
            if re.search(r"[<\"']", script) and script in page and ".csv" not in path
        ]
        wrong += [(path, "computed")] if "zq749" in page else []
        wrong += [(path, "a tag")] if re.search(r"<[^>]*\son\w+=[^>]*zq7", page) else []
    assert wrong == []
    assert shown > 20
    assert literal > 3


def test_i10_a_name_is_found_in_whatever_form_it_is_typed_and_stands_by_itself(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        waiting(cast, name=unicodedata.normalize("NFD", "Zoé Étoile"))
        waiting(cast, name="Mallory \u202egnp.exe\u202c Stone")
        for typed in ("Zoé Étoile", unicodedata.normalize("NFD", "Zoé Étoile"), "zoe etoile", "ZOÉ\u200b ÉTOILE"):
            (hit,) = finding.find(typed, cast.site.id, 5)[:1]
            assert hit.person.used_name == "Zoé Étoile", typed
        # Each name stands in an element of its own, and elements turn nothing beside them.
        assert re.search(r"\bspan, h1\b[^}]*unicode-bidi: isolate", (ROOT / "intake/static/ui.css").read_text())
        begun = time.process_time()
        finding.find("a" + "\u0301" * 10_000, cast.site.id, 5)
        assert time.process_time() - begun < 1


MEGABYTE = (
    "x" * (1 << 20),
    "1" * (1 << 20),
    "a@" * (1 << 19),
    " " * (1 << 20),
    "a\u0301" * (1 << 19),
    "-" * (1 << 20),
    "é," * (1 << 19),
)


def _reader(method: str, **more: Any) -> Callable[[str], object]:
    def read(words: str) -> object:
        reader = Reader(MultiDict({"x": words}))
        try:
            getattr(reader, method)("x", **more)
            reader.check()
        except IntakeError:
            return None
        return None

    return read


CHECKS: dict[str, Callable[[str], object]] = {
    "phone": _reader("phone"),
    "email": _reader("email"),
    "whole": _reader("whole", low=0, high=9),
    "decimal": _reader("decimal", low=Decimal(0), high=Decimal(9)),
    "day": _reader("day", earliest=date(1900, 1, 1), latest=date(2100, 1, 1)),
    "mail filter": lambda words: wording.check_email(words[: 1 << 17], words[: 1 << 17], ("Center",)),
}


@pytest.mark.parametrize("check", CHECKS)
def test_i11_a_megabyte_makes_no_check_slow(app_sqlite: Flask, check: str) -> None:
    with app_sqlite.app_context():
        for words in MEGABYTE:
            began = time.process_time()
            CHECKS[check](words)
            assert time.process_time() - began < 1, words[:3]


def test_i11_a_megabyte_is_not_looked_for(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        waiting(cast)
        for words in MEGABYTE:
            began = time.process_time()
            finding.find(words, cast.site.id, 5)
            assert time.process_time() - began < 1, words[:3]
