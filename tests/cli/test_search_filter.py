"""Advanced search on the command line, with a daemon."""

from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.fixture(scope="module")
def filled(warm_home: Any) -> Any:
    for text, day, tag in (
        ("The zebra compiler is written in C#.", "2025-03-01", "zebra-work"),
        ("Mara prefers C++ for whatever touches her linker of zebra parts.", "2025-04-01", "zebra-work"),
        ("A zebra cake needs two eggs and a pound of butter.", "2025-04-02", "zebra-home"),
    ):
        warm_home.run("memory", "store", text, "--tag", tag, "--timestamp", day, check=True)
    return warm_home


def found(home: Any, *args: str) -> list[str]:
    done = home.run("memory", *args, "--json", check=True)
    texts = [hit["content"]["data"] for hit in json.loads(done.stdout)["data"]["results"]]
    return [next(word for word in ("compiler", "linker", "cake") if word in text) for text in texts]


def test_where_finds_without_a_query(filled: Any) -> None:
    assert found(filled, "search", "--where", 'zebra "C#"') == ["compiler"]
    assert found(filled, "search", "--where", "tag:zebra-* -cake", "--sort", "oldest") == ["compiler", "linker"]
    assert found(filled, "search", "zebra", "--where", "date:2025-04 (egg OR C#)") == ["cake"]


def test_facets_and_pages_in_a_pipe(filled: Any) -> None:
    done = filled.run("memory", "search", "--where", "zebra", "--facet", "month", "--limit", "2", "--cursor", "first")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert ["facet", "month", "2025-04", "2"] in lines
    assert lines[-1][0] == "cursor"
    onward = filled.run(
        "memory", "search", "--where", "zebra", "--facet", "month", "--cursor", lines[-1][1], check=True
    ).stdout  # fmt: skip
    assert "compiler" in onward.splitlines()[0]
    assert "cursor\t" not in onward


def test_an_error_names_its_column(filled: Any) -> None:
    done = filled.run("memory", "search", "--where", "zebra (cake", "--json")
    error = json.loads(done.stdout)["errors"][0]
    assert done.returncode == 2
    assert "column 7" in error["message"]
    assert filled.run("memory", "search", "--where", "").returncode == 2
    assert filled.run("memory", "search").returncode == 2


@pytest.mark.parametrize("option", ["--since", "--until", "--as-of"])
def test_an_empty_date_is_an_error(filled: Any, option: str) -> None:
    assert filled.run("memory", "search", "zebra", option, "").returncode == 2


def test_kept_searches(filled: Any) -> None:
    filled.run("memory", "saved", "add", "my cakes", "--where", "zebra cake", "--facet", "tag", check=True)
    assert filled.run("memory", "saved", "list").stdout.split("\t")[:3] == ["my cakes", "–", "zebra cake"]
    assert found(filled, "saved", "run", "my cakes") == ["cake"]
    assert filled.run("memory", "saved", "add", "my cakes", "--where", "x").returncode == 1
    filled.run("memory", "saved", "remove", "my cakes", check=True)
    assert filled.run("memory", "saved", "run", "my cakes").returncode == 5
