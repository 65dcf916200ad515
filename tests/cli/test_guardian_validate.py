"""What `lukhas guardian validate` prints, takes out and asks; many verdicts at once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lukhas_sdk.contract.guardian import Span
from lukhas_sdk.redaction import apply_spans

LINE = "POST /v1/guardian/validate"
KEY = "AKIAQX5BNVQ2MPLWT7YC"


def verdict(decision: str = "APPROVED", *, findings: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    """A verdict of the contract's shape."""
    reasoning = {"ethical_framework": "care", "key_factors": [], "findings": findings or [], "would_change": None}
    if decision != "APPROVED":
        reasoning["would_change"] = "other words"
    return {
        "validation_id": "val_1", "decision": decision, "ethics_score": 1.0, "safety_score": None, "conditions": [],
        "reasoning": reasoning, "ethics_level": "STRICT", "duration_ms": 1.0, **more,
    }  # fmt: skip


def finding(start: int, end: int, **more: Any) -> dict[str, Any]:
    return {
        "rule": "secrets.aws_key", "category": "secret", "text": "A key.", "framework": "care", "severity": "high",
        "start": start, "end": end, "excerpt": "AKI***", **more,
    }  # fmt: skip


def guarded(body: Any) -> Any:
    """A guardian that knows one secret, and has it taken out."""
    content = body["action"]["content"]
    at = content.find("SECRET")
    if at < 0:
        return 200, verdict()
    spans = [{"start": at, "end": at + 6, "replacement": "[key]"}]
    need = {"id": "req_1", "kind": "redact", "text": "take the key out", "rule": "secrets.aws_key", "redact": spans}
    return 200, verdict("CONDITIONAL", findings=[finding(at, at + 6)], requirements=[need], conditions=["x"])


def test_a_reason_is_a_line_with_its_figures(home: Any, stand_in: Any) -> None:
    classified = finding(4, 9, rule="classifier.hate", probability=0.91, threshold=0.7, detector="classifier")
    need = {"id": "req_7", "kind": "undertake", "text": "speak to a person first", "rule": "care.alone", "redact": []}
    stand_in.answers[LINE] = (200, verdict("REVIEW", findings=[finding(0, 3), classified], requirements=[need]))
    done = home.run("guardian", "validate", "one\ntwo words")
    assert done.returncode == 7
    head, first, second, condition, change = done.stdout.splitlines()
    assert head.startswith("REVIEW\t")
    assert first.split("\t") == ["secrets.aws_key", "secret", "0-3 line 1", "A key.", "high", "AKI***"]
    assert second.split("\t")[2:5] == ["4-9 line 2", "A key.", "high 0.91 ≥ 0.7"]
    assert condition == "condition req_7 (undertake): speak to a person first"
    assert change == "what would change it: other words"


def test_all_that_can_be_said_of_an_action_is_sent(home: Any, stand_in: Any) -> None:
    stand_in.answers[LINE] = (200, verdict())
    home.run(
        "guardian", "validate", "--type", "tool_output", "--profile", "agent", "--strict", "--intent", "sum it up",
        "--session", "s1", "--undertake", "req_1", "--undertake", "req_2", "text", check=True,
    )  # fmt: skip
    body = stand_in.seen[-1][1]
    assert body["action"] == {
        "type": "tool_output", "content": "text", "intent": "sum it up", "context": None, "target_user": None,
    }  # fmt: skip
    assert (body["ethics_level"], body["profile"], body["session_id"]) == ("STRICT", "agent", "s1")
    assert body["undertakings"] == ["req_1", "req_2"]


def test_a_long_verdict_fits_a_terminal(home: Any, stand_in: Any, on_terminal: Any) -> None:
    many = [finding(index, index + 1, excerpt="x" * 400) for index in range(100)]
    stand_in.answers[LINE] = (200, verdict("REJECTED", findings=many))
    code, shown = on_terminal(home.env, "guardian", "validate", "text")
    assert (code, "and 97 more" in shown) == (6, True)
    assert len(shown.splitlines()) < 30
    assert len(home.run("guardian", "validate", "text").stdout.splitlines()) == 102


def test_redact(home: Any, stand_in: Any) -> None:
    stand_in.answers[LINE] = guarded
    done = home.run("guardian", "validate", "--redact", "--type", "message", "-", input="before SECRET after\n")
    assert (done.returncode, done.stdout) == (0, "before [key] after\n")
    assert done.stderr.startswith("CONDITIONAL\n")
    assert "SECRET" not in done.stderr
    assert home.run("guardian", "validate", "--redact", "-", input="nothing\n").stdout == "nothing\n"
    envelope = json.loads(home.run("guardian", "validate", "--redact", "--json", "a SECRET").stdout)
    assert (envelope["data"]["content"], envelope["data"]["verdict"]["decision"]) == ("a [key]", "CONDITIONAL")


def test_redact_with_the_guardian_itself(warm_home: Any) -> None:
    draft = f"Hello Ana,\nthe key is {KEY}, use it well.\n"
    done = warm_home.run("guardian", "validate", "--redact", "--type", "message", "-", input=draft)
    assert (done.returncode, KEY in done.stdout + done.stderr) == (0, False)
    assert re.fullmatch(r"Hello Ana,\nthe key is \[\w+\], use it well\.\n", done.stdout)
    assert done.stderr.startswith("CONDITIONAL\n")
    verdict = json.loads(warm_home.run("guardian", "validate", "--json", "--type", "message", done.stdout).stdout)
    assert verdict["data"]["decision"] == "APPROVED"


@pytest.mark.parametrize(("decision", "code"), [("CONDITIONAL", 1), ("REVIEW", 7), ("REJECTED", 6)])
def test_what_does_not_pass_even_so_is_not_printed(home: Any, stand_in: Any, decision: str, code: int) -> None:
    stand_in.answers[LINE] = (200, verdict(decision, conditions=["x"]))
    done = home.run("guardian", "validate", "--redact", "my SECRET")
    assert (done.returncode, done.stdout) == (code, "")
    assert "nothing is printed" in done.stderr
    assert "SECRET" not in done.stderr


def test_spans_that_overlap_are_taken_out_once() -> None:
    spans = [Span(8, 12, "[c]"), Span(0, 4, "[a]"), Span(2, 6, "[b]")]
    assert apply_spans("0123456789abcdef", spans) == "[a]67[c]cdef"


def test_asking_without_a_terminal_is_no(home: Any, stand_in: Any) -> None:
    for decision, code in (("APPROVED", 0), ("CONDITIONAL", 7), ("REVIEW", 7), ("REJECTED", 6)):
        stand_in.answers[LINE] = (200, verdict(decision, conditions=["x"]))
        done = subprocess.run(
            [sys.executable, "-m", "lukhas_cli", "guardian", "validate", "--ask", "text"], env=home.env,
            capture_output=True, text=True, start_new_session=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (code, "")
        assert (decision in done.stderr) is (decision != "APPROVED")


def rows(done: Any) -> list[Any]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_batch_is_answered_in_order_and_goes_on_after_a_bad_line(warm_home: Any, tmp_path: Path) -> None:
    file = tmp_path / "actions.jsonl"
    lines = [
        '{"content": "ls", "type": "shell_command", "id": "a", "label": 1}',
        "",
        "not json",
        '{"text": "rm -rf /", "type": "shell_command", "id": 7}',
        '{"content": "hello", "type": "poem"}',
        '{"id": "empty"}',
        "\xff",
        f'{{"content": "the key is {KEY}", "type": "message"}}',
    ]
    file.write_bytes("\n".join(lines).encode("latin-1"))
    done = warm_home.run("guardian", "validate", "--batch", str(file))
    found = rows(done)
    assert [row["line"] for row in found] == [1, 3, 4, 5, 6, 7, 8]
    assert [row.get("decision") for row in found] == ["APPROVED", None, "REJECTED", None, None, None, "CONDITIONAL"]
    assert (found[0]["id"], found[2]["id"], found[4]["id"]) == ("a", 7, "empty")
    for row in found:
        assert ("error" in row) is ("verdict" not in row)
    assert "line 5" in found[3]["error"]["message"]
    assert done.returncode == 6
    assert re.match(r"3 judged in .* 1 APPROVED, 1 CONDITIONAL, 1 REJECTED, 4 not judged", done.stderr)
    assert KEY not in done.stdout


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["ls"], 0),
        (["ls", "echo x >> ~/.profile"], 7),
        (["rm -rf /", "echo x >> ~/.profile"], 6),
        ([], 0),
    ],
)
def test_the_exit_code_of_a_batch_is_its_worst(warm_home: Any, lines: list[str], code: int) -> None:
    text = "\n".join(lines)
    done = warm_home.run(
        "guardian", "validate", "--batch", "-", "--lines", "--type", "shell_command", "--json", input=text
    )
    *judged, end = rows(done)
    assert (done.returncode, len(judged)) == (code, len(lines))
    assert (end["type"], end["judged"], end["errors"]) == ("end", len(lines), 0)


def test_a_batch_of_errors_alone_is_a_failure(warm_home: Any) -> None:
    assert warm_home.run("guardian", "validate", "--batch", "-", input="no\n").returncode == 1
    assert warm_home.run("guardian", "validate", "--batch", "/nonexistent").returncode == 5
    assert warm_home.run("guardian", "validate", "--batch", "-", "text").returncode == 2
    assert warm_home.run("guardian", "validate", "--lines", "text").returncode == 2


def test_a_batch_keeps_its_order_when_answers_do_not(home: Any, stand_in: Any) -> None:
    def slow_first(body: Any) -> Any:
        number = int(body["action"]["content"])
        time.sleep(0.05 if number % 4 == 0 else 0)
        return 200, verdict(validation_id=f"val_{number}") if number != 3 else verdict("REVIEW")

    stand_in.answers[LINE] = slow_first
    done = home.run("guardian", "validate", "--batch", "-", "--lines", input="\n".join(map(str, range(40))))
    assert [row["line"] for row in rows(done)] == list(range(1, 41))
    assert rows(done)[8]["verdict"]["validation_id"] == "val_8"
    assert done.returncode == 7


def test_a_batch_waits_where_a_rate_limit_applies(home: Any, stand_in: Any) -> None:
    refused: list[Any] = []

    def limited(body: Any) -> Any:
        if len(refused) < 2:
            refused.append(body)
            error = {"code": "RATE_LIMIT_EXCEEDED", "message": "too many", "details": {}}
            return 429, {"error": error}
        return 200, verdict()

    stand_in.answers[LINE] = limited
    done = home.run("guardian", "validate", "--batch", "-", "--lines", input="one\ntwo\nthree\n", check=True)
    assert [row["decision"] for row in rows(done)] == ["APPROVED"] * 3
    assert len(refused) == 2


def test_a_batch_prints_what_is_judged_while_more_is_waited_for(warm_home: Any) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lukhas_cli", "guardian", "validate", "--batch", "-", "--lines"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=warm_home.env, text=True, bufsize=1,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    process.stdin.write("good morning\n")
    assert json.loads(process.stdout.readline())["decision"] == "APPROVED"
    process.stdin.write("good evening\n")
    assert json.loads(process.stdout.readline())["line"] == 2
    _, said = process.communicate()
    assert "2 judged" in said


def test_a_batch_ends_where_there_is_no_daemon(home: Any) -> None:
    done = home.run("guardian", "validate", "--no-autostart", "--batch", "-", "--lines", input="one\ntwo\n")
    assert (done.returncode, done.stdout) == (3, "")


def test_a_batch_shows_a_bar_on_a_terminal(warm_home: Any, on_terminal: Any, tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text("good morning\n" * 30)
    code, shown = on_terminal(warm_home.env, "guardian", "validate", "--lines", "--batch", str(file))
    assert (code, "30 judged in" in shown) == (0, True)
    assert "judging" in shown
