"""A fact that changes, as seen from the command line, through a restart."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

DEADLINE_S = 30


def read(home: Any, *arguments: str) -> Any:
    return json.loads(home.run("memory", *arguments, "--json", check=True).stdout)["data"]


def conflicts_of(home: Any) -> list[Any]:
    """Once everything stored was compared."""
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        answer = read(home, "conflicts")
        if not answer["unjudged"] and answer["conflicts"]:
            return list(answer["conflicts"])
    raise AssertionError("nothing was compared in time")


@pytest.mark.timeout(120)
def test_a_changed_fact_is_ended_shown_and_brought_back(home: Any) -> None:
    home.run("memory", "store", "I live in Hamburg.", "--timestamp", "2021-03-01", check=True)
    home.run("memory", "store", "I have moved to Leipzig.", "--timestamp", "2023-03-01", check=True)
    (conflict,) = conflicts_of(home)
    assert conflict["state"] == "superseded"
    home.run("daemon", "stop", check=True)

    def true(*arguments: str) -> set[str]:
        return {each["content"]["data"] for each in read(home, "list", *arguments)["memories"]}

    assert true() == {"I have moved to Leipzig."}
    assert true("--as-of", "2022-01-01") == {"I live in Hamburg."}
    found = read(home, "search", "where do I live", "--include-superseded")["results"]
    assert {hit["content"]["data"]: hit["superseded_by"] for hit in found} == {
        "I live in Hamburg.": conflict["newer"]["memory_id"],
        "I have moved to Leipzig.": None,
    }
    home.run("memory", "conflicts", "resolve", conflict["conflict_id"], "--keep", "both", check=True)
    assert true() == {"I live in Hamburg.", "I have moved to Leipzig."}
    assert home.run("memory", "conflicts", "resolve", "conflict_0", "--keep", "both").returncode == 5
