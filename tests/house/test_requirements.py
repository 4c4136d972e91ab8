"""What is installed is what pyproject.toml asks for: the hashed files may not drift from it."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", re.MULTILINE)
MAKE = "uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate"


def project() -> dict[str, list[str]]:
    """Dependencies that are installed, by set."""
    read = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {"run": read["project"]["dependencies"], "test": read["dependency-groups"]["test"]}


def pins(name: str) -> dict[str, str]:
    """Pinned versions of one hashed file."""
    found = PIN.findall((ROOT / "requirements" / f"{name}.txt").read_text())
    return {str(canonicalize_name(package)): version for package, version in found}


def test_the_hashed_files_were_made_from_the_dependencies_of_today() -> None:
    digest = hashlib.sha256(json.dumps({k: sorted(v) for k, v in project().items()}).encode()).hexdigest()
    assert (ROOT / "requirements" / "SOURCE").read_text().split()[-1] == digest, (
        f"dependencies changed: run `{MAKE} -o requirements/run.txt`, "
        f"and `{MAKE} --group test -o requirements/test.txt`, then write {digest} into requirements/SOURCE"
    )


@pytest.mark.parametrize("name", ["run", "test"])
def test_every_dependency_has_a_pin_that_it_allows(name: str) -> None:
    pinned = pins(name)
    asked = project()["run"] + (project()["test"] if name == "test" else [])
    wrong = [
        line
        for line in asked
        for wish in [Requirement(line)]
        if not wish.specifier.contains(Version(pinned.get(canonicalize_name(wish.name), "0")), prereleases=True)
    ]
    assert wrong == []


def test_the_test_set_holds_the_run_set_with_equal_pins() -> None:
    assert pins("run").items() <= pins("test").items()


@pytest.mark.parametrize("name", ["run", "test", "uv"])
def test_every_pin_carries_a_hash_and_names_no_index(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text
