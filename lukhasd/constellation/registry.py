"""The node registry: what comes with the program, what was registered over the API, and how each of them fares."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import monotonic
from typing import Literal

import msgspec

from lukhas_sdk.contract import nodes as contract
from lukhas_sdk.contract.base import STAGES, StageName, Tier
from lukhas_sdk.errors import Conflict, NotFound, ValidationError
from lukhasd.constellation.callback import Callback, loopback
from lukhasd.constellation.composition import Composition, check_steps
from lukhasd.constellation.entry import NO_EXECUTOR, Entry, nothing_to_run, pillar_of, pillars_of, summary
from lukhasd.constellation.loading import Built, find
from lukhasd.constellation.node import NOT_CONFIGURED, Node, NodeInput
from lukhasd.constellation.running import AT_ONCE, BUDGET_S, Runner
from lukhasd.constellation.stars import SelfTests, Stars
from lukhasd.database import Database
from lukhasd.database.connection import Cursor
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller

logger = logging.getLogger(__name__)

NODES_EACH = 16
"""That one identity may register."""


class NodeRegistry:
    """Open with `NodeRegistry.open`, then `load` once the modules that built-in nodes need are there."""

    def __init__(self, database: Database, guardian: Guardian, stars: Stars, *, plugins: Sequence[str]) -> None:
        self._database = database
        self._stars = stars
        self._plugins = plugins
        self._modules: frozenset[str] = frozenset()
        self._own: dict[str, Entry] = {}
        self._registered: dict[tuple[str, str], Entry] = {}
        self._checks = SelfTests({})
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="node")
        self._runner = Runner(guardian)
        self._changing = asyncio.Lock()
        self.unloadable: list[str] = []
        """What entry points gave no node, and why."""

    async def load(self, modules: Mapping[str, object]) -> None:
        """Builds the nodes that entry points name, then those of the database. `modules` is what they may depend on."""
        self._modules = frozenset(modules)
        for found in await asyncio.to_thread(lambda: sorted(find(self._plugins, modules), key=_order)):
            if isinstance(found, str):
                self.unloadable.append(found)
            elif found.about.node_id in self._own:
                self.unloadable.append(f"{found.distribution}: a node called {found.about.node_id} is there already")
            else:
                self._add_own(found)
        for reason in self.unloadable:
            logger.warning("a node cannot be loaded", extra={"why": reason})
        for owner, registration_id, shared, by, at, spec in await self._database.read(_load):
            request = msgspec.json.decode(spec, type=contract.RegisterNodeRequest)
            entry = self._entry(request, owner, shared=shared, registration_id=registration_id, by=by, at=at)
            self._registered[owner, request.node_id] = entry

    def close(self) -> None:
        for entry in self._registered.values():
            _end(entry)
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def instantiation(self) -> tuple[Literal["active", "degraded", "inactive"], str]:
        """Whether every node of an entry point was built with what it depends on, and who was not."""
        failed = [f"{entry.node_id} lacks {entry.missing}" for entry in self._own.values() if entry.missing]
        failed += self.unloadable
        if not self._own:
            return "inactive", "; ".join(failed) or "no entry point names a node"
        return ("degraded", "; ".join(failed)) if failed else ("active", f"{len(self._own)} nodes were built")

    def runs_for(self, caller: Caller, stage: StageName) -> bool:
        """Whether `run` would ask anybody. Costs next to nothing where no node is registered."""
        return bool(self._registered or self._plugins) and bool(self._runnable(caller, stage))

    async def run(self, given: NodeInput) -> list[contract.NodeReport]:
        """What the registered nodes and the plug-ins of the stage say, within 2 seconds. Never raises for a node."""
        entries = self._runnable(given.caller, given.stage)
        if not entries:
            return []
        deadline_s = monotonic() + BUDGET_S
        reports = await asyncio.gather(*(self._runner.run(entry, given, deadline_s) for entry in entries))
        return [report for report in reports if report is not None]

    async def register(self, caller: Caller, request: contract.RegisterNodeRequest) -> contract.RegisterNodeResponse:
        """ValidationError where something it names is not there, Conflict where its id is taken or there are too many.
        It is on disk when this returns."""
        self._check(request)
        async with self._changing:
            mine = [owner for owner, _ in self._registered if owner == caller.identity_id]
            if request.node_id in self._own or (caller.identity_id, request.node_id) in self._registered:
                raise Conflict(f"a node called {request.node_id} is there already", hint="see: lukhas node list")
            if len(mine) >= NODES_EACH:
                raise Conflict(
                    f"{len(mine)} nodes are registered already; {NODES_EACH} may be", hint="lukhas node remove NODE_ID"
                )
            now = datetime.now(UTC)
            short = request.node_id.removesuffix("_node")
            entry = self._entry(
                request, caller.identity_id, shared=caller.tier is Tier.PRIME, at=now, by=caller.lambda_id,
                registration_id=f"reg_{now:%Y_%m_%d}_{short}_{secrets.token_hex(3)}",
            )  # fmt: skip
            await self._database.write(lambda cursor: _insert(cursor, entry))
            self._registered[caller.identity_id, request.node_id] = entry
        availability, reasons = await self._availability(entry)
        assert entry.registration_id is not None
        return contract.RegisterNodeResponse(
            entry.registration_id, "registered", await self._validation(entry), availability, reasons
        )

    async def remove(self, caller: Caller, node_id: str) -> contract.RemoveNodeResponse:
        """NotFound; Conflict for a node that comes with the program or is another's."""
        entry = self._find(caller, node_id)
        if entry.owner != caller.identity_id:
            whose = "comes with the program" if entry.owner is None else "is the machine's owner's"
            raise Conflict(f"{node_id} {whose} and cannot be removed", hint="see: lukhas node list")
        async with self._changing:
            await self._database.write(
                lambda cursor: cursor.execute(
                    "DELETE FROM nodes WHERE owner = ? AND node_id = ?", [caller.identity_id, node_id]
                )
            )
            removed = self._registered.pop((caller.identity_id, node_id), None)
        if removed is not None:
            _end(removed)
        return contract.RemoveNodeResponse(node_id, removed is not None)

    async def remove_all(self, owner: str) -> None:
        """Those of an identity that goes."""
        async with self._changing:
            await self._database.write(lambda cursor: cursor.execute("DELETE FROM nodes WHERE owner = ?", [owner]))
            for key in [key for key in self._registered if key[0] == owner]:
                _end(self._registered.pop(key))

    async def find_all(self, caller: Caller, params: contract.NodeListParams) -> contract.NodeListResponse:
        visible = self._visible(caller)
        pillar = pillar_of(params.pillar, "$.pillar") if params.pillar is not None else None
        states = await asyncio.gather(*(self._availability(entry) for entry in visible))
        chosen = [
            summary(entry, availability, reasons)
            for entry, (availability, reasons) in zip(visible, states, strict=True)
            if (params.stage is None or params.stage in entry.stages)
            and (pillar is None or pillar in pillars_of(entry.spec))
        ]
        ill = [
            entry
            for entry, (state, _) in zip(visible, states, strict=True)
            if state in ("degraded", "suspended") or entry.missing
        ]
        health: Literal["optimal", "degraded", "critical"] = "degraded" if ill else "optimal"
        if not self._own or any(entry.kind == "built-in" for entry in ill):
            health = "critical"
        return contract.NodeListResponse(chosen, len(chosen), health)

    async def show(self, caller: Caller, node_id: str) -> contract.Node:
        """NotFound."""
        entry = self._find(caller, node_id)
        availability, reasons = await self._availability(entry)
        record, mine = entry.record, entry.owner == caller.identity_id
        if not mine:  # an error may quote the input that it was about, an address hold a key
            reasons = {**reasons, **dict.fromkeys(("last_error", "callback"), "shown to whoever registered it")}
        return contract.Node(
            **msgspec.structs.asdict(summary(entry, availability, reasons)),
            node_type=entry.spec.node_type,
            dependencies=entry.spec.constructor_config.dependencies,
            registration_id=entry.registration_id,
            registered_at=entry.registered_at,
            registered_by=entry.registered_by,
            callback=entry.spec.callback if mine else None,
            composition=entry.spec.composition,
            distribution=entry.distribution,
            runs=record.runs,
            failures=record.failures,
            p95_ms=record.p95_ms,
            last_error=record.last_error if mine else None,
            retry_at=record.retry_at,
            validation_results=await self._validation(entry),
        )

    async def test(self, caller: Caller, node_id: str, request: contract.TestNodeRequest) -> contract.TestNodeResponse:
        """One run now, also of a suspended node. NotFound; ValidationError where the node is not for the stage."""
        entry = self._find(caller, node_id)
        stage = request.stage or entry.stages[0]
        if stage not in entry.stages:
            raise ValidationError(
                f"{node_id} is not for the stage {stage}", field="$.stage", hint=f"it is for: {', '.join(entry.stages)}"
            )
        report = None
        if entry.node is not None and not (entry.kind == "built-in" and stage == "action"):
            deadline_s = monotonic() + BUDGET_S
            report = await self._runner.run(entry, NodeInput(caller, stage, request.input), deadline_s, forced=True)
        availability, reasons = await self._availability(entry)
        if report is None:
            reasons = {**reasons, "report": nothing_to_run(entry) or "it writes to memory, and is tried by no test"}
        return contract.TestNodeResponse(report, availability, await self._validation(entry), reasons)

    def _add_own(self, built: Built) -> None:
        self._own[built.about.node_id] = Entry(
            built.about, built.kind, built.node, missing=built.missing, distribution=built.distribution
        )
        if built.node is not None:
            self._checks.add(built.about.node_id, built.node.check)

    def _entry(
        self,
        request: contract.RegisterNodeRequest,
        owner: str,
        *,
        shared: bool,
        registration_id: str,
        by: str,
        at: datetime,
    ) -> Entry:
        node: Node | None = None
        kind: contract.NodeKind = "declared"
        missing = next((name for name in request.constructor_config.dependencies if name not in self._modules), None)
        if request.callback is not None:
            kind, node = "callback", Callback(request.node_id, request.callback, self._pool)
        elif request.composition is not None:
            kind = "composition"
            parts = [self._own.get(name) for name in request.composition]
            missing = missing or next(
                (name for name, part in zip(request.composition, parts, strict=True) if part is None or not part.node),
                None,
            )
            steps = [(part.stages[0], part.node) for part in parts if part is not None and part.node is not None]
            node = Composition(steps)
        return Entry(
            request, kind, None if missing else node, owner, shared, missing, registration_id=registration_id,
            registered_at=at, registered_by=by,
        )  # fmt: skip

    def _check(self, request: contract.RegisterNodeRequest) -> None:
        if request.callback is not None and request.composition is not None:
            raise ValidationError(
                "a node has a callback or a composition, not both", field="$.composition", hint="leave one out"
            )
        for place, name in enumerate(request.constructor_config.dependencies):
            if name not in self._modules:
                raise ValidationError(
                    f"constructor_validation failed: there is no module called {name}",
                    field=f"$.constructor_config.dependencies[{place}]",
                    hint=f"there are: {', '.join(sorted(self._modules))}",
                )
        for place, pillar in enumerate(request.constellation_metadata.compatible_pillars):
            pillar_of(pillar, f"$.constellation_metadata.compatible_pillars[{place}]")
        if request.callback is not None:
            loopback(request.callback.url)
        if request.composition is not None:
            built_in = {name: entry.spec for name, entry in self._own.items() if entry.kind == "built-in"}
            check_steps(request.composition, built_in)

    def _visible(self, caller: Caller) -> list[Entry]:
        """The caller's own nodes hide those of the machine's owner that have the same id."""
        seen = {entry.node_id: entry for entry in self._registered.values() if entry.shared}
        seen |= {entry.node_id: entry for entry in self._registered.values() if entry.owner == caller.identity_id}
        return [*self._own.values(), *(seen[name] for name in sorted(seen))]

    def _runnable(self, caller: Caller, stage: StageName) -> list[Entry]:
        return [
            entry
            for entry in self._visible(caller)
            if entry.kind != "built-in" and entry.node is not None and stage in entry.stages
        ]

    def _find(self, caller: Caller, node_id: str) -> Entry:
        for entry in self._visible(caller):
            if entry.node_id == node_id:
                return entry
        raise NotFound(f"no node is called {node_id}", hint="see: lukhas node list")

    async def _availability(self, entry: Entry) -> tuple[contract.Availability, dict[str, str]]:
        idle = nothing_to_run(entry)
        if idle is not None or entry.node is None:
            return "inactive", {"availability": idle or NO_EXECUTOR}
        if entry.kind == "built-in":
            state = await self._checks.state(entry.node_id)
            reason = state.reason
            if reason is not None:
                configured = not reason.startswith(NOT_CONFIGURED)
                return ("degraded" if configured else "inactive"), {"availability": reason}
            return "active", {}
        availability = entry.record.availability
        if availability != "active":
            times = entry.record.in_a_row
            return availability, {
                "availability": f"it failed {times} times in a row" if times > 1 else "its last run failed"
            }
        try:
            async with asyncio.timeout(BUDGET_S):
                reason = await entry.node.check()
        except Exception as error:
            reason = f"its health check failed: {error or type(error).__name__}"
        return ("active", {}) if reason is None else ("degraded", {"availability": reason})

    async def _validation(self, entry: Entry) -> contract.ValidationResults:
        met, figures = entry.record.t4()
        reasons = {"t4_compliance": figures}
        inactive = []
        for pillar in pillars_of(entry.spec):
            if pillar in self._stars.names:
                state = await self._stars.state(pillar)
                inactive += [] if state.active else [f"{pillar} is inactive: {state.reason}"]
            else:
                inactive.append(f"{pillar} is not there")
        return contract.ValidationResults(
            met,
            f"failed: {entry.missing} is missing" if entry.missing else "passed",
            f"unverified: {'; '.join(inactive)}" if inactive else "verified",
            reasons,
        )


def _end(entry: Entry) -> None:
    if isinstance(entry.node, Callback):
        entry.node.close()


def _load(cursor: Cursor) -> list[tuple[str, str, bool, str, datetime, str]]:
    rows = cursor.execute(
        "SELECT owner, registration_id, shared, registered_by, registered_at, spec FROM nodes ORDER BY node_id"
    ).fetchall()
    return [(owner, given, shared, by, at.replace(tzinfo=UTC), spec) for owner, given, shared, by, at, spec in rows]


def _insert(cursor: Cursor, entry: Entry) -> None:
    assert entry.registered_at is not None
    cursor.execute(
        "INSERT INTO nodes (owner, node_id, registration_id, shared, registered_by, registered_at, spec)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            entry.owner, entry.node_id, entry.registration_id, entry.shared, entry.registered_by,
            entry.registered_at.replace(tzinfo=None), msgspec.json.encode(entry.spec).decode(),
        ],
    )  # fmt: skip


def _order(found: Built | str) -> tuple[bool, int, str]:
    """The program's own first, in the order of the stages: package metadata has them in that of their names."""
    if isinstance(found, str):
        return True, len(STAGES), found
    first = found.about.constellation_metadata.pipeline_stages[0]
    return found.kind != "built-in", STAGES.index(first), found.about.node_id
