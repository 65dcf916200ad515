"""Reads PowerShell and cmd.exe text into commands: statements and words, without expanding anything.

Backslashes are ordinary characters here; the escapes are the backtick and the caret. Programs' names are in lower
case, without folder and `.exe`; the aliases that delete are called `remove-item`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from lukhasd.guardian.shell.words import Command, Unparsable, Word

MAX_STATEMENTS = 2000
MAX_DEPTH = 6
SIGNS = re.compile(
    r"(?:^|[\s(;|&{])(?:Get|Set|New|Remove|Add|Clear|Stop|Start|Invoke|Format|Disable|Enable|Write|Test|Copy|Move|Out|"
    r"Import|Export|Select|Where|ForEach|Sort|Uninstall|Install|Register|Unregister|Restart|Expand|Compress|Initialize|"
    r"ConvertTo|ConvertFrom|Update|Rename|Reset|Suspend|Revoke|Restore|Checkpoint|Mount|Dismount|Resize|Repair)-[A-Z]\w{2,40}|"
    r"\b[a-z]:[\\/](?![/\\])|\$env:|%\w{3,30}%|\bpowershell|\bpwsh|\bIEX\b|\biwr\b|\birm\b|New-Object|"
    r"^[ \t]{0,8}(?:del|erase|rd|rmdir)\s+/[a-z]\b|"
    r"^[ \t]{0,8}(?:cmd(?:\.exe)?\s+/[ck]|format\s+[a-z]:|reg\s+(?:add|delete|save)|"
    r"vssadmin|wevtutil|bcdedit|wmic|schtasks|netsh|cipher\s+/|certutil|bitsadmin|net\s+(?:user|localgroup|stop)|sc\s+(?:\.exe)?\w|"
    r"mshta|rundll32|regsvr32|icacls|takeown|diskpart|wbadmin|fsutil|attrib)\b",
    re.IGNORECASE | re.MULTILINE,
)
TOKEN = re.compile(r'[^\s"\']+')
REMOVERS = {"rm", "ri", "del", "erase", "rd", "rmdir", "remove-item"}
LISTERS = {"get-childitem", "gci", "ls", "dir", "get-item", "gi"}
RUNNERS = {
    "start",
    "call",
    "start-process",
    "saps",
    "sudo",
    "runas",
    "invoke-expression",
    "iex",
    "icm",
    "invoke-command",
}
SHELLS = {"powershell", "pwsh", "cmd"}
ENCODED = re.compile(r"-(?:e|ec|en\w{0,12})", re.IGNORECASE)
SCRIPT = re.compile(r"-(?:c|com\w{0,5})|/[ckr]", re.IGNORECASE)


def looks_windows(text: str) -> bool:
    return SIGNS.search(text) is not None


def read_windows(
    text: str, check: Callable[[], None] = lambda: None, *, fixed: tuple[int, int] | None = None
) -> list[Command]:
    """The commands of `text`. Raises Unparsable where a quotation is not closed."""
    found: list[Command] = []
    read(text, 0, fixed, (), found, check)
    return found


def read(
    text: str,
    offset: int,
    fixed: tuple[int, int] | None,
    via: tuple[str, ...],
    found: list[Command],
    check: Callable[[], None],
) -> None:
    if len(via) > MAX_DEPTH:
        raise Unparsable(f"it is nested more than {MAX_DEPTH} deep")
    upstream: Command | None = None
    for start, end, piped in statements(text):
        check()
        words = split(text[start:end], offset + start, fixed)
        if not words:
            continue
        if len(found) >= MAX_STATEMENTS:
            raise Unparsable(f"it runs more than {MAX_STATEMENTS} commands")
        while len(words) > 2 and (words[0].text.startswith("$") and words[1].text == "="):
            words = words[2:]
        command = made(words, via, upstream if piped else None)
        found.append(command)
        upstream = command
        for inner in inner_texts(command):
            span = fixed or (command.start, command.end)
            read(inner, 0, span, (*via, command.program), found, check)


def made(words: list[Word], via: tuple[str, ...], upstream: Command | None) -> Command:
    name = re.split(r"[\\/]", words[0].text.lstrip("&(.@"))[-1].lower().removesuffix(".exe") or words[0].text.lower()
    rest = words[1:]
    operands = [word for word in rest if not word.text.startswith(("-", "/"))]
    if name in REMOVERS:
        name = "remove-item"
        if not operands and upstream is not None and upstream.program in LISTERS:
            rest += [word for word in upstream.arguments if not word.text.startswith(("/", "\\\\"))]
    head = Word(name, words[0].start, words[0].end)
    fed = " ".join(word.text for word in upstream.words) if upstream is not None else None
    return Command((head, *rest), (), (), (), words[0].start, words[-1].end, via, None, fed)


def inner_texts(command: Command) -> list[str]:
    """The command texts that `command` runs."""
    texts = [word.text for word in command.arguments]
    if command.program in RUNNERS:
        return [" ".join(text for text in texts if not text.startswith(("-", "/")))]
    if command.program not in SHELLS:
        return [text for text in texts if command.program in ("forfiles", "for", "schtasks") and " " in text]
    for place, text in enumerate(texts):
        rest = texts[place + 1 :]
        if ENCODED.fullmatch(text) and rest:
            return [decode(rest[0])]
        if SCRIPT.fullmatch(text):
            return [" ".join(rest)]
    plain = [text for text in texts if not text.startswith(("-", "/"))]
    return [" ".join(plain)] if plain and not plain[0].lower().endswith((".ps1", ".bat", ".cmd")) else []


def decode(text: str) -> str:
    """The text of -EncodedCommand: base64 of UTF-16 with the low byte first."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-16-le")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unparsable("an encoded command cannot be decoded") from error


def statements(text: str) -> list[tuple[int, int, bool]]:
    """Start and end of each statement, and whether a pipe leads into it."""
    found: list[tuple[int, int, bool]] = []
    start, quote, piped = 0, "", False
    at = 0
    while at < len(text):
        character = text[at]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and not (character == "'" and at and text[at - 1].isalnum()):
            quote = character
        elif character in "`^" and at + 1 < len(text):
            at += 1
        elif character in ";|\n{}" or (character == "&" and text[start:at].strip()):
            found.append((start, at, piped))
            piped = character == "|" and text[at : at + 2] != "||"
            start = at + 1
        at += 1
    if quote:
        raise Unparsable(f"a quotation mark {quote} is not closed")
    found.append((start, len(text), piped))
    return found


def split(text: str, offset: int, fixed: tuple[int, int] | None) -> list[Word]:
    """Words at white space outside quotation marks, which are taken off; backticks and carets too."""
    words: list[Word] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        start, parts, bare = at, [], True
        while at < len(text) and not text[at].isspace():
            if text[at] in "\"'":
                close = text.find(text[at], at + 1)
                close = len(text) if close < 0 else close
                parts.append(text[at + 1 : close])
                at, bare = close + 1, False
            elif text[at] in "`^":
                parts.append(text[at + 1 : at + 2])
                at += 2
            elif text[at] == "," and parts:
                break
            else:
                parts.append(text[at])
                at += 1
        if at < len(text) and text[at] == ",":
            at += 1
        span = fixed or (offset + start, offset + min(at, len(text)))
        words.append(Word("".join(parts), *span, bare))
    return words
