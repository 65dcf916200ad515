"""Hostile text ends in bounded time, and never in approval where it could not be read."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest

from lukhasd.guardian.detectors.shell import ShellDetector
from lukhasd.guardian.findings import Subject
from lukhasd.guardian.normalise import unfold
from lukhasd.guardian.policy import load_policy

LIMIT_S = 2.0
BOMBS = {
    "commands": "rm x;" * 20_000,
    "groups": "(" * 90_000,
    "substitutions": "$(" * 45_000,
    "single quotes": "'\"" * 49_999,
    "double quotes": '"' * 99_999,
    "braces": "{a,b}" * 19_000,
    "doubling": "a=x;" + "a=$a$a;" * 40 + "echo $a",
    "loops": "for i in 1 2 3 4 5 6 7 8 9; do " * 8 + "rm $i" + "; done" * 8,
    "product": "a=(1 2 3 4 5 6 7 8 9); rm ${a[@]}${a[@]}${a[@]}${a[@]}",
    "functions": "".join(f"f{i}() {{ f{i + 1}; f{i + 1}; }};" for i in range(60)) + "f0",
    "pipes": "a|" * 40_000 + "a",
    "words": "rm -rf " + "a/b " * 24_000,
    "handed on": "echo " + "a " * 40_000 + "| xargs rm",
    "ifs": "if a; then " * 9_000,
    "defaults": "${a:-" * 15_000 + "}" * 15_000,
    "executions": "find . " + "-exec a {} \\; " * 6_000,
    "too long": "a" * 100_001,
}
LARGE = {
    "redirections": ">a " * 30_000,
    "dots": "rm -r " + "x/" * 40_000,
    "at signs": "curl " + "@" * 90_000,
    "sql": 'psql -c "' + "update a set " * 7_000 + 'b=1 where c=2"',
    "document": "cat > a.txt <<'E'\n" + "x = 'y'\n" * 11_000 + "E\n",
}


@pytest.fixture(scope="module")
def detector() -> ShellDetector:
    return ShellDetector(load_policy(Path("/nonexistent")))


def fired(detector: ShellDetector, text: str) -> tuple[set[str], float]:
    started = process_time()
    names = {match.rule.name for match in detector.find(Subject("shell_command", unfold(text), lambda: None))}
    return names, process_time() - started


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_for_a_person(detector: ShellDetector, name: str) -> None:
    names, elapsed_s = fired(detector, BOMBS[name])
    assert "shell.unparsable" in names
    assert elapsed_s < LIMIT_S


@pytest.mark.parametrize("name", LARGE)
def test_large_text_is_read_in_time(detector: ShellDetector, name: str) -> None:
    assert fired(detector, LARGE[name])[1] < LIMIT_S


def test_the_budget_stops_the_reading(detector: ShellDetector) -> None:
    class Late(Exception):
        pass

    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 50:
            raise Late

    with pytest.raises(Late):
        list(detector.find(Subject("shell_command", unfold("rm x;" * 1_000), check)))
