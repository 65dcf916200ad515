"""Versions, differences and repairs on a screen."""

from __future__ import annotations

import sys
from difflib import unified_diff
from typing import TYPE_CHECKING

from lukhas_cli.render.screen import Cell, Screen, show
from lukhas_cli.render.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lukhas_sdk.contract.helix import (
        ChangeResponse,
        DiffPart,
        DiffResponse,
        DriftResponse,
        HistoryResponse,
        RepairResponse,
    )

STYLES = {"same": "", "removed": "red strike", "added": "green underline"}


def show_change(screen: Screen, answer: ChangeResponse) -> None:
    screen.row(answer.memory_id, answer.version)
    if not answer.changed:
        print("it says that already: nothing was written", file=sys.stderr)
    elif answer.state in ("repair_recommended", "excessive"):
        more = "; the pipeline refuses it" if answer.state == "excessive" else ""
        print(
            f"it has drifted {answer.drift_score:.2f} from its origin{more}: "
            f"lukhas memory repair {answer.memory_id} --preview, or lukhas memory undo {answer.memory_id}",
            file=sys.stderr,
        )


def show_history(screen: Screen, answer: HistoryResponse) -> None:
    if not screen.terminal:
        for each in answer.versions:
            when = each.created_at.isoformat()
            screen.row(each.version, when, each.cause, each.actor, each.drift_score, each.note, each.data)
        return
    rows: list[Sequence[Cell]] = [
        (each.version, f"{each.created_at:%Y-%m-%d %H:%M}", each.cause, each.drift_score, _short(each.note), each.data)
        for each in answer.versions
    ]
    screen.table(["version", "when", "cause", "drift", "note", "text"], rows, wide="text", clip=True)


def show_diff(screen: Screen, answer: DiffResponse) -> None:
    names = f"{answer.memory_id} version {answer.from_version}", f"{answer.memory_id} version {answer.to_version}"
    _show_parts(screen, answer.diff, names)
    for change in answer.fields:
        screen.row(change.field, show(str(change.before)), show(str(change.after)))


def show_repair(screen: Screen, answer: RepairResponse) -> None:
    verb = "would write" if answer.preview else "wrote"
    if not answer.changed:
        screen.text(f"{answer.method} changes nothing: {answer.reasons.get('changed', '')}")
    screen.pairs(
        [
            ("id", answer.memory_id),
            ("method", answer.method),
            ("version", answer.version),
            ("drift before", answer.drift_before),
            ("drift after", answer.drift_after),
            ("kept of what was added", answer.kept),
        ]
    )
    if answer.changed:
        screen.text(f"\n{verb}:")
        screen.text(answer.text)
        screen.text()
        _show_parts(screen, answer.diff, ("before", "after"))


def show_drift(screen: Screen, answer: DriftResponse) -> None:
    screen.pairs(
        [
            ("mean drift", answer.mean_drift),
            ("95th percentile", answer.p95_drift),
            *(answer.states.items()),
            ("not measured yet", answer.unmeasured),
        ]
    )
    if answer.memories:
        screen.text()
        rows = [
            (each.memory_id, each.drift_score, each.state, each.suggested_method, each.version, each.data)
            for each in answer.memories
        ]
        screen.table(["id", "drift", "state", "repair with", "version", "text"], rows, wide="text", clip=True)


def _show_parts(screen: Screen, parts: Sequence[DiffPart], names: tuple[str, str]) -> None:
    if not screen.terminal:
        old = "".join(part.text for part in parts if part.kind != "added")
        new = "".join(part.text for part in parts if part.kind != "removed")
        lines = unified_diff(old.splitlines(), new.splitlines(), *names, lineterm="")
        for line in lines:
            print(printable(line))
        return
    from rich.text import Text

    screen.console.print(Text.assemble(*((printable(part.text), STYLES[part.kind]) for part in parts)))


def _short(note: str | None) -> str | None:
    return note if note is None or len(note) <= 24 else f"{note[:23]}…"
