"""Tokens, keys and the password."""

from __future__ import annotations

from lukhas_sdk.contract import identity as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhas_sdk.errors import Conflict
from lukhasd.api.call import Call, Handler


async def token(call: Call[NoParams, contract.TokenRequest]) -> contract.TokenResponse:
    return await call.parts.identity.token(call.body)


async def refresh(call: Call[NoParams, contract.RefreshRequest]) -> contract.TokenResponse:
    return await call.parts.identity.refresh(call.body)


async def logout(call: Call[NoParams, contract.LogoutRequest]) -> contract.LogoutResponse:
    return await call.parts.identity.logout(call.caller, call.body)


async def whoami(call: Call[NoParams, NoBody]) -> contract.WhoAmIResponse:
    return await call.parts.identity.whoami(call.caller)


async def set_password(call: Call[NoParams, contract.PasswordRequest]) -> contract.PasswordResponse:
    return await call.parts.identity.set_password(call.caller, call.body)


async def create_key(call: Call[NoParams, contract.KeyCreateRequest]) -> contract.KeyCreateResponse:
    return await call.parts.identity.create_key(call.caller, call.body)


async def list_keys(call: Call[NoParams, NoBody]) -> contract.KeyListResponse:
    return await call.parts.identity.list_keys(call.caller)


async def revoke_key(call: Call[contract.KeyParams, NoBody]) -> contract.KeyRevokeResponse:
    return await call.parts.identity.revoke_key(call.caller, call.params.key_id)


async def add(call: Call[NoParams, contract.IdentityAddRequest]) -> contract.IdentityAddResponse:
    return await call.parts.identity.add(call.caller, call.body)


async def list_identities(call: Call[NoParams, NoBody]) -> contract.IdentityListResponse:
    return call.parts.identity.list()


async def remove(
    call: Call[contract.IdentityParams, contract.IdentityRemoveRequest],
) -> contract.IdentityRemoveResponse:
    parts = call.parts
    person = parts.identity.other(call.params.name)
    kept = (await parts.memory.stats(person.identity_id)).memories
    if kept and not call.body.with_memories:
        raise Conflict(
            f"{person.name} has {kept} memories",
            hint="export them with its own key first; to forget them: lukhas identity remove NAME --with-memories",
            details={"memories": kept},
        )
    await parts.identity.shut_out(person)
    await call.service.in_work.end(person.identity_id)
    parts.audit.leave_out(person.identity_id)
    await parts.jobs.halt(person.identity_id)
    await parts.nodes.remove_all(person.identity_id)
    await parts.webhooks.remove_all(person.identity_id)
    forgotten = await parts.forgetting.forget_owner(person.identity_id)
    await parts.identity.remove(person)
    return contract.IdentityRemoveResponse(person.lambda_id, True, forgotten)


HANDLERS: dict[AnyOperation, Handler] = {
    contract.TOKEN: token,
    contract.REFRESH: refresh,
    contract.LOGOUT: logout,
    contract.WHOAMI: whoami,
    contract.PASSWORD: set_password,
    contract.KEY_CREATE: create_key,
    contract.KEY_LIST: list_keys,
    contract.KEY_REVOKE: revoke_key,
    contract.IDENTITY_ADD: add,
    contract.IDENTITY_LIST: list_identities,
    contract.IDENTITY_REMOVE: remove,
}
