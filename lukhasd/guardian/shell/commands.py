"""Every command that a text would run, with the programs that only run others (sudo, xargs, sh -c …) seen through."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import replace

from lukhasd.guardian.shell.reader import MAX_DEPTH, Reader, Shell
from lukhasd.guardian.shell.words import Command, Redirect, Unparsable, Word

__all__ = ["Command", "Redirect", "Unparsable", "Word", "read_commands"]

MAX_CHARS = 100_000

SHELLS = {"sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "rbash", "csh", "tcsh"}
# Programs that run the rest of their words: options that take a value, and how many words come before the command.
RUNNERS: dict[str, tuple[frozenset[str], int]] = {
    "sudo": (frozenset({"-u", "-g", "-h", "-p", "-C", "-T", "-U", "-D", "-R", "-r", "-t", "--user", "--group"}), 0),
    "doas": (frozenset({"-u", "-C"}), 0),
    "pkexec": (frozenset({"--user"}), 0),
    "env": (frozenset({"-u", "--unset", "-C", "--chdir"}), 0),
    "xargs": (frozenset({"-I", "-n", "-P", "-d", "-L", "-s", "-E", "-a", "--max-args", "--max-procs"}), 0),
    "nohup": (frozenset(), 0),
    "setsid": (frozenset(), 0),
    "timeout": (frozenset({"-s", "--signal", "-k", "--kill-after"}), 1),
    "nice": (frozenset({"-n", "--adjustment"}), 0),
    "ionice": (frozenset({"-c", "-n", "-p"}), 0),
    "time": (frozenset({"-f", "-o"}), 0),
    "command": (frozenset(), 0),
    "builtin": (frozenset(), 0),
    "exec": (frozenset({"-a"}), 0),
    "stdbuf": (frozenset({"-i", "-o", "-e"}), 0),
    "chroot": (frozenset(), 1),
    "busybox": (frozenset(), 0),
    "strace": (frozenset({"-e", "-o", "-p"}), 0),
    "caffeinate": (frozenset({"-t", "-w"}), 0),
    "flock": (frozenset({"-w", "-E"}), 1),
    "systemd-run": (frozenset({"-p", "-u"}), 0),
    "unshare": (frozenset(), 0),
    "nsenter": (frozenset({"-t", "--target"}), 0),
    "proot": (frozenset(), 0),
}
# Programs whose words after the host or the options are shell text.
JOINERS: dict[str, tuple[frozenset[str], int]] = {
    "ssh": (
        frozenset(
            [
                "-b",
                "-c",
                "-D",
                "-E",
                "-e",
                "-F",
                "-I",
                "-i",
                "-J",
                "-L",
                "-l",
                "-m",
                "-O",
                "-o",
                "-p",
                "-Q",
                "-R",
                "-S",
                "-W",
                "-w",
            ]
        ),
        1,
    ),
    "watch": (frozenset({"-n", "--interval"}), 0),
    "parallel": (frozenset({"-j", "--jobs", "-a", "-I", "-n"}), 0),
    "eval": (frozenset(), 0),
}
CONTAINERS = {"docker", "podman", "kubectl", "nerdctl", "lxc", "oc", "vagrant", "su", "script", "at"}
PRINTERS = {"echo", "printf"}
DECODERS = {"base64", "gbase64"}
FIND_EVERYTHING = {"-type", "-print", "-print0", "-depth", "-xdev", "-mount", "-L", "-H", "-P"}
FIND_RUNS = {"-exec", "-execdir", "-ok", "-okdir"}
CODE = {"python", "python2", "python3", "perl", "ruby", "node", "awk", "gawk", "php", "osascript", "lua"}
CALLS = re.compile(
    r"(?:system|popen|exec[lv]?p?e?|execSync|spawn|call|run|check_output|check_call|shell_exec|passthru|shell script)"
    r"""\s{0,4}\(?\s{0,4}\[?\s{0,4}\\?(["'])(.{1,4000}?)\\?\1""",
    re.S,
)


def read_commands(text: str, check: Callable[[], None] = lambda: None) -> tuple[list[Command], set[str]]:
    """The commands that `text` runs, wrapped and unwrapped alike, and the functions it defines.

    `check` is called as work goes on and may raise to stop it. Raises Unparsable where the text cannot be read.
    """
    if len(text) > MAX_CHARS:
        raise Unparsable(f"it is longer than {MAX_CHARS} characters")
    if "\x00" in text:
        raise Unparsable("it holds a NUL character")
    shell = Shell(check)
    Reader(text, shell).read()
    done = 0
    while done < len(shell.commands):
        for inner in unwrap(shell.commands[done], shell):
            shell.add(inner)
        done += 1
    return shell.commands, shell.functions


def unwrap(command: Command, shell: Shell) -> list[Command]:
    """The commands that `command` runs itself; those inside shell text are added to `shell` directly."""
    if len(command.via) > MAX_DEPTH:
        raise Unparsable(f"it is nested more than {MAX_DEPTH} deep")
    program = command.program
    if program in RUNNERS:
        return runner(command, shell)
    if program in SHELLS:
        run_shell(command, shell)
    elif program in JOINERS:
        rest = after_options(command, *JOINERS[program])
        if rest:
            read_text(" ".join(word.text for word in rest), command, shell, rest)
    elif program == "find":
        return find_runs(command)
    elif program == "trap" and command.arguments and not command.arguments[0].bare:
        read_text(command.arguments[0].text, command, shell, command.arguments[:1])
    elif program == "alias":
        for word in command.arguments:
            if "=" in word.text:
                read_text(word.text.split("=", 1)[1], command, shell, (word,))
    elif program in CONTAINERS:
        return containers(command, shell)
    elif program in CODE:
        for word in command.arguments:
            for match in CALLS.finditer(word.text):
                read_text(match.group(2).replace("\\", ""), command, shell, (word,))
    return []


def after_options(command: Command, valued: frozenset[str], skip: int) -> tuple[Word, ...]:
    """The words after `command`'s options, their values, assignments and `skip` operands."""
    words = command.arguments
    at = 0
    while at < len(words):
        text = words[at].text
        if text == "--":
            at += 1
            break
        if text.startswith("-") and len(text) > 1:
            at += 2 if text in valued else 1
        elif "=" in text and re.match(r"[A-Za-z_]\w{0,100}=", text):
            at += 1
        else:
            break
    rest = words[at + skip :]
    return rest[1:] if rest and rest[0].text == "--" else rest


def runner(command: Command, shell: Shell) -> list[Command]:
    program = command.program
    if program == "env" and any(word.text in ("-S", "--split-string") for word in command.arguments):
        words = command.arguments
        place = next(i for i, word in enumerate(words) if word.text in ("-S", "--split-string"))
        read_text(" ".join(word.text for word in words[place + 1 :]), command, shell, words[place + 1 :])
        return []
    rest = after_options(command, *RUNNERS[program])
    if not rest:
        return []
    assignments = tuple(
        word for word in command.arguments if word not in rest and re.match(r"[A-Za-z_]\w*=", word.text)
    )
    if program == "xargs":
        last = rest[-1]
        rest = (*rest, *found_roots(command, shell), Word("{}", last.start, last.end, dynamic=True))
    if program in ("sudo", "doas") and " " in rest[0].text:
        read_text(rest[0].text, command, shell, rest)
        return []
    return [replace(command, words=rest, assignments=assignments, via=(*command.via, program))]


def found_roots(command: Command, shell: Shell) -> tuple[Word, ...]:
    """Where a `find` upstream looks that lets everything through: what xargs hands on lies all over these places."""
    for source in shell.commands:
        if source.program == "find" and command.reads_from(source):
            texts = [word.text for word in source.arguments]
            if not {text for text in texts if text.startswith("-")} - FIND_EVERYTHING:
                return tuple(word for word in source.arguments if "/" in word.text or word.text == "~")
    return ()


def run_shell(command: Command, shell: Shell) -> None:
    """Reads the script that a shell is given: `-c TEXT`, a here-document, or what is echoed into it."""
    words = command.arguments
    for index, word in enumerate(words):
        if re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*", word.text) and index + 1 < len(words):
            script = words[index + 1]
            read_text(script.text, command, shell, (script,))
            return
    for redirect in command.redirects:
        if redirect.body:
            read_text(redirect.body, command, shell, ())
    if not any(not word.text.startswith("-") for word in words):
        for source in list(shell.commands):
            if source.program in PRINTERS and command.reads_from(source) and source.arguments:
                read_text(printed(source, command, shell), command, shell, (*source.arguments, *words))


def printed(source: Command, reader: Command, shell: Shell) -> str:
    """What an echo or printf hands to `reader`, decoded where a base64 -d stands between them."""
    words = [word.text for word in source.arguments if word.text not in ("-n", "-e", "-E")]
    text = " ".join(words).replace("\\n", "\n")
    for between in shell.commands:
        decodes = between.program in DECODERS and any(w.text in ("-d", "-D", "--decode") for w in between.arguments)
        if decodes and between.reads_from(source) and reader.reads_from(between):
            try:
                return base64.b64decode(text, validate=False).decode("utf-8", "replace")
            except binascii.Error:
                return text
    return text


def find_runs(command: Command) -> list[Command]:
    """The commands after -exec, with {} for what was found."""
    words = command.arguments
    runs: list[Command] = []
    index = 0
    while index < len(words):
        if words[index].text in FIND_RUNS:
            stop = index + 1
            while stop < len(words) and words[stop].text not in (";", "+"):
                stop += 1
            if stop > index + 1:
                runs.append(replace(command, words=words[index + 1 : stop], via=(*command.via, "find")))
            index = stop
        index += 1
    return runs


def containers(command: Command, shell: Shell) -> list[Command]:
    """A command run inside a container or as another user: `-- CMD`, `sh -c TEXT`, `su -c TEXT`."""
    words = command.arguments
    for index, word in enumerate(words):
        following = words[index + 1 : index + 2]
        if word.text in ("-c", "--command") and command.program in ("su", "script", "vagrant") and following:
            read_text(following[0].text, command, shell, following)
            return []
        if word.text.rsplit("/", 1)[-1] in SHELLS:
            return [replace(command, words=words[index:], via=(*command.via, command.program))]
        if word.text == "--" and following:
            return [replace(command, words=words[index + 1 :], via=(*command.via, command.program))]
    return []


def read_text(text: str, command: Command, shell: Shell, words: tuple[Word, ...]) -> None:
    """Reads shell text that stood in `words` of `command`."""
    spans = [(word.start, word.end) for word in words] or [(command.start, command.end)]
    fixed = min(start for start, _ in spans), max(end for _, end in spans)
    if words:
        fixed = min(fixed[0], command.start), max(fixed[1], command.end)
    via = (*command.via, command.program)
    Reader(text, shell, depth=len(via), fixed=fixed, pipes=command.pipes, via=via).read()
