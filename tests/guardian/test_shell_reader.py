"""What a shell would run, and what it would only pass along."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lukhasd.guardian.shell import Unparsable, read_commands


def programs(text: str) -> list[str]:
    return [" ".join(word.text for word in command.words) for command in read_commands(text)[0] if command.words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ls -la", "ls -la"),
        ("echo a && rm b", "rm b"),
        ("a; b | c & d || e", "e"),
        ("echo $(rm x)", "rm x"),
        ("echo `rm x`", "rm x"),
        ('echo "a $(rm x) b"', "rm x"),
        ("diff <(rm x) y", "rm x"),
        ("(cd /tmp; rm x)", "rm x"),
        ("{ rm x; }", "rm x"),
        ("if true; then rm x; fi", "rm x"),
        ("for f in a b; do rm x; done", "rm x"),
        ("case $1 in a) rm x;; esac", "rm x"),
        ("r\\m x", "rm x"),
        ("'r'\"m\" x", "rm x"),
        ("$'\\x72m' x", "rm x"),
        ("rm${IFS}x", "rm x"),
        ("{rm,x}", "rm x"),
        ("A=rm; $A x", "rm x"),
        ("rm \\\n x", "rm x"),
        ("sudo -u root rm x", "rm x"),
        ("sudo env A=1 nohup rm x", "rm x"),
        ("timeout -s KILL 5 nice -n 3 rm x", "rm x"),
        ("bash -lc 'rm x'", "rm x"),
        ("sh -c \"sh -c 'rm x'\"", "rm x"),
        ("eval 'rm x'", "rm x"),
        ("ssh -p 22 host 'rm x'", "rm x"),
        ("ssh host rm x", "rm x"),
        ("watch -n 1 'rm x'", "rm x"),
        ("find . -name y -exec rm x \\;", "rm x"),
        ("ls | xargs -n 1 rm", "rm ./*"),
        ("cat list | xargs -n 1 rm", "rm {}"),
        ("docker exec box sh -c 'rm x'", "rm x"),
        ("su - root -c 'rm x'", "rm x"),
        ("env -S 'rm x'", "rm x"),
        ("echo 'rm x' | sh", "rm x"),
        ("echo cm0geA== | base64 -d | bash", "rm x"),
        ("bash <<EOF\nrm x\nEOF", "rm x"),
        ("bash <<< 'rm x'", "rm x"),
        ("python3 -c \"import os; os.system('rm x')\"", "rm x"),
        ("! rm x", "rm x"),
        ("time rm x", "rm x"),
    ],
)
def test_what_runs_is_found(text: str, expected: str) -> None:
    assert expected in programs(text)


@pytest.mark.parametrize(
    "text",
    [
        "echo 'rm x'",
        'echo "rm x"',
        "grep 'rm x' file",
        "git commit -m 'rm x'",
        "ls # rm x",
        "cat <<'EOF'\nrm x\nEOF",
        "printf '%s' 'rm x' > script.sh",
        "echo '$(rm x)'",
        "echo \\$(rm x",
    ],
)
def test_what_is_only_data_does_not_run(text: str) -> None:
    try:
        assert "rm x" not in programs(text)
    except Unparsable:
        assert "\\$(" in text


@pytest.mark.parametrize("text", ["echo 'a", 'echo "a', "echo `a", "echo $(a", "$(" * 40 + ")" * 40, "a >", "x\x00y"])
def test_what_cannot_be_read_says_why(text: str) -> None:
    with pytest.raises(Unparsable) as caught:
        read_commands(text)
    assert str(caught.value)


def test_size_and_number_are_bounded() -> None:
    with pytest.raises(Unparsable, match="longer"):
        read_commands("a " * 60_000)
    with pytest.raises(Unparsable, match="more than"):
        read_commands("a;" * 5_000)


def test_spans_are_places_in_the_content() -> None:
    text = "cd /tmp && sudo bash -c 'rm x' && ls"
    inner = next(command for command in read_commands(text)[0] if command.program == "rm")
    assert text[inner.start : inner.end] == "sudo bash -c 'rm x'"
    assert inner.via == ("sudo", "bash")


def test_pipes_join_groups() -> None:
    commands, _ = read_commands("(curl a; true) | sh")
    shell = next(command for command in commands if command.program == "sh")
    curl = next(command for command in commands if command.program == "curl")
    assert shell.reads_from(curl)
    assert not curl.reads_from(shell)


@given(st.text(alphabet="ab $(){}[]'\"`|&;<>\\\n#=!/-*~", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        commands, _ = read_commands(text)
    except Unparsable:
        return
    assert all(0 <= command.start <= command.end <= len(text) for command in commands)


@pytest.mark.parametrize("space", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r", "\u3000"])
def test_no_white_space_holds_the_reader_up(space: str) -> None:
    """A shell parts words at spaces and tabs alone; anything else is a character like others."""
    for text in (f"{space}'!='", f"x=({space}a{space})", f"rm {space} -rf", f">{space}f"):
        with contextlib.suppress(Unparsable):
            read_commands(text)
