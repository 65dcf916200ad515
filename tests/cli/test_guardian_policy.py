"""`lukhas guardian policy`, and that trying things out blocks nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def test_the_example_checks_green(warm_home: Any, tmp_path: Path) -> None:
    example = warm_home.run("guardian", "policy", "example", check=True).stdout
    file = tmp_path / "principles.toml"
    file.write_text(example)
    assert warm_home.run("guardian", "policy", "check", str(file), check=True).stdout == "valid\t6 tests passed\n"
    assert warm_home.run("guardian", "policy", "check", "-", input=example).returncode == 0
    rows = [
        line.split("\t")
        for line in warm_home.run("guardian", "policy", "test", str(file), check=True).stdout.splitlines()
    ]
    assert [row[0] for row in rows] == ["passed"] * 6
    assert rows[2][2:4] == ["REJECTED", "principles.no_customer_names_outside"]


def test_problems_are_lines_and_exit_code_1(warm_home: Any, tmp_path: Path) -> None:
    example = warm_home.run("guardian", "policy", "example", check=True).stdout
    file = tmp_path / "principles.toml"
    file.write_text(example.replace('severity = "medium"', 'severity = "grave"', 1))
    done = warm_home.run("guardian", "policy", "check", str(file))
    assert done.returncode == 1
    where, message, hint = done.stdout.strip().split("\t")
    assert (where, "grave" in message, "policy example" in hint) == ("rule[0].severity", True, True)
    file.write_text(example.replace('decision = "REVIEW"', 'decision = "APPROVED"', 1))
    done = warm_home.run("guardian", "policy", "check", str(file))
    assert done.returncode == 1
    assert done.stdout.startswith("test 'We guarantee that it will be there by Friday.'\t")
    envelope = json.loads(warm_home.run("guardian", "policy", "test", str(file), "--json").stdout)
    assert (envelope["status"], envelope["data"]["valid"]) == ("error", False)
    assert sum(not test["passed"] for test in envelope["data"]["tests"]) == 1
    assert warm_home.run("guardian", "policy", "check", str(tmp_path / "none.toml")).returncode == 5
    assert warm_home.run("guardian", "policy", "check", "-", input="").returncode == 2


def test_the_packs_in_force_are_tested_and_no_verdict_is_kept(home: Any) -> None:
    home.run("daemon", "start", check=True)
    done = home.run("guardian", "policy", "test", check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert {row[0] for row in rows} == {"passed"}
    assert len(rows) > 20
    assert "REJECTED" in {row[2] for row in rows}
    assert len(home.run("guardian", "policy", "test", "secrets", check=True).stdout.splitlines()) < len(rows)
    assert home.run("guardian", "policy", "test", "no-such-pack").returncode == 5
    log = json.loads(home.run("guardian", "log", "list", "--json", check=True).stdout)
    assert log["data"]["entries"] == []
