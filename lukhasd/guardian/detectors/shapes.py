"""Shapes of a shell text that no single command shows: fork bombs, computed programs, code that was just fetched."""

from __future__ import annotations

import re
from itertools import pairwise

from lukhasd.guardian.shell import Command
from lukhasd.guardian.shell.code import LANGUAGES
from lukhasd.guardian.shell.programs import SHELLS

TRUNCATES = {">", ">|", "&>", ">&"}
FETCHERS = {"curl", "wget", "aria2c", "fetch"}
LOCATORS = {
    "which",
    "command",
    "type",
    "whence",
    "readlink",
    "realpath",
    "dirname",
    "basename",
    "pwd",
    "echo",
    "printf",
}
INITIALISERS = {
    "ssh-agent", "brew", "direnv", "pyenv", "rbenv", "nodenv", "goenv", "jenv", "plenv", "phpenv", "tfenv", "starship",
    "zoxide", "fnm", "mise", "rtx", "asdf", "conda", "mamba", "micromamba", "thefuck", "dircolors", "gdircolors",
    "gpg-agent", "keychain", "register-python-argcomplete", "kubectl", "gh", "pip", "npm", "opam", "luarocks",
    "docker-machine", "minikube", "rustup", "atuin", "fzf", "lesspipe", "lesspipe.sh", "tput", "resize", "locale",
    "hcloud", "op", "helm", "stern", "navi", "mcfly", "pkgx", "devbox", "nix", "hub", "oh-my-posh", "perl", "aws",
    "gcloud", "systemctl", "getopt", "stty", "cat", "docker", "podman", "poetry", "uv", "just", "task", "vfox", "proto",
    "echo", "printf", "sed", "envsubst", "dbus-launch", "xdg-user-dir", "carapace", "nodeenv", "batpipe",
}  # fmt: skip
"""Programs whose output is meant to be evaluated by a shell."""
UNKNOWN = re.compile(r"\$\{?\w{1,100}\}?")


def fork_bomb(command: Command, commands: list[Command], functions: set[str]) -> bool:
    """A function that pipes itself into itself."""
    return command.program in functions and any(
        other is not command and other.program == command.program and command.reads_from(other) for other in commands
    )


def computed_program(command: Command, commands: list[Command], functions: set[str]) -> bool:
    """A program whose name another program prints, or a shell that is given what nobody can know."""
    if not command.words:
        return False
    head = command.words[0]
    if head.dynamic and head.runs and set(head.runs) - LOCATORS:
        return True
    if command.program == "eval":
        return any(
            word.dynamic and ((word.runs and set(word.runs) - INITIALISERS) or UNKNOWN.fullmatch(word.text))
            for word in command.arguments
        )
    if command.program in SHELLS:
        texts = [word.text for word in command.arguments]
        if "-c" in texts:
            script = command.arguments[texts.index("-c") + 1 :][:1]
            return bool(script and UNKNOWN.fullmatch(script[0].text) and script[0].dynamic)
        reads = not [text for text in texts if not text.startswith("-")] or "-s" in texts
        return reads and command.fed is None and any(command.reads_from(other) for other in commands)
    return False


def downloaded_code(command: Command, commands: list[Command], functions: set[str]) -> bool:
    """A file that an earlier command of the same text fetches, and this one runs."""
    interprets = command.program in (*SHELLS, "source", ".") or LANGUAGES.fullmatch(command.program)
    if not command.words or not (interprets or "/" in command.words[0].text):
        return False
    fetches = [other for other in commands if other.program in FETCHERS]
    if not fetches or command.start <= fetches[0].start:
        return False
    fetched: set[str] = set()
    for other in fetches:
        if other.start < command.start:
            words = [word.text for word in other.arguments]
            fetched |= {after for flag, after in pairwise(words) if flag.startswith("-") and flag[-1:] in "oO"}
            fetched |= {after for flag, after in pairwise(words) if flag in ("--output", "--output-document")}
            fetched |= {word.rsplit("/", 1)[-1] for word in words if "://" in word}
            fetched |= {redirect.target.text for redirect in other.redirects if redirect.operator in TRUNCATES}
    run = command.words if interprets else command.words[:1]
    return any(word.text.removeprefix("./") in fetched or word.text in fetched for word in run)


STRUCTURES = {"fork_bomb": fork_bomb, "computed_program": computed_program, "downloaded_code": downloaded_code}
