"""Looks into programs that run others (sudo, xargs, find, sh -c, ssh …) and does what the shell's own commands do."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from lukhasd.guardian.shell import code
from lukhasd.guardian.shell.builtins import SHELL_COMMANDS
from lukhasd.guardian.shell.expansion import Scope, locate
from lukhasd.guardian.shell.machine import Machine
from lukhasd.guardian.shell.programs import (
    ASSIGNED,
    CONTAINERS,
    DELETERS,
    EDITORS,
    FIND_ANY,
    FIND_RUNS,
    INSIDE,
    JOINERS,
    ONLY_SUBCOMMAND,
    RUNNERS,
    SHELLS,
    SUBCOMMAND_RUNNERS,
    TEXT_FLAGS,
)
from lukhasd.guardian.shell.words import Command, Redirect, Unparsable, Word


def unwrap(machine: Machine, command: Command, scope: Scope) -> str | None:
    """Runs what `command` itself runs; what that prints, where `command` prints nothing else."""
    program = command.program
    texts = [word.text for word in command.arguments]
    if program in SHELL_COMMANDS:
        SHELL_COMMANDS[program](command, scope, texts)
        return ""
    if program in TEXT_FLAGS or program in EDITORS or program == "git":
        for text in given_text(program, texts):
            machine.read_text(text, command, scope.copy())
    if program in RUNNERS and texts[:1] != [] and ONLY_SUBCOMMAND.get(program, texts[0]) == texts[0]:
        return runner(machine, command, scope)
    if (program, texts[0] if texts else "") in SUBCOMMAND_RUNNERS:
        rest = after_options(replace(command, words=command.words[1:]), "", 0)
        return machine.execute(onward(command, rest), scope) if rest else None
    if program in SHELLS:
        return run_shell(machine, command, scope)
    if program == "xargs":
        return xargs(machine, command, scope)
    if program == "parallel":
        return parallel(machine, command, scope)
    if program in JOINERS:
        return joiner(machine, command, scope)
    if program in ("source", "."):
        return run_file(machine, texts[0], command, scope) if texts else None
    if program == "find":
        return find(machine, command, scope)
    if program == "trap" and texts and not command.arguments[0].bare:
        machine.read_text(texts[0], command, scope.copy())
        return ""
    if program == "alias":
        for word in command.arguments:
            if "=" in word.text:
                machine.read_text(word.text.split("=", 1)[1], command, scope.copy())
        return ""
    if program in DELETERS:
        names = [text for text in texts if not text.startswith("-")]
        words = tuple(Word(text, command.start, command.end) for text in ("rm", "-r", "-f", *names))
        machine.execute(onward(command, words), scope)
    elif program in CONTAINERS:
        containers(machine, command, scope)
    elif code.LANGUAGES.fullmatch(program):
        run_code(machine, command, scope)
    elif program == "tee":
        for text in texts:
            if not text.startswith("-"):
                machine.write(text, command.fed, scope, append="-a" in texts)
    elif program in ("cp", "mv", "install", "ln"):
        copy(machine, [text for text in texts if not text.startswith("-")], scope)
    elif "/" in command.words[0].text:
        return run_file(machine, command.words[0].text, command, scope)
    return None


def onward(command: Command, words: tuple[Word, ...], assignments: tuple[Word, ...] = ()) -> Command:
    """The command that `command` runs."""
    return replace(command, words=words, assignments=assignments, redirects=(), via=(*command.via, command.program))


def after_options(command: Command, valued: str, skip: int) -> tuple[Word, ...]:
    """The words after `command`'s options, their values, assignments and `skip` operands."""
    takes_value = valued.split()
    words = command.arguments
    at = 0
    while at < len(words):
        text = words[at].text
        if text == "--":
            at += 1
            break
        if text.startswith("-") and len(text) > 1:
            at += 2 if text in takes_value else 1
        elif ASSIGNED.match(text):
            at += 1
        else:
            break
    rest = words[at + skip :]
    return rest[1:] if rest and rest[0].text == "--" else rest


def runner(machine: Machine, command: Command, scope: Scope) -> str | None:
    program = command.program
    texts = [word.text for word in command.arguments]
    if program == "env" and (splits := [i for i, t in enumerate(texts) if re.match(r"-\w*S|--split-string", t)]):
        joined = " ".join(texts[splits[0] + 1 :])
        return machine.read_text(joined or texts[splits[0]][2:], command, scope)
    rest = after_options(command, *RUNNERS[program])
    while program == "env" and len(rest) > 1 and rest[0].dynamic and rest[0].runs:
        rest = rest[1:]
    if not rest:
        return None
    first = next((i for i, word in enumerate(command.arguments) if word is rest[0]), 0)
    assignments = tuple(word for word in command.arguments[:first] if ASSIGNED.match(word.text))
    if program in ("sudo", "doas") and " " in rest[0].text:
        return machine.read_text(rest[0].text, command, scope)
    return machine.execute(onward(command, rest, assignments), scope)


def run_shell(machine: Machine, command: Command, scope: Scope) -> str | None:
    """Runs the script that a shell is given: `-c TEXT`, a file written before, or what is fed to it."""
    words = command.arguments
    for index, word in enumerate(words):
        if re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*", word.text) and index + 1 < len(words):
            inner = scope.copy()
            inner.positional = tuple(rest.text for rest in words[index + 3 :])
            return machine.read_text(words[index + 1].text, command, inner, fed=command.fed)
    operands = [word.text for word in words if not word.text.startswith("-") and word.text != "/dev/stdin"]
    if operands and "-s" not in [word.text for word in words]:
        return run_file(machine, operands[0], command, scope)
    if command.fed is not None:
        inner = scope.copy()
        inner.positional = tuple(operands)
        return machine.read_text(command.fed, command, inner)
    return None


def run_file(machine: Machine, name: str, command: Command, scope: Scope) -> str | None:
    """Runs a file that was written before, if `name` is one."""
    piped = name in ("/dev/stdin", "/dev/fd/0", "-")
    text = command.fed if piped else machine.files.get(locate(name, scope.folder))
    if text is None:
        return None
    first = text.split("\n", 1)[0]
    if first.startswith("#!") and not re.search(r"sh\b", first):
        code_runs(machine, text, command, scope)
        return None
    inner = scope if command.program in ("source", ".") else scope.copy()
    return machine.read_text(text, command, inner)


def joiner(machine: Machine, command: Command, scope: Scope) -> str | None:
    program = command.program
    rest = after_options(command, *JOINERS[program])
    if program == "sshpass":
        return machine.execute(onward(command, rest), scope) if rest else None
    if program == "ssh" and not rest and command.fed and command.arguments:
        return machine.read_text(command.fed, command, Scope())
    if program == "ssh":
        for word in command.arguments:
            if match := re.match(r"(?:-o)?(?:ProxyCommand|LocalCommand)=(.+)", word.text, re.I | re.S):
                machine.read_text(match[1], command, scope.copy())
    # What a substitution prints is unknown; that it is run at all is a rule's business.
    text = " ".join(word.text for word in rest if not (word.dynamic and word.runs and program == "eval"))
    if program == "watch" or program == "eval":
        return machine.read_text(text, command, scope)
    if program == "hyperfine":
        for word in rest:
            machine.read_text(word.text, command, scope.copy())
        return None
    return machine.read_text(text, command, Scope(), fed=command.fed)


def xargs(machine: Machine, command: Command, scope: Scope) -> str | None:
    valued = "-I -i -n -P -d -L -s -E -a --max-args --max-procs --arg-file --replace --delimiter"
    rest = after_options(command, valued, 0)
    texts = [word.text for word in command.arguments]
    fed = command.fed
    mark = None
    for flag, value in pairwise([*texts, ""]):
        if flag in ("-a", "--arg-file"):
            fed = machine.files.get(locate(value, scope.folder))
        elif flag.startswith("--arg-file="):
            fed = machine.files.get(locate(flag.partition("=")[2], scope.folder))
        elif flag == "-I":
            mark = value
        elif flag.startswith(("-I", "--replace=")):
            mark = flag.removeprefix("-I").removeprefix("--replace=")
    if not rest:
        return None
    last = rest[-1]
    if fed is None:
        read = [redirect.target.text for redirect in command.redirects if redirect.operator == "<"]
        handed = f"$(cat {read[-1]})" if read else "{}"
        words = rest if mark else (*rest, Word(handed, last.start, last.end, dynamic=True))
        return machine.execute(onward(command, words), scope)
    pieces = [piece for piece in re.split(r"[\0\n]" if mark else r"[\s\0]+", fed) if piece]
    if len(pieces) > 200:
        raise Unparsable("it hands on more than 200 words")
    if mark:
        for piece in pieces:
            machine.execute(onward(command, filled(rest, mark, piece)), scope.copy())
    else:
        more = (Word(piece.strip("'\""), last.start, last.end) for piece in pieces)
        machine.execute(onward(command, (*rest, *more)), scope.copy())
    return None


def filled(words: tuple[Word, ...], mark: str, text: str) -> tuple[Word, ...]:
    return tuple(replace(word, text=word.text.replace(mark, text)) if mark in word.text else word for word in words)


def parallel(machine: Machine, command: Command, scope: Scope) -> str | None:
    rest = after_options(command, "-j --jobs -a -I -n --colsep --delay", 0)
    texts = [word.text for word in rest]
    split = next((i for i, text in enumerate(texts) if text in (":::", "::::")), len(texts))
    pieces = texts[split + 1 :] if split < len(texts) else (command.fed or "").split("\n")
    text = " ".join(texts[:split])
    for piece in pieces[:200] or [""]:
        joined = text.replace("{}", piece) if "{}" in text else f"{text} {piece}"
        machine.read_text(joined, command, scope.copy())
    return None


def given_text(program: str, texts: list[str]) -> list[str]:
    """The shell text in options such as `su -c TEXT`, `tar --to-command=TEXT`, `vim -c ':!TEXT'`, `git -c alias…`."""
    found: list[str] = []
    flags = TEXT_FLAGS.get(program, ())
    inside = INSIDE.get("vim" if program in EDITORS else program)
    for place, text in enumerate(texts):
        flag, equals, value = text.partition("=")
        if text in flags and place + 1 < len(texts):
            found.append(texts[place + 1])
        elif equals and flag in flags:
            found.append(value)
        elif inside and (match := inside.match(text)):
            found.append(match[1])
        elif program == "git" and text in ("--index-filter", "--tree-filter", "--exec", "-x") and texts[place + 1 :]:
            found.append(texts[place + 1])
        elif program == "git" and text == "run" and "bisect" in texts[:place]:
            found.append(" ".join(texts[place + 1 :]))
    return found


def find(machine: Machine, command: Command, scope: Scope) -> str | None:
    """Runs what -exec gives, with `{}` for what is found; prints the roots where nothing narrows the search."""
    words = command.arguments
    texts = [word.text for word in words]
    head = 0
    while head < len(texts) and (texts[head] in ("-L", "-H", "-P") or not texts[head].startswith(("-", "(", "!"))):
        head += 1
    roots = [text for text in texts[:head] if not text.startswith("-")] or ["."]
    tests, runs = find_parts(texts[head:])
    narrow = {text for text in tests if text.startswith(("-", "!")) and text not in FIND_ANY}
    narrow |= {
        value for flag, value in pairwise(tests) if flag in ("-type", "-xtype") and value not in ("f", "d", "f,d")
    }
    names = [value for flag, value in pairwise(tests) if flag in ("-name", "-iname", "-path")]
    if narrow <= {"-name", "-iname", "-path"} and all(set(name) <= {"*", "."} and "*" in name for name in names):
        narrow = set()
    shown = [f"{root.rstrip('/')}/*" for root in roots]
    for start, stop in runs:
        for place in shown if not narrow else ["{}"]:
            inner = filled(words[head + start : head + stop], "{}", place)
            if inner:
                if not narrow and inner[0].text.rsplit("/", 1)[-1] == "rm":
                    # What find hands on lies at any depth.
                    inner = (inner[0], Word("-r", command.start, command.end), *inner[1:])
                machine.execute(onward(command, inner), scope.copy())
    if "-delete" in texts and not narrow:
        for place in shown:
            made = tuple(Word(text, command.start, command.end) for text in ("rm", "-r", "-f", place))
            machine.execute(onward(command, made), scope.copy())
    return None if narrow or runs else "".join(f"{root}\n" for root in (*roots, *shown))


def find_parts(texts: list[str]) -> tuple[list[str], list[tuple[int, int]]]:
    """The expression without what -exec runs, and the places of the latter."""
    tests: list[str] = []
    runs: list[tuple[int, int]] = []
    index = 0
    while index < len(texts):
        if texts[index] in FIND_RUNS:
            stop = index + 1
            while stop < len(texts) and texts[stop] not in (";", "+"):
                stop += 1
            runs.append((index + 1, stop))
            index = stop
        else:
            tests.append(texts[index])
        index += 1
    return tests, runs


def containers(machine: Machine, command: Command, scope: Scope) -> None:
    """A command run inside a container or a session: `-- CMD`, `exec NAME CMD`, `sh -c TEXT`."""
    words = command.arguments
    for index, word in enumerate(words):
        if word.text.rsplit("/", 1)[-1] in SHELLS:
            machine.execute(onward(command, words[index:]), Scope())
            return
        if word.text == "--" and index + 1 < len(words):
            machine.execute(onward(command, words[index + 1 :]), Scope())
            return
    texts = [word.text for word in words]
    if command.program in ("docker", "podman", "nerdctl") and texts[:1] in (["exec"], ["run"]):
        inner = replace(command, words=words)
        rest = after_options(
            inner, "-e --env -u --user -w --workdir -v --volume -p --publish --name --network --mount --entrypoint", 1
        )
        if rest:
            machine.execute(onward(command, rest), Scope())
    elif command.program in ("tmux", "screen"):
        for word in words:
            if " " in word.text:
                machine.read_text(word.text, command, scope.copy())
    elif command.program == "at" and command.fed:
        machine.read_text(command.fed, command, scope.copy())


def run_code(machine: Machine, command: Command, scope: Scope) -> None:
    texts = [word.text for word in command.arguments]
    scripts = [after for flag, after in pairwise(texts) if flag in code.CODE_FLAGS]
    if command.program in ("deno", "bun") and texts[:1] == ["eval"]:
        scripts += texts[1:2]
    if command.program.rstrip("0123456789.") in ("awk", "gawk", "mawk"):
        scripts = texts
    operands = [text for text in texts if not text.startswith("-")]
    if not scripts and (not operands or "-" in texts) and command.fed:
        scripts = [command.fed]
    if not scripts and operands and (text := machine.files.get(locate(operands[0], scope.folder))):
        scripts = [text]
    for script in scripts:
        code_runs(machine, script, command, scope)


def code_runs(machine: Machine, script: str, command: Command, scope: Scope) -> None:
    """The commands, deletions and overwritten files of a script in another language."""
    for text in code.texts(script):
        machine.read_text(text, command, scope.copy())
    for words in code.deletions(script):
        made = tuple(Word(word, command.start, command.end) for word in words)
        machine.execute(onward(command, made), scope.copy())
    for path in code.overwritten(script):
        target = Redirect(">", Word(path, command.start, command.end))
        machine.execute(replace(onward(command, ()), redirects=(target,)), scope.copy())


def copy(machine: Machine, operands: list[str], scope: Scope) -> None:
    if len(operands) == 2 and (text := machine.files.get(locate(operands[0], scope.folder))) is not None:
        machine.write(operands[1], text, scope, append=False)
