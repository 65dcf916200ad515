"""What common programs print, where that follows from their words, their input and files written before."""

from __future__ import annotations

import base64
import binascii
import re

from lukhasd.guardian.shell.expansion import Scope, locate
from lukhasd.guardian.shell.words import Command

PRINTERS = {"echo", "printf"}
DECODERS = {"base64", "gbase64", "base32"}
PASSING = {"sort", "uniq", "tac", "tee", "cat", "head", "tail", "nl", "tr", "pv", "sponge", "column", "stdbuf"}
SILENT = {
    "cd", "pushd", "popd", "mkdir", "rm", "rmdir", "mv", "cp", "touch", "chmod", "chown", "test", "[", "[[", "true",
    "false", ":", "export", "readonly", "local", "declare", "typeset", "unset", "set", "shift", "read", "sleep",
    "return", "exit", "wait", "trap", "alias", "case", "let", "shopt", "ulimit", "umask", "break", "continue",
}  # fmt: skip
ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|0?([0-7]{1,3})|(.))", re.S)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "\\": "\\"}
CONVERSION = re.compile(r"%(?:%|[-+ #0]{0,5}\d{0,4}(?:\.\d{1,4})?([sdiubqcxXo]))")


def printed(command: Command, scope: Scope, files: dict[str, str]) -> str | None:
    """The standard output of `command`, or None where it cannot be known."""
    program = command.program
    words = [word.text for word in command.arguments]
    operands = [word for word in words if not word.startswith("-")]
    if program in SILENT:
        return ""
    if program == "echo":
        return echoed(words)
    if program == "printf":
        return formatted(words[2:] if words[:1] == ["-v"] else words)
    if program in DECODERS or program == "xxd":
        return decoded(program, words, given(operands, command, scope, files))
    if program == "rev":
        text = given(operands, command, scope, files)
        return None if text is None else "\n".join(line[::-1] for line in text.splitlines()) + "\n"
    if program == "tr":
        return translated(words, command.fed)
    if program in PASSING:
        text = given([] if program == "tee" else operands, command, scope, files)
        return None if text and program in ("head", "tail") and "*" in text else text
    if any(word.dynamic for word in command.arguments):
        return None
    if program in ("basename", "dirname") and operands:
        folder, _, name = operands[0].rstrip("/").rpartition("/")
        if program == "basename":
            return (name.removesuffix(operands[1]) if len(operands) > 1 else name) + "\n"
        return (folder or ("/" if operands[0].startswith("/") else ".")) + "\n"
    if program in ("realpath", "readlink") and operands:
        return locate(operands[-1], scope.folder) + "\n"
    return simple_output(program, words, operands, scope)


def simple_output(program: str, words: list[str], operands: list[str], scope: Scope) -> str | None:
    if program == "pwd":
        return (scope.folder or ".") + "\n"
    if program == "mktemp":
        return "/tmp/tmp.XXXXXXXXXX\n"  # noqa: S108
    if program in ("which", "whence") or (program == "command" and words[:1] == ["-v"]):
        return f"/usr/bin/{operands[0]}\n" if operands else None
    if program == "ls":
        folders = operands or ["."]
        return "".join((f if "*" in f or "-d" in words else f"{f.rstrip('/')}/*") + "\n" for f in folders)
    if program == "git" and "--show-toplevel" in words:
        return ".\n"
    if program == "yes":
        return (operands[0] if operands else "y") + "\n"
    return None


def given(operands: list[str], command: Command, scope: Scope, files: dict[str, str]) -> str | None:
    """The text of the files named, or what is fed in where none is."""
    if not [word for word in operands if word != "-"]:
        return command.fed
    texts = [files.get(locate(word, scope.folder)) for word in operands]
    return None if None in texts else "".join(text for text in texts if text is not None)


def echoed(words: list[str]) -> str:
    escapes = False
    while words and re.fullmatch(r"-[neE]{1,3}", words[0]):
        escapes = escapes or "e" in words[0]
        words = words[1:]
    text = " ".join(words)
    return (ESCAPE.sub(unescape, text) if escapes else text.replace("\\n", "\n")) + "\n"


def unescape(match: re.Match[str]) -> str:
    code, octal, other = match.groups()
    if code:
        return chr(int(code, 16))
    return chr(int(octal, 8) & 0xFF) if octal else ESCAPES.get(other, match[0])


def formatted(words: list[str]) -> str | None:
    """printf: the format is used again until all arguments are."""
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        return None
    form, arguments = ESCAPE.sub(unescape, words[0]), words[1:]
    pieces: list[str] = []
    while True:
        before = len(arguments)

        def put(match: re.Match[str]) -> str:
            if match[1] is None:
                return "%"
            value = arguments.pop(0) if arguments else ""
            return ESCAPE.sub(unescape, value) if match[1] == "b" else value

        pieces.append(CONVERSION.sub(put, form))
        if not arguments or len(arguments) == before or len(pieces) > 500:
            return "".join(pieces)


def decoded(program: str, words: list[str], text: str | None) -> str | None:
    if text is None:
        return None
    try:
        if program == "xxd":
            return bytes.fromhex(re.sub(r"\s", "", text)).decode("utf-8", "replace") if "-r" in words else None
        if any(word in ("-d", "-D", "--decode", "-di") for word in words):
            raw = base64.b32decode(text.strip()) if program == "base32" else base64.b64decode(text, validate=False)
            return raw.decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None
    encoded = base64.b32encode if program == "base32" else base64.b64encode
    return encoded(text.encode("utf-8", "replace")).decode() + "\n"


def translated(words: list[str], text: str | None) -> str | None:
    """tr with plain sets and ranges."""
    if text is None or not words:
        return text
    if words[0] == "-d" and len(words) > 1:
        return text.translate({ord(character): None for character in spread(words[1])})
    if len(words) == 2 and not words[0].startswith("-"):
        old, new = spread(words[0]), spread(words[1])
        if not new:
            return None
        new += new[-1] * (len(old) - len(new))
        return text.translate({ord(a): b for a, b in zip(old, new, strict=False)})
    return None


def spread(characters: str) -> str:
    text = ESCAPE.sub(unescape, characters)
    return re.sub(
        r"([A-Za-z0-9])-([A-Za-z0-9])",
        lambda match: "".join(map(chr, range(ord(match[1]), ord(match[2]) + 1))),
        text,
    )
