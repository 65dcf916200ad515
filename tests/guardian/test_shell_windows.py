"""PowerShell and cmd.exe text is read as such: backslashes stay, aliases and encoded commands are seen through."""

from __future__ import annotations

import base64

import pytest

from lukhasd.guardian.shell import Unparsable, looks_windows, read_windows


def lines(text: str) -> list[str]:
    return [" ".join(word.text for word in command.words) for command in read_windows(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"Remove-Item C:\ -Recurse", r"remove-item C:\ -Recurse"),
        (r'del "C:\a b"', r"remove-item C:\a b"),
        (r"Get-ChildItem C:\x | Remove-Item -Force", r"remove-item -Force C:\x"),
        (r"cmd /c rd /s /q C:\x", r"remove-item /s /q C:\x"),
        ("r`e`moveX a", "removex a"),
        ("for^mat c:", "format c:"),
        (r"C:\Windows\System32\vssadmin.exe delete shadows", "vssadmin delete shadows"),
        ("$x = Get-Date; Stop-Computer", "stop-computer"),
        ("1..3 | ForEach-Object { Stop-Process -Id $_ }", "stop-process -Id $_"),
        ("powershell -NoProfile -Command Get-Date", "get-date"),
    ],
)
def test_commands(text: str, expected: str) -> None:
    assert expected in lines(text)


def test_an_encoded_command_is_decoded() -> None:
    script = r"Remove-Item C:\x"
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()
    assert r"remove-item C:\x" in lines(f"powershell -nop -enc {encoded}")
    with pytest.raises(Unparsable):
        lines("powershell -enc AA")


@pytest.mark.parametrize(
    "text", ["Get-ChildItem -Recurse", r"dir C:\Users", "$env:PATH", "reg add HKLM\\x", "del /q a"]
)
def test_the_dialect_is_told(text: str) -> None:
    assert looks_windows(text)


@pytest.mark.parametrize(
    "text", ["ls -la", "git log --format='%h'", "echo a:b", "apt-get install x", "del x", "cd /c/x"]
)
def test_other_text_is_left_alone(text: str) -> None:
    assert not looks_windows(text)


def test_spans_are_places_in_the_content() -> None:
    text = r"Get-Date; Remove-Item 'C:\a b' -Force"
    command = read_windows(text)[1]
    assert text[command.start : command.end] == r"Remove-Item 'C:\a b' -Force"


@pytest.mark.parametrize("before", ["\n" * 20, "\r\n \t ", "  "])
def test_blank_lines_hide_no_command(before: str) -> None:
    assert not looks_windows(f"{before}ls -la")
    assert looks_windows(f"{before}del /s C")
