"""The lines that a commit adds, as git tells them."""

from __future__ import annotations

import os
import re
import subprocess
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from lukhas_sdk.errors import NotFound, ValidationError

HUNK = re.compile(rb"@@ -\S+ \+(\d+)(?:,\d+)? @@")
LONGEST = 900_000
"""Characters of one piece: the guardian takes no more than a million."""
DIFF = (
    "git", "diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-relative", "--find-renames",
    "--ignore-submodules", "--diff-filter=ACMRT",
)  # fmt: skip


@dataclass(frozen=True)
class Added:
    """Lines of one file; `numbers` are theirs in the file."""

    path: str
    lines: tuple[str, ...]
    numbers: tuple[int, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def line_of(self, offset: int) -> int:
        """The number of the line that holds the character `offset` of `text`."""
        starts = [0, *accumulate(len(line) + 1 for line in self.lines[:-1])]
        return self.numbers[bisect_right(starts, offset) - 1]

    def pieces(self) -> Iterator[Added]:
        """The same in pieces of at most `LONGEST` characters; a line that is longer is cut."""
        first = size = 0
        for index, line in enumerate(self.lines):
            if index > first and size + len(line) >= LONGEST:
                yield Added(self.path, self.lines[first:index], self.numbers[first:index])
                first, size = index, 0
            size += len(line) + 1
            if size > LONGEST:
                for start in range(0, len(line), LONGEST):
                    yield Added(self.path, (line[start : start + LONGEST],), (self.numbers[index],))
                first, size = index + 1, 0
        if first < len(self.lines):
            yield Added(self.path, self.lines[first:], self.numbers[first:])


def staged(files: Sequence[str]) -> list[Added]:
    """What the index adds to the last commit, of `files` where some are given; of one that adds nothing there, all of
    its lines. pre-commit says by PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF when two commits are to be compared.

    Binary files are left out. Raises ValidationError outside of a repository.
    """
    git("git", "rev-parse", "--git-dir")
    start, end = os.environ.get("PRE_COMMIT_FROM_REF"), os.environ.get("PRE_COMMIT_TO_REF")
    compared = [f"{start}...{end}"] if start and end else ["--cached"]
    names = [os.fsdecode(name) for name in git(*DIFF, "--name-only", "-z", *compared, "--", *files).split(b"\0")[:-1]]
    patch = b"\n" + git(*DIFF, "--unified=0", *compared, "--", *files)
    sections = patch.split(b"\ndiff --git ")[1:]
    found = [added for name, section in zip(names, sections, strict=True) if (added := read_section(name, section))]
    if files and not names and compared == ["--cached"]:
        found = [added for file in files if (added := whole(file))]
    return found


def read_section(name: str, section: bytes) -> Added | None:
    lines: list[str] = []
    numbers: list[int] = []
    number = 0
    inside = False
    for raw in section.split(b"\n"):
        if hunk := HUNK.match(raw):
            number, inside = int(hunk[1]), True
        elif inside and raw.startswith(b"+"):
            lines.append(raw[1:].decode("utf-8", errors="replace"))
            numbers.append(number)
            number += 1
    return Added(name, tuple(lines), tuple(numbers)) if lines else None


def whole(file: str) -> Added | None:
    try:
        content = Path(file).read_bytes()
    except IsADirectoryError:
        return None
    except FileNotFoundError:
        raise NotFound(f"no such file: {file}", hint="check the path") from None
    except OSError as error:
        raise ValidationError(f"{file} cannot be read: {error.strerror}", field="FILES") from None
    if b"\0" in content[:8000]:  # how git tells a binary file
        return None
    lines = content.decode("utf-8", errors="replace").split("\n")
    return Added(file, tuple(lines), tuple(range(1, len(lines) + 1)))


def git(*words: str) -> bytes:
    try:
        done = subprocess.run(words, capture_output=True, env={**os.environ, "GIT_LITERAL_PATHSPECS": "1"})
    except FileNotFoundError:
        raise NotFound("git is not installed, or not on the PATH", hint="install git") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ValidationError(
            f"git says: {said[0] if said else done.returncode}", hint="run this inside a git repository"
        )
    return done.stdout
