"""A tool call's shell text, code and SQL are found in its arguments, with their places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lukhasd.guardian.detectors.shell import ShellDetector
from lukhasd.guardian.findings import Match, Subject
from lukhasd.guardian.normalise import unfold
from lukhasd.guardian.policy import load_policy
from lukhasd.guardian.shell import pieces


@pytest.fixture(scope="module")
def detector() -> ShellDetector:
    return ShellDetector(load_policy(Path("/nonexistent")))


def found(detector: ShellDetector, content: str) -> list[Match]:
    return list(detector.find(Subject("tool_call", unfold(content), lambda: None)))


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        ('{"tool":"bash","input":{"command":"rm -rf /"}}', "shell", "rm -rf /"),
        ('{"name":"x","arguments":"{\\"cmd\\": \\"a b\\"}"}', "shell", "a b"),
        ('{"args":["rm","-rf","a b"]}', "maybe", "'rm' '-rf' 'a b'"),
        ('{"command":["bash","-lc","ls"]}', "shell", "'bash' '-lc' 'ls'"),
        ('bash(command="ls -l", timeout=3)', "shell", "ls -l"),
        ("run_shell('ls')", "shell", "ls"),
        ('{"query":"DROP TABLE x"}', "sql", "DROP TABLE x"),
        ('{"code":"import os\\nos.remove(\'/x\')"}', "code", "import os\nos.remove('/x')"),
        ("rm -rf /", "maybe", "rm -rf /"),
    ],
)
def test_pieces(content: str, kind: str, text: str) -> None:
    (piece,) = pieces(content)
    assert (piece.kind, piece.text) == (kind, text)


@pytest.mark.parametrize(
    "content",
    ['{"query":"how do I drop a table?"}', '{"path":"a.md","content":"rm -rf /"}', '{"city":"Oslo"}', "f(x=1)", "[]"],
)
def test_other_arguments_are_no_commands(content: str) -> None:
    assert pieces(content) == []


def test_the_span_is_the_command_in_the_content(detector: ShellDetector) -> None:
    content = '{"a":1,"command":"ls; rm -rf /"}'
    (match,) = found(detector, content)
    assert match.rule.name == "files.delete_root"
    assert content[match.start : match.end] == "ls; rm -rf /"
    nested = json.dumps({"function": {"arguments": json.dumps({"command": "rm -rf ~"})}})
    (match,) = found(detector, nested)
    assert "rm -rf ~" in nested[match.start : match.end]


def test_prose_in_a_loose_argument_is_not_called_unreadable(detector: ShellDetector) -> None:
    assert found(detector, '{"input":"Don\'t worry; it\'s fine"}') == []
    assert [match.rule.name for match in found(detector, '{"command":"echo \'"}')] == ["shell.unparsable"]


def test_sql_and_code_are_judged(detector: ShellDetector) -> None:
    assert {match.rule.name for match in found(detector, '{"sql":"DELETE FROM users"}')} == {"databases.drop"}
    assert found(detector, '{"sql":"DELETE FROM users WHERE id = 1"}') == []
    assert found(detector, '{"code":"import shutil; shutil.rmtree(\'/\')"}')
    assert found(detector, '{"code":"import shutil; shutil.rmtree(\'build\')"}') == []


def test_broken_json_is_read_all_the_same(detector: ShellDetector) -> None:
    assert found(detector, '{"command": "rm -rf /", ')
