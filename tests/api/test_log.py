from __future__ import annotations

import json
import logging
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving import make_paths

from lukhas_sdk.settings import DaemonSettings
from lukhasd.records import log
from lukhasd.records.log import redact

Written = Callable[[], list[dict[str, object]]]


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    paths = make_paths(tmp_path)
    root = logging.getLogger()
    level = root.level
    stop = log.configure(paths, DaemonSettings(log_max_bytes=10_000, log_backups=2))

    def read() -> list[dict[str, object]]:
        stop()
        return [json.loads(line) for line in paths.log_file.read_text().splitlines()]

    yield read
    root.setLevel(level)


def test_a_record_is_one_object(written: Written) -> None:
    logging.getLogger("lukhasd.x").info("served %d", 3, extra={"trace_id": "trace_1", "duration_ms": 2.5})
    (entry,) = written()
    assert (
        entry.items() >= {"level": "info", "logger": "lukhasd.x", "message": "served 3", "trace_id": "trace_1"}.items()
    )
    assert entry["duration_ms"] == 2.5
    assert str(entry["time"]).endswith("+00:00")


def test_no_text_makes_a_second_line(written: Written) -> None:
    for text in ('a\n{"level": "info"}', "b\r\nc", "d\u2028e\u0085f\x0bg\x1b[2Jh\u202ei"):
        logging.getLogger("x").warning("got %s", text)
    entries = written()
    assert len(entries) == 3
    assert "\x1b" not in str(entries[2]["message"])
    assert "\u202e" not in str(entries[2]["message"])


def test_a_traceback_is_kept_without_its_secrets(written: Written) -> None:
    try:
        raise ValueError("header X-API-Key: lk_" + "a" * 43)
    except ValueError:
        logging.getLogger("x").exception("failed")
    (entry,) = written()
    assert "ValueError" in str(entry["traceback"])
    assert "aaaa" not in str(entry["traceback"])


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer SECRETSECRET",
        "authorization=SECRETSECRET",
        "{'X-API-Key': 'SECRETSECRET'}",
        '{"password": "SECRETSECRET"}',
        '"refresh_token":"SECRETSECRET"',
        "key lk_SECRETSECRETSECRETSECRET was used",
        "lr_SECRETSECRETSECRETSECRET",
        "eyJSECRETSECRET.eyJSECRETSECRET.SECRETSECRET",
        "bearer SECRETSECRET==",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    masked = redact(text)
    assert "SECRET" not in masked
    assert "***" in masked


def test_other_text_stays() -> None:
    text = "stored mem_2026_01_02_abc for ΛPRIME-2026-0001 in 3 ms: Schlüssel 🔑"
    assert redact(text) == text


def test_the_log_is_private_and_rotates(written: Written, tmp_path: Path) -> None:
    for number in range(300):
        logging.getLogger("x").info("line %d of many that fill the file", number)
    written()
    files = sorted((tmp_path / "state").glob("lukhasd.log*"))
    assert [file.name for file in files] == ["lukhasd.log", "lukhasd.log.1", "lukhasd.log.2"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert all(file.stat().st_size <= 10_000 for file in files)
