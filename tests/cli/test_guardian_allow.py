"""`lukhas guardian allow`: a value passes for a while, and is never sent or kept in the clear."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

KEY = "AKIAQX5BNVQ2MPLWT7YC"


def decision(home: Any, text: str) -> str:
    answer = json.loads(home.run("guardian", "validate", "--type", "file_write", "--json", text).stdout)
    return str(answer["data"]["decision"])


def test_an_allowed_value_passes_at_once_until_it_is_removed(home: Any, tmp_path: Path) -> None:
    home.run("daemon", "start", check=True)
    text = f"see {KEY}"
    assert decision(home, text) == "CONDITIONAL"
    file = tmp_path / "value"
    file.write_text(KEY + "\n")
    done = home.run(
        "guardian", "allow", "add", "secrets.aws_key", "--reason", "a made-up key", "--file", str(file), check=True
    )
    allow_id = done.stdout.split("\t")[0]
    assert decision(home, text) == "APPROVED"
    assert decision(home, text.replace("QX5", "QX6")) == "CONDITIONAL"
    home.run("daemon", "restart", check=True)
    assert decision(home, text) == "APPROVED"
    (row,) = home.run("guardian", "allow", "list", check=True).stdout.splitlines()
    assert row.split("\t")[:2] == [allow_id, "secrets.aws_key"]
    home.run("guardian", "allow", "remove", allow_id, check=True)
    assert decision(home, text) == "CONDITIONAL"
    assert home.run("guardian", "allow", "remove", allow_id).returncode == 5
    for kept in home.path.rglob("*.toml"):
        assert KEY not in kept.read_text()


def test_what_cannot_be_allowed(warm_home: Any) -> None:
    given = ["guardian", "allow", "add"]
    assert warm_home.run(*given, "secrets.aws_key", "--reason", "x", input="").returncode == 2
    assert warm_home.run(*given, "secrets", "--reason", "x", input=KEY).returncode == 2
    assert warm_home.run(*given, "secrets.aws_key", "--reason", "x", "--days", "400", input=KEY).returncode == 2
    assert warm_home.run(*given, "secrets.aws_key", input=KEY).returncode == 2
    assert warm_home.run("guardian", "allow", "list", check=True).stdout == ""
