from __future__ import annotations

import re
from typing import get_args

import msgspec

from lukhas_sdk.contract.base import NoBody, Response
from lukhas_sdk.contract.operations import ALL
from lukhas_sdk.errors import CODES


def test_ids_and_routes_are_unique() -> None:
    assert len({operation.id for operation in ALL}) == len(ALL)
    assert len({(operation.method, operation.path) for operation in ALL}) == len(ALL)


def test_each_row_is_whole() -> None:
    for operation in ALL:
        fields = {field.name for field in msgspec.structs.fields(operation.params)}
        assert set(re.findall(r"{(\w+)}", operation.path)) <= fields, operation
        for kind in get_args(operation.result) or (operation.result,):
            assert issubclass(kind, Response), operation
        assert operation.summary.endswith("."), operation
        assert set(operation.errors) <= set(CODES), operation
        assert operation.method in ("POST", "PUT") or operation.body is NoBody, operation
