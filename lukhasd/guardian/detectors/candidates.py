"""What a pattern matched, with what stands around it, for a check to confirm."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

VALUE_GROUPS = ("value", "value_2", "value_3")
LINE_CHARS = 400


@dataclass(frozen=True)
class Candidate:
    """A hit of a rule's pattern. The datum is the first group of `VALUE_GROUPS` that matched, else the whole hit."""

    hit: re.Match[str]

    @cached_property
    def group(self) -> str | int:
        names = self.hit.re.groupindex
        return next((name for name in VALUE_GROUPS if name in names and self.hit.group(name)), 0)

    @property
    def text(self) -> str:
        return self.hit.string

    @property
    def value(self) -> str:
        return self.hit.group(self.group)

    @property
    def start(self) -> int:
        return self.hit.start(self.group)

    @property
    def end(self) -> int:
        return self.hit.end(self.group)

    def _named(self, group: str) -> str:
        return (self.hit.group(group) or "") if group in self.hit.re.groupindex else ""

    @property
    def name(self) -> str:
        """The pattern's group `name`: the part of a variable's name from its telling word on."""
        return self._named("name")

    @property
    def name_start(self) -> int:
        return self.hit.start("name") if "name" in self.hit.re.groupindex else self.hit.start()

    @property
    def operator(self) -> str:
        return self._named("operator").strip()

    @property
    def quoted(self) -> bool:
        return self.start > 0 and self.text[self.start - 1] in "\"'`"

    @cached_property
    def line(self) -> str:
        """The line that the hit begins in, at most `LINE_CHARS` characters on either side."""
        begin = max(self.text.rfind("\n", 0, self.hit.start()) + 1, self.hit.start() - LINE_CHARS)
        stop = self.text.find("\n", self.end)
        return self.text[begin : min(len(self.text) if stop < 0 else stop, self.end + LINE_CHARS)]
