"""Who may call: every operation of the table, with nothing, with garbage, and with too little."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import Any

import jwt
import pytest
from serving import Answer, Served

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.operations import ALL
from lukhas_sdk.secrets import read_secret

PASSWORD = "correct horse battery"
BOUND = [operation for operation in ALL if not operation.public]


def path_of(path: str) -> str:
    return re.sub(r"{\w+}", "anything", path)


async def login(served: Served) -> dict[str, Any]:
    await served.call("POST", "/auth/password", json={"new_password": PASSWORD})
    name = (await served.call("GET", "/auth/whoami")).body["lambda_id"]
    answer = await served.call("POST", "/auth/token", json={"username": name, "password": PASSWORD}, key=None)
    assert answer.status == 200, answer.raw
    return {**answer.body, "name": name}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def whoami(served: Served, token: str) -> Answer:
    return await served.call("GET", "/auth/whoami", key=None, headers=bearer(token))


async def test_every_operation_wants_a_credential(served: Served) -> None:
    assert len(BOUND) >= 20
    for operation in BOUND:
        method, path = operation.method, path_of(operation.path)
        for headers in ({}, {"X-API-Key": "lk_" + "a" * 43}, bearer("lk_" + "a" * 43), {"X-API-Key": ""},
                        bearer("a.b.c"), {"Authorization": f"Basic {served.key}"}):  # fmt: skip
            answer = await served.call(method, path, key=None, headers=headers, data=b"{}")
            assert (answer.status, answer.code) == (401, "INVALID_TOKEN"), (operation.id, headers)
        unix = await served.call(method, path, key=None, unix=True)
        assert unix.status == 401, "the unix socket alone proves nothing"


async def test_a_token_in_the_url_is_refused_everywhere(served: Served) -> None:
    for operation in ALL:
        for name in ("token", "api_key", "access_token"):
            answer = await served.call(operation.method, f"{path_of(operation.path)}?{name}={served.key}", data=b"{}")
            assert (answer.status, answer.code) == (401, "INVALID_TOKEN"), operation.id
            assert served.key.encode() not in answer.raw


async def test_both_credentials_or_one_twice_are_refused(served: Served) -> None:
    assert (await served.call("GET", "/health", headers=bearer(served.key))).status == 401
    twice = "GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-API-Key: KEY\r\nX-API-Key: KEY\r\n\r\n"
    assert (await served.raw(twice)).status == 401


async def test_bytes_that_are_no_text_are_a_wrong_key(served: Served) -> None:
    for header in (b"X-API-Key: \xff\xfe", b"Authorization: Bearer \xc3\xa9\xff", b"Authorization: \xce\x9b"):
        head = b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n" + header + b"\r\n\r\n"
        answer = await served.raw(head)
        assert answer.status == 401


async def test_the_key_works_in_both_headers(served: Served) -> None:
    assert (await served.call("GET", "/health")).status == 200
    assert (await served.call("GET", "/health", key=None, headers=bearer(served.key))).status == 200


async def test_tiers_are_enforced_on_every_operation(served: Served) -> None:
    for tier in (Tier.GUEST, Tier.USER, Tier.ULTRA):
        made = await served.call("POST", "/auth/keys", json={"name": tier.name, "tier": tier.label})
        key = made.body["api_key"]
        for operation in BOUND:
            if operation.limit and operation.limit.name == "AUTH" and operation.tier <= tier:
                continue
            answer = await served.call(operation.method, path_of(operation.path), key=key, data=b"[", unix=True)
            if operation.tier > tier:
                assert (answer.status, answer.code) == (403, "INSUFFICIENT_PERMISSIONS"), (tier, operation.id)
                assert answer.details["required_tier"] == operation.tier.label
            else:
                assert answer.status in (400, 422), (tier, operation.id, answer.raw)


async def test_forms_are_refused(served: Served) -> None:
    for operation in ALL:
        if operation.method != "POST":
            continue
        for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
            answer = await served.call(
                "POST", path_of(operation.path), data=b'{"a":"="}', headers={"Content-Type": kind}, unix=True
            )
            assert answer.status == 415, (operation.id, kind)


async def test_jwt_of_the_password_says_who_but_not_the_tier(served: Served) -> None:
    token = (await login(served))["access_token"]
    assert (await whoami(served, token)).body["tier"] == "ΛPRIME"
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 3600
    assert not {"tier", "password", "name"} & set(claims)


async def test_forged_and_stale_jwts_are_refused(served: Served) -> None:
    token = (await login(served))["access_token"]
    key = read_secret(served.parts.paths, "jwt.key")
    assert key is not None
    good = jwt.decode(token, options={"verify_signature": False})
    assert (await whoami(served, jwt.encode(good, key, "HS256"))).status == 200
    now = int(time.time())
    forged = {
        "alg none": jwt.encode(good, None, "none"),
        "wrong key": jwt.encode(good, "x" * 64, "HS256"),
        "other HMAC": jwt.encode(good, key, "HS512"),
        "wrong issuer": jwt.encode({**good, "iss": "evil"}, key, "HS256"),
        "wrong audience": jwt.encode({**good, "aud": "evil"}, key, "HS256"),
        "expired": jwt.encode({**good, "exp": now - 1}, key, "HS256"),
        "from the future": jwt.encode({**good, "iat": now + 600}, key, "HS256"),
        "somebody else": jwt.encode({**good, "sub": "00000000-0000-0000-0000-000000000000"}, key, "HS256"),
        "no expiry": jwt.encode({name: value for name, value in good.items() if name != "exp"}, key, "HS256"),
        "no audience": jwt.encode({name: value for name, value in good.items() if name != "aud"}, key, "HS256"),
        "header swapped to RS256": _with_header(token, {"alg": "RS256", "typ": "JWT"}),
        "header swapped to none": _with_header(token, {"alg": "none"}).rsplit(".", 1)[0] + ".",
        "key in the header": _with_header(token, {"alg": "HS256", "jwk": {"kty": "oct", "k": "eA"}}),
        "cut": token[:-4],
    }
    for name, bad in forged.items():
        answer = await whoami(served, bad)
        assert (answer.status, answer.code) == (401, "INVALID_TOKEN"), name
    raised = jwt.encode({**good, "tier": "ΛPRIME", "jti": "x"}, key, "HS256")
    assert (await whoami(served, raised)).status == 200, "claims of ours decide nothing but who"


def _with_header(token: str, header: dict[str, Any]) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return encoded + token[token.index(".") :]


async def test_reuse_of_a_refresh_token_ends_the_family(served: Served) -> None:
    first = await login(served)
    other = await login(served)
    second = await served.call("POST", "/auth/refresh", json={"refresh_token": first["refresh_token"]}, key=None)
    assert second.status == 200
    assert second.body["refresh_token"] != first["refresh_token"]
    assert (await whoami(served, first["access_token"])).status == 200
    reused = await served.call("POST", "/auth/refresh", json={"refresh_token": first["refresh_token"]}, key=None)
    assert (reused.status, reused.code) == (401, "INVALID_TOKEN")
    for token in (first["access_token"], second.body["access_token"]):
        assert (await whoami(served, token)).status == 401
    newest = await served.call("POST", "/auth/refresh", json={"refresh_token": second.body["refresh_token"]}, key=None)
    assert newest.status == 401
    assert (await whoami(served, other["access_token"])).status == 200, "another login goes on"


async def test_logout_ends_tokens(served: Served) -> None:
    one, two = await login(served), await login(served)
    answer = await served.call("POST", "/auth/logout", json={"refresh_token": one["refresh_token"]})
    assert answer.body == {"revoked": 1}
    assert (await whoami(served, one["access_token"])).status == 401
    assert (await whoami(served, two["access_token"])).status == 200
    assert (await served.call("POST", "/auth/logout", json={})).body == {"revoked": 1}
    assert (await whoami(served, two["access_token"])).status == 401


async def test_a_lesser_key_cannot_become_its_owner(served: Served) -> None:
    key = (await served.call("POST", "/auth/keys", json={"name": "script", "tier": "ΛUSER"})).body["api_key"]
    strong = (await served.call("POST", "/auth/keys", json={"name": "admin", "tier": "ΛPRIME"})).body["key"]
    for method, path, body in (
        ("POST", "/auth/password", {"new_password": PASSWORD}),
        ("POST", "/auth/keys", {"name": "up", "tier": "ΛULTRA"}),
        ("DELETE", f"/auth/keys/{strong['key_id']}", None),
    ):
        answer = await served.call(method, path, json=body, key=key)
        assert (answer.status, answer.code) == (403, "INSUFFICIENT_PERMISSIONS"), path


async def test_guessing_is_limited(served: Served) -> None:
    codes = [
        (await served.call("POST", "/auth/refresh", json={"refresh_token": "x"}, key=None)).status for _ in range(31)
    ]
    assert codes == [401] * 30 + [429]


async def test_secrets_do_not_come_back(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Not in errors, lists, the API's description, the log, or the database's file."""
    caplog.set_level("DEBUG")
    tokens = await login(served)
    made = (await served.call("POST", "/auth/keys", json={"name": "once"})).body["api_key"]
    secrets = [served.key, made, PASSWORD, tokens["refresh_token"], tokens["access_token"]]
    answers = [
        await served.call("GET", "/auth/keys"),
        await served.call("GET", "/openapi.json"),
        await served.call("GET", "/auth/whoami", key=made),
        await served.call("POST", "/auth/refresh", json={"refresh_token": [tokens["refresh_token"]]}, key=None),
        await served.call("POST", "/auth/token", json={"username": 1, "password": PASSWORD}, key=None),
        await served.call("POST", "/auth/password", json={"new_password": [PASSWORD]}),
    ]
    await served.parts.database.write(lambda cursor: None)
    places = [answer.raw for answer in answers] + [caplog.text.encode()]
    places += [file.read_bytes() for file in served.parts.paths.data.rglob("*") if file.is_file()]
    for secret in secrets:
        assert not [place for place in places if secret.encode() in place]
    assert not re.findall(rb'"examples?":', answers[1].raw)
