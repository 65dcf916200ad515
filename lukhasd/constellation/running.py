"""Runs nodes: bounded in time and number, their answers checked and judged, whatever they do reported."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic, perf_counter

from lukhas_sdk.contract import nodes as contract
from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhas_sdk.errors import LukhasError
from lukhasd.constellation.entry import Entry
from lukhasd.constellation.node import Node, NodeInput, NodeInvalid, validate_output
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller

logger = logging.getLogger(__name__)

BUDGET_S = 2.0
"""For all nodes of one stage together."""
AT_ONCE = 8
ERROR_CHARS = 300


class _Unjudged(NodeInvalid):
    """The guardian failed, not the node."""


class Runner:
    def __init__(self, guardian: Guardian) -> None:
        self._guardian = guardian
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(
        self, entry: Entry, given: NodeInput, deadline_s: float, *, forced: bool = False
    ) -> contract.NodeReport | None:
        """None for a suspended node, unless `forced`."""
        assert entry.node is not None
        if not entry.record.begin() and not forced:
            return None
        counted: contract.NodeReport | None = None
        try:
            try:
                async with asyncio.timeout(max(0.0, deadline_s - monotonic())):
                    await self._turns.acquire()
            except TimeoutError:
                return contract.NodeReport(
                    entry.node_id, "timeout", None, None, 0.0, "other nodes used up the time of this stage"
                )
            try:
                report, its_own = await self._answer(entry, entry.node, given, deadline_s)
            finally:
                self._turns.release()
            counted = report if its_own else None
            return report
        finally:
            entry.record.end(counted)

    async def _answer(
        self, entry: Entry, node: Node, given: NodeInput, deadline_s: float
    ) -> tuple[contract.NodeReport, bool]:
        """And whether that is the node's own doing."""
        started = perf_counter()
        remaining_s = max(0.0, deadline_s - monotonic())
        its_own = True
        try:
            async with asyncio.timeout(remaining_s):
                output = await node.process(given)
            duration_ms = (perf_counter() - started) * 1000
            validate_output(output)
            await self._judge(output.answer, given.caller)
            return contract.NodeReport(entry.node_id, "ok", output.answer, output.confidence, duration_ms), True
        except TimeoutError as late:
            status: contract.NodeStatus = "timeout"
            error = str(late) or f"it did not answer within {remaining_s:.1f} s"
        except NodeInvalid as lie:
            status, error = "invalid", str(lie)
            its_own = not isinstance(lie, _Unjudged)
        except LukhasError as refusal:  # of this input
            status, error, its_own = "failed", refusal.message, False
        except Exception as failure:  # another's code, or another's program
            status, error = "failed", str(failure) or type(failure).__name__
        duration_ms = (perf_counter() - started) * 1000
        logger.warning("a node failed", extra={"node": entry.node_id, "status": status})
        return contract.NodeReport(entry.node_id, status, None, None, duration_ms, error[:ERROR_CHARS]), its_own

    async def _judge(self, answer: str | None, caller: Caller) -> None:
        """Raises NodeInvalid for what the guardian would not let a tool say."""
        if not answer:
            return
        verdict = await self._guardian.validate(
            ValidateRequest(GuardianAction(type="tool_output", content=answer)), caller=caller
        )
        if verdict.decision in ("REJECTED", "REVIEW"):
            if "decision" in verdict.reasons:
                raise _Unjudged(f"its answer could not be judged: {verdict.reasons['decision']}")
            rules = ", ".join(finding.rule for finding in verdict.reasoning.findings[:3])
            raise NodeInvalid(f"the guardian does not let its answer pass: {rules}")
