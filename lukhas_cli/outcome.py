"""What a command hands back, and what it is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lukhas_sdk.errors import Exit

if TYPE_CHECKING:
    from lukhas_cli.render.screen import Screen


@dataclass(frozen=True)
class Outcome:
    """`data` is what `--json` prints (anything that msgspec encodes); `show` prints the same for people and pipes."""

    data: Any
    show: Callable[[Screen], None]
    exit: Exit = Exit.OK
    problem: str = ""
    """With another exit code than 0, why: what `--json` says in `errors`. People read it in what `show` prints."""


@dataclass(frozen=True)
class Streamed:
    """A command that has printed its own lines already."""

    exit: Exit = Exit.OK
