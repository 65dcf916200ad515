"""Tokens from outside, the symbols, and text in symbols."""

from __future__ import annotations

import asyncio

from lukhas_sdk.contract import glyph as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler
from lukhasd.glyph import sending


async def send(call: Call[NoParams, contract.SendRequest]) -> contract.SendResponse:
    return await sending.send(call.parts.bus, call.parts.guardian, call.caller, call.body)


async def tokens(call: Call[contract.TokenListParams, NoBody]) -> contract.TokenListResponse:
    caller = call.caller
    shown = {caller.identity_id: caller.lambda_id}
    found, cursor = await call.parts.audit.find(call.params, owner=caller.identity_id, shown=shown)
    return contract.TokenListResponse(found, cursor)


async def list_symbols(call: Call[NoParams, NoBody]) -> contract.SymbolListResponse:
    return call.parts.symbols.list()


async def register(call: Call[NoParams, contract.RegisterRequest]) -> contract.SymbolEntry:
    return await call.parts.symbols.register(call.caller, call.body)


async def remove(call: Call[contract.SymbolParams, NoBody]) -> contract.RemoveResponse:
    await call.parts.symbols.remove(call.caller, call.params.symbol)
    return contract.RemoveResponse(call.params.symbol, removed=True)


async def encode(call: Call[NoParams, contract.EncodeRequest]) -> contract.EncodeResponse:
    return await asyncio.to_thread(call.parts.symbols.lexicon.encode, call.body.text, call.body.language)


async def decode(call: Call[NoParams, contract.DecodeRequest]) -> contract.DecodeResponse:
    call.parts.symbols.check(call.body.symbols)
    return call.parts.symbols.lexicon.decode(call.body.symbols, call.body.language)


HANDLERS: dict[AnyOperation, Handler] = {
    contract.SEND: send,
    contract.TOKENS: tokens,
    contract.LIST_SYMBOLS: list_symbols,
    contract.REGISTER: register,
    contract.REMOVE: remove,
    contract.ENCODE: encode,
    contract.DECODE: decode,
}
