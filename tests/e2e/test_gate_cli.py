"""The gate on writes from the command line: junk, near-duplicates, and what is kept all the same."""

from __future__ import annotations

import json
from typing import Any


def run_json(home: Any, *args: str) -> tuple[int, Any, str]:
    done = home.run(*args, "--json")
    return done.returncode, json.loads(done.stdout), done.stderr


def test_junk_duplicates_and_force_through_the_command_line(home: Any) -> None:
    declined = home.run("memory", "store", "ok sounds good!")
    assert (declined.returncode, declined.stdout) == (1, "")
    assert declined.stderr.startswith("declined: ") and "--force" in declined.stderr
    first = home.run("memory", "store", "The spare key is under the blue pot.", check=True)
    again = home.run("memory", "store", "the spare key is under the blue pot", check=True)
    assert again.stdout == first.stdout and again.stderr.startswith("merged: ")
    forced = home.run("memory", "store", "ok sounds good!", "--force", check=True)
    shown = home.run("memory", "recall", forced.stdout.strip(), check=True).stdout
    assert any(line.startswith("mark\t") for line in shown.splitlines())
    code, answer, _ = run_json(home, "memory", "store", "thanks!")
    assert code == 1 and answer["data"]["outcome"] == "declined" and answer["data"]["reason"]
