"""Tokens, keys and the password."""

from __future__ import annotations

from lukhas_sdk.contract import identity as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
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


HANDLERS: dict[AnyOperation, Handler] = {
    contract.TOKEN: token,
    contract.REFRESH: refresh,
    contract.LOGOUT: logout,
    contract.WHOAMI: whoami,
    contract.PASSWORD: set_password,
    contract.KEY_CREATE: create_key,
    contract.KEY_LIST: list_keys,
    contract.KEY_REVOKE: revoke_key,
}
