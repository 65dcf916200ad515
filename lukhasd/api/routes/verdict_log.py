"""The verdict log. Nothing here is judged: an explanation or an appeal is never kept back."""

from __future__ import annotations

import asyncio

from lukhas_sdk.contract import verdict_log as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhas_sdk.contract.guardian import GuardianAction
from lukhas_sdk.contract.system import LogVerification
from lukhasd.api.call import Call, Handler
from lukhasd.guardian import Guardian
from lukhasd.guardian.entries import ALL_MASKED, masked
from lukhasd.guardian.explaining import explain as told_in_full

MASK_BUDGET_S = 2.0


async def find_all(call: Call[contract.LogListParams, NoBody]) -> contract.LogListResponse:
    return await asyncio.to_thread(call.parts.verdict_log.find_all, call.caller, call.params)


async def show(call: Call[contract.LogParams, NoBody]) -> contract.LogEntry:
    return await asyncio.to_thread(call.parts.verdict_log.find, call.params.validation_id, call.caller)


async def verify(call: Call[NoParams, NoBody]) -> LogVerification:
    return await asyncio.to_thread(call.parts.verdict_log.verify)


async def export(call: Call[NoParams, NoBody]) -> contract.LogExport:
    async def send(lines: str) -> None:
        call.emit(contract.LogExportEvent("lines", lines))
        await call.sent()

    return await call.parts.verdict_log.export(send)


async def explain(call: Call[contract.LogParams, NoBody]) -> contract.Explanation:
    def told() -> contract.Explanation:
        log, validation_id = call.parts.verdict_log, call.params.validation_id
        entry = log.find(validation_id, call.caller)
        return told_in_full(
            entry,
            [rule for pack in call.parts.guardian.packs for rule in pack.rules],
            appeals=log.appeals_to(entry),
            chain=log.position(validation_id, call.caller),
        )

    return await asyncio.to_thread(told)


async def appeal(call: Call[NoParams, contract.AppealRequest]) -> contract.AppealResponse:
    guardian = call.parts.guardian
    return await asyncio.to_thread(
        lambda: call.parts.verdict_log.appeal(call.body, call.caller, mask=lambda text: _masked(guardian, text))
    )


async def appeals(call: Call[contract.AppealListParams, NoBody]) -> contract.AppealListResponse:
    return await asyncio.to_thread(call.parts.verdict_log.appeals, call.params)


def _masked(guardian: Guardian, text: str) -> str:
    """What an appeal says stays for ever: its secrets do not. What cannot be looked through is masked whole."""
    try:
        found = guardian.find(GuardianAction("memory_write", text), budget_s=MASK_BUDGET_S)
    except Exception:
        return ALL_MASKED
    return masked(text, [(each.start, each.end, each.rule.name, each.rule.category) for each in found], ("secret",))


HANDLERS: dict[AnyOperation, Handler] = {
    contract.LIST: find_all,
    contract.VERIFY: verify,
    contract.EXPORT: export,
    contract.SHOW: show,
    contract.EXPLAIN: explain,
    contract.APPEAL: appeal,
    contract.APPEALS: appeals,
}
