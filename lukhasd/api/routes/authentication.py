"""Who the caller is in the constellation, and what it may do."""

from __future__ import annotations

from lukhas_sdk.contract import identity as contract
from lukhas_sdk.contract import nodes
from lukhas_sdk.contract.base import AnyOperation, NoParams, Tier
from lukhas_sdk.contract.operations import ALL
from lukhasd.api.call import Call, Handler
from lukhasd.records.compliance import compliance

LESSER_KEY = "the key has a lower tier than its identity, whose tier a token would have"
ITS_TIER = "a token has its identity's tier; for less: lukhas auth key create NAME --tier TIER"


async def authenticate(call: Call[NoParams, contract.AuthenticateRequest]) -> contract.AuthenticateResponse:
    caller, parts, asked = call.caller, call.parts, call.body.authentication_context
    token = await parts.identity.authenticated(caller, call.body)
    standing, why = compliance(parts.metrics)
    stars = (await parts.stars.list()).constellation_alignment if asked.constellation_context else None
    reasons = {
        "biometric_match": "no biometric_data was given",
        "guardian_override": "no operation overrides the guardian",
        "t4_compliance_verified": why,
    }
    if token is None:
        reasons |= dict.fromkeys(("constellation_token", "expires_in"), LESSER_KEY)
    if stars is None:
        reasons["constellation_context"] = "it was not asked for"
    if asked.requested_tier not in (None, caller.tier.label):
        reasons["tier_granted"] = ITS_TIER
    return contract.AuthenticateResponse(
        contract.AuthenticationResult("authenticated", caller.tier.label, True, None),
        token.access_token if token is not None else None,
        _permissions(caller.tier),
        contract.SessionMetadata(
            token.expires_in if token is not None else None,
            stars,
            None if standing == "insufficient_data" else standing == "met",
        ),
        reasons,
    )


def _permissions(tier: Tier) -> contract.AccessPermissions:
    pipeline = [operation.tier <= tier for operation in ALL if operation.id.startswith("matriz.")]
    matriz: contract.Access = "full_access" if all(pipeline) else "limited_access" if any(pipeline) else "none"
    may_write, may_read = nodes.REGISTER.tier <= tier, nodes.LIST.tier <= tier
    return contract.AccessPermissions(
        matriz, "read_write" if may_write else "read_only" if may_read else "none", guardian_override=False
    )


HANDLERS: dict[AnyOperation, Handler] = {contract.AUTHENTICATE: authenticate}
