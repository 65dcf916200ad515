from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lukhas_sdk.contract.memory import StoreRequest
from lukhas_sdk.errors import ValidationError
from lukhasd.api.decode import DEPTH_LIMIT, decode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


def refused(raw: bytes, kind: Any = Any) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        decode(raw, kind)
    return caught.value


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (b"{", "line 1, column 2"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' is given twice"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a": "\\u0000"}', "NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
        (b'{"a": "\x00"}', "control character"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"[" * 100_000, "nests deeper"),
        (b'{"a":' * 100_000, "nests deeper"),
        (b"[" * 100_000 + b"]" * 100_000, "nests deeper"),
    ],
)
def test_what_is_not_json_is_400_and_named(raw: bytes, named: str) -> None:
    error = refused(raw)
    assert error.status == 400
    assert named in error.message


@pytest.mark.parametrize("raw", [b"9" * 5000, b"1e999", b'{"a": ' + b"9" * 5000 + b"}"])
def test_numbers_out_of_all_bounds_are_refused(raw: bytes) -> None:
    assert refused(raw).status == 422


def test_brackets_in_strings_do_not_nest() -> None:
    text = '["{\\"' * 1000
    assert decode(json.dumps({"a": text}).encode(), Any) == {"a": text}


def test_the_deepest_that_is_taken_can_be_written_again() -> None:
    raw = b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT
    assert msgspec.json.encode(decode(raw, Any)) == raw


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert decode(b'"\\\\u0000"', Any) == "\\u0000"


def test_hostile_strings_take_linear_time() -> None:
    for raw in (b'"' + b'\\"' * 1_000_000 + b"[" * 200, b"\\" * 2_000_000 + b"[" * 200, b'["' * 1_000_000):
        started = time.process_time()
        refused(raw)
        assert time.process_time() - started < 3


def test_shape_errors_name_the_path() -> None:
    error = refused(b'{"content": {"type": "episodic", "data": "x", "context": 5}}', StoreRequest)
    assert (error.status, error.details["field"]) == (422, "$.content.context")


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_decode_or_be_refused(raw: bytes) -> None:
    try:
        decode(raw, StoreRequest)
    except ValidationError as error:
        assert error.status in (400, 422)


@given(JSON)
def test_json_comes_through_unchanged(value: Any) -> None:
    raw = json.dumps(value).encode()
    if b"\\u0000" in raw:
        return
    assert decode(raw, Any) == value
