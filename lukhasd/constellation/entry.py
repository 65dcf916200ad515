"""One node as the registry holds it, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from lukhas_sdk.contract import nodes as contract
from lukhas_sdk.contract.base import StageName
from lukhas_sdk.errors import ValidationError
from lukhasd.constellation import stars
from lukhasd.constellation.node import Node
from lukhasd.constellation.run_record import RunRecord

NO_EXECUTOR = "it names no callback and no composition, so there is nothing to run"


@dataclass(frozen=True)
class Entry:
    """`owner` None: it comes with the program. `node` None: there is nothing to run, and `missing` may say why."""

    spec: contract.RegisterNodeRequest
    kind: contract.NodeKind
    node: Node | None
    owner: str | None = None
    shared: bool = True
    missing: str | None = None
    distribution: str | None = None
    registration_id: str | None = None
    registered_at: datetime | None = None
    registered_by: str | None = None
    record: RunRecord = field(default_factory=RunRecord)

    @property
    def node_id(self) -> str:
        return self.spec.node_id

    @property
    def stages(self) -> list[StageName]:
        return self.spec.constellation_metadata.pipeline_stages


def nothing_to_run(entry: Entry) -> str | None:
    if entry.missing:
        return f"it depends on {entry.missing}, which is not there"
    return NO_EXECUTOR if entry.node is None else None


def summary(entry: Entry, availability: contract.Availability, reasons: dict[str, str]) -> contract.NodeSummary:
    met, figures = entry.record.t4()
    return contract.NodeSummary(
        entry.node_id, entry.spec.capabilities, met, availability, entry.kind, entry.stages,
        entry.spec.constellation_metadata.compatible_pillars, {**reasons, "t4_compliant": figures},
    )  # fmt: skip


def pillar_of(named: str, field: str) -> str:
    """ValidationError where it is no star and no pillar."""
    found = stars.named(named)
    if found is None:
        raise ValidationError(
            f"{named} is no star and no pillar",
            field=field,
            hint="identity ⚛️, memory ✦, vision 🔬, bio 🌱, dream 🌙, ethics ⚖️, guardian 🛡️, quantum, consciousness 🧠",
        )
    return found


def pillars_of(spec: contract.RegisterNodeRequest) -> list[str]:
    found = (stars.named(pillar) for pillar in spec.constellation_metadata.compatible_pillars)
    return [pillar for pillar in found if pillar is not None]
