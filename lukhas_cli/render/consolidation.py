"""What a consolidation came to, or would."""

from __future__ import annotations

from lukhas_cli.render.screen import Cell, Screen
from lukhas_sdk.contract.consolidation import Consolidation

SAID = {
    "preview": "a dry run: nothing was changed; to do it: lukhas dream consolidate --apply",
    "applied": "done; to put it back: lukhas dream undo {}",
    "rolled_back": "recall fell, or it was cut short: everything was put back",
    "undone": "put back",
}


def show_consolidation(screen: Screen, report: Consolidation) -> None:
    rows: list[tuple[Cell, ...]] = [
        *(("merge", each.merged_id, each.kept_id, each.after) for each in report.merges),
        *(("contradiction", each.older_id, each.newer_id, f"{each.older} / {each.newer}")
          for each in report.contradictions),
        *(("abstraction", each.memory_id or "new", len(each.sources), each.data) for each in report.abstractions),
        *(("faded", each.memory_id, f"{each.importance_before:.2f} → {each.importance_after:.2f}",
           f"not used for {each.unused_days} days") for each in report.faded),
        *(("left alone", name, "", why) for name, why in report.left_alone.items()),
    ]  # fmt: skip
    if not screen.terminal:
        screen.row("id", report.consolidation_id, report.state)
        for row in rows:
            screen.row(*row)
        return
    screen.pairs(
        [
            ("id", report.consolidation_id),
            ("state", f"{report.state}: {SAID[report.state].format(report.consolidation_id)}"),
            ("memories", report.memories),
            ("recall", _recall(report)),
        ]
    )
    if not rows:
        screen.text("nothing to merge, abstract, fade or decide", style="dim")
    for head, texts in _sections(report).items():
        if texts:
            screen.text(f"\n{head} ({len(texts)})", style="bold")
        for first, second in texts:
            screen.text(first)
            screen.text(f"  {second}", style="dim")


def _sections(report: Consolidation) -> dict[str, list[tuple[str, str]]]:
    """What was found, each with a line below it."""
    return {
        "Merged": [(each.after, f"{each.kept_id} ← {each.merged_id}: {each.merged}") for each in report.merges],
        "Contradictions, to be decided": [
            (f"{each.older}\n{each.newer}", f"{each.older_id}, {each.newer_id}: lukhas memory conflicts")
            for each in report.contradictions
        ],
        "Abstracted": [
            (each.data, f"{each.memory_id or 'new'} ← {', '.join(each.sources)}") for each in report.abstractions
        ],
        "Faded": [
            (each.memory_id, f"{each.importance_before:.2f} → {each.importance_after:.2f}, not used for"
             f" {each.unused_days} days") for each in report.faded
        ],
        "Left alone": list(report.left_alone.items()),
    }  # fmt: skip


def _recall(report: Consolidation) -> str:
    replay = report.replay
    if replay.recall_before is None:
        return "not measured: there is nothing to sample"
    after = "" if replay.recall_after is None else f" before, {replay.recall_after:.1%} after"
    return f"{replay.recall_before:.1%}{after} of {replay.sampled} found again by a few of their words"
