"""A fact that changes, as seen from the command line, through a restart."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from servers.fixtures import chat_url  # noqa: F401
from servers.teaching import teach

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


@pytest.mark.timeout(120)
def test_a_language_model_confirms_what_is_flagged(home: Any, chat_url: str) -> None:  # noqa: F811
    older, newer = "Olga wants to study law in Gent.", "Olga wants to study medicine in Gent."
    teach(chat_url, [older, newer, "replaced", "replaced"])
    home.run("memory", "store", older, "--timestamp", "2021-03-01", check=True)
    home.run("memory", "store", newer, "--timestamp", "2023-03-01", check=True)
    (conflict,) = conflicts_of(home)
    assert conflict["state"] == "flagged"
    home.run("model", "use", chat_url, "--model", "judge", check=True)
    until = time.monotonic() + DEADLINE_S
    while (conflict := conflicts_of(home)[0])["state"] == "flagged":
        assert time.monotonic() < until, conflict
    assert conflict["state"] == "superseded"
    assert "confirmed by judge" in conflict["evidence"][-1]
    home.run("daemon", "restart", check=True)
    assert {each["content"]["data"] for each in read(home, "list")["memories"]} == {newer}
    home.run("memory", "conflicts", "resolve", conflict["conflict_id"], "--keep", "both", check=True)
    assert {each["content"]["data"] for each in read(home, "list")["memories"]} == {older, newer}
