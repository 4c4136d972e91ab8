"""What operators copy stays true: settings, commands, and what the image holds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from config import SETTINGS
from intake.clock import OFFSET_VARIABLE
from workers import settings
from workers.local.processes import free_port
from workers.probe import answers

ROOT = Path(__file__).resolve().parents[2]
OF_COMPOSE = {"SITE_HOST", "POSTGRES_PASSWORD", "VALKEY_PASSWORD"}


def test_the_example_names_every_setting_and_no_other() -> None:
    named = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(named) == sorted({setting.variable for setting in SETTINGS} | OF_COMPOSE)
    assert OFFSET_VARIABLE in named


def test_compose_sets_only_settings_that_exist() -> None:
    text = (ROOT / "compose.yaml").read_text().split("services:")[0]
    given = set(re.findall(r"^    ([A-Z][A-Z0-9_]+):", text, re.MULTILINE))
    assert given <= {setting.variable for setting in SETTINGS}
    read = set(re.findall(r"\$\{([A-Z0-9_]+)", text))
    assert read <= {setting.variable for setting in SETTINGS} | OF_COMPOSE


def test_the_image_holds_every_module_that_a_process_imports() -> None:
    copied = set(re.findall(r"^COPY (\S+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert {"config.py", "intake", "workers", "templates", "migrations"} <= copied


@pytest.mark.parametrize("process", ["web", "worker", "beat"])
def test_the_procfile_and_compose_start_the_same_process(process: str) -> None:
    line = next(
        row for row in (ROOT / "Procfile").read_text().splitlines() if row.startswith(f"{process}: ")
    ).partition(": ")[2]
    source = (ROOT / ("Dockerfile" if process == "web" else "compose.yaml")).read_text()
    options = [word for word in re.sub(r"\$\{\w+:-(\d+)\}", r"\1", line).split() if word.startswith("--")]
    assert [option for option in options if f'"{option}"' not in source] == []


def test_the_broker_may_carry_names_and_ids_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INTAKE_DATA", str(tmp_path))
    found = settings()
    assert found["accept_content"] == ["json"]
    assert found["result_backend"] is None
    assert found["task_acks_late"]
    assert found["task_reject_on_worker_lost"]
    assert found["broker_transport_options"]["visibility_timeout"] == 120


def test_the_probe_fails_when_nobody_answers() -> None:
    port = free_port()
    assert not answers(port, "localhost")
    done = subprocess.run(
        [sys.executable, "-m", "workers.probe"], cwd=ROOT, env={"PORT": str(port)}, check=False, timeout=20
    )
    assert done.returncode == 1
