"""The group `lukhas guardian`, and what its commands share."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from lukhas_cli.command import new_app
from lukhas_sdk.contract.guardian import ActionType, Profile

EXAMPLES = """lukhas guardian validate --type shell_command -- "rm -rf /"
lukhas guardian policy list
"""

app = new_app("Judge an action before it is done, and show the rules.", examples=EXAMPLES)

TypeOption = Annotated[
    ActionType,
    typer.Option("--type", metavar="TYPE", help=f"What kind of action it is: {', '.join(get_args(ActionType))}."),
]
ProfileOption = Annotated[
    Profile | None, typer.Option("--profile", help="Whose thresholds apply; otherwise the setting's.")
]
