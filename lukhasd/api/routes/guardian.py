"""Verdicts and the policy they come from."""

from __future__ import annotations

from lukhas_sdk.contract import guardian as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhas_sdk.contract.policy import CHECK, PolicyCheckRequest, PolicyCheckResponse
from lukhasd.api.call import Call, Handler


async def validate(call: Call[NoParams, contract.ValidateRequest]) -> contract.Verdict:
    return await call.parts.guardian.validate(call.body, caller=call.caller)


async def policy(call: Call[NoParams, NoBody]) -> contract.PolicyResponse:
    return call.parts.guardian.policy()


async def check(call: Call[NoParams, PolicyCheckRequest]) -> PolicyCheckResponse:
    return await call.parts.bench.check(call.body)


HANDLERS: dict[AnyOperation, Handler] = {contract.VALIDATE: validate, contract.POLICY: policy, CHECK: check}
