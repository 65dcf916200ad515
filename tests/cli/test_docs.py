"""Completions and man pages: generated from the command tree, and they work."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "man").glob("*.1"))

BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
_lukhas
printf '%s\\n' "${COMPREPLY[@]}"
"""


def test_what_is_committed_is_what_is_generated() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "generate_docs.py"), "--check"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), "run: python scripts/generate_docs.py"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["lukhas", "m"], {"memory", "model"}),
        (["lukhas", "memory", "st"], {"store", "stats"}),
        (["lukhas", "--json", "memory", "re"], {"recall", "repair", "revert"}),
        (["lukhas", "memory", "search", "--type", ""], {"episodic", "semantic", "procedural", "reflective"}),
        (["lukhas", "memory", "search", "stats", "--li"], {"--limit"}),
        (["lukhas", "guardian", "policy", ""], {"check", "example", "list", "show", "test"}),
        (["lukhas", "auth", "key", "create", "--tier", "ΛU"], {"ΛUSER", "ΛULTRA"}),
        (["lukhas", "memory", "import", "READ"], {"README.md"}),
        (["lukhas", "guardian", "validate", "--file", "LIC"], {"LICENSE"}),
        (["lukhas", "memory", "search", "--tag", ""], {""}),
        (["lukhas", "guardian", "validate", "--", ""], {""}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bash_completion(words: list[str], expected: set[str]) -> None:
    file = ROOT / "completions" / "lukhas.bash"
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", str(file), *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert set(done.stdout.rstrip("\n").split("\n")) == expected


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lukhas m", {"memory", "model"}),
        ("lukhas memory st", {"store", "stats"}),
        ("lukhas memory search --type s", {"semantic"}),
        ("lukhas guardian policy ", {"check", "example", "list", "show", "test"}),
        ("lukhas memory import READ", {"README.md"}),
    ],
)
def test_fish_completion(line: str, expected: set[str]) -> None:
    script = f"source {ROOT}/completions/lukhas.fish; complete -C '{line}'"
    done = subprocess.run(["fish", "--no-config", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {found.split("\t")[0] for found in done.stdout.splitlines()} == expected


ZSH = """
autoload -U compinit; compinit -u -D
source %s
zstyle ':completion:*' verbose no
compadd () { builtin compadd "$@" }
"""


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lukhas memory sto", "lukhas memory store "),
        ("lukhas memory search --type sem", "lukhas memory search --type semantic "),
        ("lukhas auth key cre", "lukhas auth key create "),
        ("lukhas memory search --min", "lukhas memory search --min-importance "),
        ("lukhas memory import READ", "lukhas memory import README.md "),
    ],
)
def test_zsh_completion(line: str, expected: str, tmp_path: Path) -> None:
    """A zsh in a zsh's pseudo-terminal: Tab is pressed, and the line that results is printed."""
    (tmp_path / ".zshrc").write_text(
        f"fpath=({ROOT}/completions $fpath); autoload -U compinit; compinit -u -D\n"
        "PS1=; bindkey '^I' complete-word\n"
        "show() { print -r -- \"<<$BUFFER>>\"; exit }; zle -N show; bindkey '^X' show\n"
    )
    script = (
        "zmodload zsh/zpty; zpty z zsh -i; "
        f"zpty -w -n z {line!r}$'\\t'$'\\x18'; "
        "found=; while zpty -r z part; do found+=$part; [[ $found == *'<<'*'>>'* ]] && break; done; print -r -- $found"
    )
    done = subprocess.run(
        ["zsh", "-f", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30,
        env={"ZDOTDIR": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "dumb"},
    )  # fmt: skip
    found = re.search("<<(.*)>>", done.stdout)
    assert found, (done.stdout, done.stderr)
    assert found[1] == expected


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_man_pages_have_no_warnings() -> None:
    done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", *PAGES], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert len(PAGES) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_sections(page: Path) -> None:
    text = page.read_text(encoding="ascii")
    sections = re.findall(r"^\.SH (.+)$", text, flags=re.MULTILINE)
    wanted = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES", "SEE ALSO"]
    assert [section for section in sections if section in wanted] == wanted
    for named in re.findall(r"^\.BR (\S+) \(1\)", text, flags=re.MULTILINE):
        assert (ROOT / "man" / f"{named.replace(chr(92), '')}.1").exists()


def test_the_daemon_s_page_names_its_options() -> None:
    done = subprocess.run([sys.executable, "-m", "lukhasd", "--help"], capture_output=True, text=True, check=True)
    page = (ROOT / "man" / "lukhasd.1").read_text().replace("\\-", "-")
    documented = set(re.findall(r"\\fB(--[a-z-]+)\\fR", page))
    assert set(re.findall(r"--[a-z-]+", done.stdout)) == documented


def test_every_help_begins_with_examples() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    from docs_tree import read_tree

    for command in read_tree().walk():
        assert command.examples, command.path
        assert all("lukhas" in example for example in command.examples)
        assert command.help[0].endswith("."), command.path
        assert {"--json", "--no-autostart", "--help"} <= {name for option in command.options for name in option.names}
    done = subprocess.run([sys.executable, "-m", "lukhas_cli", "memory", "search", "--help"], capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert done.stdout.index("Examples:") < done.stdout.index("Usage:") < done.stdout.index("Options:")
