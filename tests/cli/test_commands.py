"""Every command against a real daemon."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest


def data(home: Any, *args: str, input: str | None = None, code: int = 0) -> Any:
    done = home.run(*args, "--json", input=input)
    assert done.returncode == code, (done.stdout, done.stderr)
    found = json.loads(done.stdout)
    assert found["status"] == ("error" if code else "ok"), found
    assert bool(found["errors"]) == bool(code), found
    return found["data"]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "house.md").write_text(
        "# House\n\n## Keys\n\nThe spare key is under the blue pot on the balcony.\n\n"
        "## Repairs\n\nTo undo a repair of the boiler, turn the red valve back.\n"
    )
    (folder / "trip.txt").write_text("We fly to Lisbon in March.\n\nThe hotel is called Aurora.\n")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    return folder


def test_import_then_ask(home: Any, notes: Path) -> None:
    first = home.run("memory", "import", str(notes))
    assert first.returncode == 0, first.stderr
    assert first.stdout == "stored\t4\nskipped\t0\n"
    assert "picture.png" in first.stderr
    assert data(home, "memory", "import", str(notes))["skipped"] == 4

    answer = data(home, "process", "Where is the spare key?")
    assert "blue pot" in answer["response"]
    assert "blue pot" in answer["citations"][0]["quote"]
    assert [row["stage"] for row in answer["matriz_pipeline_trace"]] == [
        "memory", "attention", "thought", "risk", "intent", "action"]  # fmt: skip

    plain = home.run("process", "Where is the spare key?", check=True).stdout.splitlines()
    cited = [line.split("\t") for line in plain if re.match(r"\[\d+\]\t", line)]
    assert "blue pot" in cited[0][1]
    assert cited[0][4].startswith("mem_")
    traced = [line.split("\t") for line in plain[-6:]]
    assert [row[0] for row in traced] == ["memory", "attention", "thought", "risk", "intent", "action"]
    assert all(len(row) == 4 and float(row[3]) >= 0 for row in traced)

    nothing = data(home, "process", "-", "--memory-depth", "0", input="What is the capital of Peru?")
    assert nothing["metadata"]["answered"] is False


def test_store_search_recall_list_delete(warm_home: Any) -> None:
    stored = data(
        warm_home, "memory", "store", "-", "--type", "episodic", "--tag", "sea", "--tag", "boat", "--importance", "0.9",
        "--context", "speaker=Ana", "--timestamp", "2024-05-06", input="The sail is at\tthe loft\nin Cascais.",
    )  # fmt: skip
    memory_id = stored["memory_id"]
    whole = data(warm_home, "memory", "recall", memory_id)
    assert whole["content"]["data"] == "The sail is at\tthe loft\nin Cascais."
    assert whole["content"]["context"]["speaker"] == "Ana"
    assert whole["metadata"]["importance"] == 0.9

    hits = data(warm_home, "memory", "search", "sail loft", "--tag", "sea", "--since", "2024-05-01", "--limit", "3")
    assert [hit["memory_id"] for hit in hits["results"]] == [memory_id]
    assert data(warm_home, "memory", "search", "sail", "--until", "2024-05-05", "--tag", "sea")["results"] == []
    assert data(warm_home, "memory", "search", "sail", "--type", "semantic", "--tag", "sea")["results"] == []
    bare = data(warm_home, "memory", "search", "sail", "--tag", "sea", "--no-context", "--min-importance", "0.8")
    assert bare["results"][0]["context"] is None

    line = warm_home.run("memory", "search", "sail", "--tag", "sea", check=True).stdout
    assert line.count("\n") == 1, "a hit is one line, whatever its text"
    cells = line.rstrip("\n").split("\t")
    assert (cells[1], cells[2], cells[5]) == (
        memory_id, "2024-05-06T00:00:00+00:00", "The sail is at the loft in Cascais.")  # fmt: skip

    shown = warm_home.run("memory", "recall", memory_id, check=True).stdout
    assert shown.endswith("\n\nThe sail is at\tthe loft\nin Cascais.\n")
    assert "context.speaker\tAna" in shown
    assert data(warm_home, "memory", "stats")["tags"]["sea"] >= 1

    assert warm_home.run("memory", "delete", memory_id).returncode == 2
    assert warm_home.run("memory", "delete", memory_id, "--yes", check=True).stdout == f"deleted\t{memory_id}\n"
    assert warm_home.run("memory", "recall", memory_id).returncode == 5


def test_list_pages(warm_home: Any) -> None:
    for number in range(5):
        warm_home.run("memory", "store", f"Page {number} of the ledger.", "--tag", "ledger", check=True)
    page = data(warm_home, "memory", "list", "--tag", "ledger", "--limit", "2")
    assert (len(page["memories"]), page["total_count"]) == (2, 5)
    rest = data(warm_home, "memory", "list", "--tag", "ledger", "--limit", "2", "--cursor", page["next_cursor"])
    assert not {memory["memory_id"] for memory in rest["memories"]} & {item["memory_id"] for item in page["memories"]}
    assert len(data(warm_home, "memory", "list", "--tag", "ledger", "--all")["memories"]) == 5
    assert len(warm_home.run("memory", "list", "--tag", "ledger", "--all", check=True).stdout.splitlines()) == 5


def test_guardian(warm_home: Any, tmp_path: Path) -> None:
    rejected = warm_home.run("guardian", "validate", "--type", "shell_command", "--", "rm -rf /")
    assert rejected.returncode == 6
    lines = [line.split("\t") for line in rejected.stdout.splitlines()]
    assert lines[0][0] == "REJECTED"
    rule, category, place, *_ = lines[1]
    assert (category, place) == ("command", "0-8")
    assert "." in rule
    assert warm_home.run("guardian", "validate", "--type", "shell_command", "ls -l").returncode == 0
    assert warm_home.run("guardian", "validate", input="Good morning").returncode == 0
    file = tmp_path / "script.sh"
    file.write_text("rm -rf /\n")
    verdict = data(warm_home, "guardian", "validate", "--type", "shell_command", "--file", str(file), code=6)
    assert verdict["decision"] == "REJECTED"
    assert warm_home.run("guardian", "validate", "--file", str(tmp_path / "none")).returncode == 5
    assert warm_home.run("guardian", "validate", "x", "--file", str(file)).returncode == 2

    packs = data(warm_home, "guardian", "policy", "list")["packs"]
    assert packs
    shown = warm_home.run("guardian", "policy", "show", packs[0]["name"], check=True).stdout.splitlines()
    assert len(shown) == len(packs[0]["rules"])
    assert warm_home.run("guardian", "policy", "show", "no-such-pack").returncode == 5


def test_what_the_guardian_rejects_is_left_out_of_an_import(home: Any, tmp_path: Path) -> None:
    secret = "ghp_" + "Zq8Lm2Xv9RtK4wYb7NcD1sFhJ6pG3aUeT0Vo"
    rows = ["The ferry leaves at nine.", f"export GITHUB_TOKEN={secret}", "The market is on Friday."]
    done = home.run("memory", "import", "-", "--split", "line", "--json", input="\n".join(rows))
    summary = json.loads(done.stdout)["data"]
    assert summary["stored"] == 2
    assert len(summary["rejected"]) + len(summary["quarantined"]) == 1
    assert done.returncode == (6 if summary["rejected"] else 0)


def test_auth(home: Any, tmp_path: Path) -> None:
    who = data(home, "auth", "status")
    assert (who["tier"], who["method"], who["password_set"]) == ("ΛPRIME", "local_key", False)
    assert home.run("auth", "password").returncode == 2, "nobody can be asked"
    home.run("auth", "password", "--password-stdin", input="a long password\n", check=True)
    file = tmp_path / "current"
    file.write_text("a long password\n")
    home.run(
        "auth", "password", "--current-password-file", str(file), "--password-stdin", input="another one\n", check=True
    )
    assert home.run("auth", "login", "--password-stdin", input="a long password\n").returncode == 4
    login = home.run("auth", "login", "--password-stdin", "--json", input="another one\n", check=True)
    kept = (home.path / "state" / "session.refresh").read_text().strip()
    assert kept not in login.stdout
    assert "logout ends it" in home.run("auth", "status", check=True).stdout
    assert data(home, "auth", "logout")["revoked"] >= 1
    assert not (home.path / "state" / "session.refresh").exists()
    assert data(home, "auth", "logout")["revoked"] == 0

    created = home.run("auth", "key", "create", "ci", "--tier", "ΛUSER", "--expires-in-days", "3", check=True)
    key = created.stdout.strip()
    assert "\t" not in key and " " not in key
    listed = data(home, "auth", "key", "list")["keys"]
    assert [(entry["name"], entry["tier"]) for entry in listed] == [("ci", "ΛUSER")]
    assert key not in json.dumps(listed)
    assert data(home, "auth", "key", "revoke", listed[0]["key_id"])["revoked"] is True
    assert home.run("auth", "key", "revoke", "key_none").returncode == 5


def test_model(warm_home: Any) -> None:
    assert data(warm_home, "model", "list")["current"] is None
    assert warm_home.run("model", "test").returncode == 5
    assert warm_home.run("model", "use", "localhost:1").returncode == 2
    assert warm_home.run("model", "use", "none", "--model", "x").returncode == 2
    assert data(warm_home, "model", "use", "none")["base_url"] is None


def test_status_and_daemon_status(warm_home: Any) -> None:
    rows = dict(line.split("\t", 1) for line in warm_home.run("status", check=True).stdout.splitlines() if "\t" in line)
    assert float(rows["system uptime"].removesuffix(" s")) > 0
    assert {"brain_hub", "guardian", "memory", "consciousness"} <= set(rows)
    assert data(warm_home, "status")["system"]["uptime_seconds"] > 0
    state = data(warm_home, "daemon", "status")
    assert (state["status"], state["pid"]) == ("ready", warm_home.pids()[0])


def test_doctor_needs_no_daemon_and_starts_none(home: Any) -> None:
    findings = data(home, "doctor")
    assert {finding["check"] for finding in findings} >= {
        "python", "versions", "data folder", "settings", "daemon", "local key", "keyring", "database",
        "embedding model", "disk"}  # fmt: skip
    assert all(finding["state"] == "ok" for finding in findings if finding["check"] in ("embedding model", "versions"))
    assert home.pids() == []


def test_doctor_finds_what_is_wrong(home: Any) -> None:
    (home.path / "config").mkdir(mode=0o755)
    (home.path / "config" / "config.toml").write_text("[daemon]\nprot = 1\n")
    (home.path / "data").write_text("not a folder")
    done = home.run("doctor", "--json")
    assert done.returncode == 1
    found = {finding["check"]: finding for finding in json.loads(done.stdout)["data"]}
    assert (found["config folder"]["state"], found["data folder"]["state"]) == ("warn", "fail")
    assert found["settings"]["state"] == "fail"
    assert "daemon.port" in found["settings"]["remedy"]
    assert all(finding["remedy"] for finding in found.values() if finding["state"] != "ok")


def test_doctor_with_a_daemon(warm_home: Any) -> None:
    found = {finding["check"]: finding for finding in data(warm_home, "doctor")}
    assert found["socket"]["state"] == found["language model"]["state"] == found["daemon"]["state"] == "ok"


def test_config(home: Any) -> None:
    assert home.run("config", "get", "guardian.ethics_level", check=True).stdout == "STRICT\n"
    changed = home.run("config", "set", "guardian.ethics_level", "BALANCED", check=True)
    assert changed.stderr == "", "no daemon runs that would have to be restarted"
    home.run("config", "set", "daemon.allowed_origins", "http://localhost:1, http://localhost:2", check=True)
    rows = {row["key"]: row for row in data(home, "config", "list", "--resolved")}
    assert (rows["guardian.ethics_level"]["value"], rows["guardian.ethics_level"]["origin"]) == ("BALANCED", "file")
    assert rows["daemon.allowed_origins"]["value"] == ["http://localhost:1", "http://localhost:2"]
    assert rows["daemon.port"]["origin"] == "environment"
    home.run("config", "unset", "guardian.ethics_level", check=True)
    assert home.run("config", "get", "guardian.ethics_level", check=True).stdout == "STRICT\n"
    assert "LUKHAS_PORT is set" in home.run("config", "set", "daemon.port", "8123", check=True).stderr
    path = Path(home.run("config", "path", check=True).stdout.strip())
    assert "port = 8123" in path.read_text()
    assert home.run("config", "set", "guardian.ethics_level", "LOOSE").returncode == 2
    assert home.pids() == []


def test_config_says_that_a_running_daemon_must_be_restarted(warm_home: Any) -> None:
    changed = warm_home.run("config", "set", "matriz.context_tokens", "900", check=True)
    assert "lukhas daemon restart" in changed.stderr
    warm_home.run("config", "unset", "matriz.context_tokens", check=True)
