"""The group `lukhas memory`, and the options that its commands share."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from lukhas_cli.command import new_app
from lukhas_sdk.contract.memory import MemoryType

EXAMPLES = """lukhas memory import notes/
lukhas memory store "The spare key is under the blue pot." --tag home
lukhas memory search "spare key"
"""

KINDS = get_args(MemoryType)

app = new_app("Keep memories, find them, forget them.", examples=EXAMPLES)

Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="A tag; may be given several times.")]
TypeOption = Annotated[MemoryType | None, typer.Option("--type", help="What kind of memory.")]
MemoryId = Annotated[str, typer.Argument(metavar="ID", help="A memory's id, as mem_2025_01_31_abcdef.")]
