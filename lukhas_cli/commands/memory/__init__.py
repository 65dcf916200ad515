"""`lukhas memory`: one module for each part; importing it adds its commands to `app`."""

from lukhas_cli.commands.memory import (
    basics,
    conflicts,
    drift,
    folds,
    forgetting,
    helix,
    imports,
    quarantine,
    saved,
    watch,
    why,
)
from lukhas_cli.commands.memory.app import app

__all__ = [
    "app",
    "basics",
    "conflicts",
    "drift",
    "folds",
    "forgetting",
    "helix",
    "imports",
    "quarantine",
    "saved",
    "watch",
    "why",
]
