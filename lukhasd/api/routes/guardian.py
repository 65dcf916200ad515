"""Verdicts and the policy they come from."""

from __future__ import annotations

from lukhas_sdk.contract import guardian as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler


async def validate(call: Call[NoParams, contract.ValidateRequest]) -> contract.Verdict:
    return await call.parts.guardian.validate(call.body)


async def policy(call: Call[NoParams, NoBody]) -> contract.PolicyResponse:
    return call.parts.guardian.policy()


HANDLERS: dict[AnyOperation, Handler] = {contract.VALIDATE: validate, contract.POLICY: policy}
