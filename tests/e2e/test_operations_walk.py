"""Budgets, series, backups and storage at the command line, across a restart."""

from __future__ import annotations

import json
from typing import Any

import pytest


def data(home: Any, *words: str, code: int = 0) -> Any:
    done = home.run(*words, "--json")
    assert done.returncode == code, done
    return json.loads(done.stdout)["data"]


@pytest.mark.timeout(120)
def test_a_day_of_the_owner(home: Any) -> None:
    home.env["LUKHAS_BUDGETS_GUARDIAN_P95_MS"] = "0.001"
    home.env["LUKHAS_BUDGETS_LEAST_SAMPLES"] = "3"
    home.run("daemon", "start", check=True)
    assert home.run("t4", check=True).stdout.count("insufficient_data") == 5
    for _ in range(3):
        home.run("guardian", "validate", "--", "hello there", check=True)
    failed = home.run("t4", "--json")
    report = json.loads(failed.stdout)
    assert failed.returncode == 1 and report["status"] == "error" and "guardian_p95" in report["errors"][0]["message"]
    verdicts = {each["name"]: each["verdict"] for each in report["data"]["budgets"]}
    assert report["data"]["overall"] == verdicts.pop("guardian_p95") == "fail"
    assert set(verdicts.values()) == {"insufficient_data"}
    compliance = data(home, "process", "hello")["metadata"]["reasons"].get("t4_compliance_verified", "")
    assert "guardian_p95 fail" in compliance or "was not asked for" in compliance

    never = data(home, "ops")["backup"]
    assert never["verified"] is None and "lukhas backup" in never["reasons"]["verified"]
    file = home.path / "lukhas.backup"
    made = home.run("backup", str(file), "--passphrase-stdin", "--json", input="correct horse\n", check=True)
    assert json.loads(made.stdout)["data"]["verified"] is True
    standing = data(home, "ops")
    assert standing["backup"]["verified"] is True
    assert standing["backup"]["size_bytes"] == file.stat().st_size
    assert 0 <= standing["backup"]["age_s"] < 60
    assert standing["migrations"]["pending"] == []
    assert standing["storage"]["indexes_bytes"] > 0 and standing["storage"]["logs_bytes"] > 0
    shown = dict(line.split("\t") for line in home.run("ops", check=True).stdout.splitlines())
    assert shown["backup file"] == str(file) and "read back" in shown["backup"]

    before = {each["name"]: each["samples"] for each in data(home, "perf")["metrics"]}
    assert before["operation.guardian.validate"] == 3 and before["stage.memory"] == 1
    home.run("daemon", "restart", check=True)
    after = {each["name"]: each["samples"] for each in data(home, "perf")["metrics"]}
    assert after["operation.guardian.validate"] == 3 and after["stage.memory"] == 1
    lines = home.run("perf", "--metric", "operation.guardian.validate", "--window", "10m", check=True).stdout
    assert sum(int(line.split("\t")[1]) for line in lines.splitlines()) == 3
    assert home.run("perf", "--metric", "nothing").returncode == 5
    assert home.run("perf", "--watch").returncode == 2
    assert home.run("perf", "--metric", "stage.memory", "--step", "2h").returncode == 2
