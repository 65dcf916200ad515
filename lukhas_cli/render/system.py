"""The daemon's own figures and health."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lukhas_cli.render.screen import Screen, show

if TYPE_CHECKING:
    from lukhas_sdk.contract.system import HealthResponse, StatusResponse

UNITS = {"_seconds": "s", "_ms": "ms", "_gb": "GB", "_percent": "%"}


def show_status(screen: Screen, figures: StatusResponse, health: HealthResponse) -> None:
    """`section.name value` per figure, then one line per module, then the reason of each figure that is unknown."""
    screen.pairs([("lukhasd", f"{figures.version}, {health.status}"), *_figures(figures)])
    if screen.terminal:
        screen.text()
    modules = msgspec.structs.asdict(health.modules)
    screen.table(
        ["module", "state", "median ms", "why"],
        [
            (name, module.status, module.latency_ms, "; ".join(dict.fromkeys(module.reasons.values())))
            for name, module in modules.items()
        ],
        wide="why",
    )
    for field, reason in figures.reasons.items():
        screen.text(f"– {field}: {reason}", style="dim")


def _figures(figures: StatusResponse) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for section in ("system", "guardian", "performance"):
        for name, value in msgspec.structs.asdict(getattr(figures, section)).items():
            suffix = next((suffix for suffix in UNITS if name.endswith(suffix)), "")
            label = name.removesuffix(suffix).replace("_", " ")
            unit = f" {UNITS[suffix]}" if suffix and value is not None else ""
            rows.append((f"{section} {label}", show(value) + unit))
    return rows
