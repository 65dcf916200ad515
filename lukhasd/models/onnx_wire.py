"""Reads the tensors of an ONNX model, and writes a graph, without the `onnx` package.

Only what the protobuf wire format says is needed: https://protobuf.dev/programming-guides/encoding/ and the field
numbers of onnx.proto, which stand below by message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
MODEL_IR_VERSION, MODEL_GRAPH, MODEL_OPSET = 1, 7, 8
OPSET_DOMAIN, OPSET_VERSION = 1, 2
GRAPH_NODE, GRAPH_TENSOR, GRAPH_INPUT, GRAPH_OUTPUT = 1, 5, 11, 12
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 4, 5, 7
ATTRIBUTE_NAME, ATTRIBUTE_FLOAT, ATTRIBUTE_INTEGER, ATTRIBUTE_TYPE = 1, 2, 3, 20
FLOAT_ATTRIBUTE, INTEGER_ATTRIBUTE = 1, 2
TENSOR_DIMENSION, TENSOR_TYPE, TENSOR_NAME, TENSOR_BYTES = 1, 2, 8, 9
VALUE_NAME, VALUE_TYPE, TYPE_TENSOR, ELEMENT_TYPE, TENSOR_SHAPE, SHAPE_DIMENSION, DIMENSION_NAME = 1, 2, 1, 1, 2, 1, 2
IR_VERSION, OPSET = 10, 17
OWN_OPERATORS = "com.microsoft"
"""onnxruntime's, which compute several steps of a transformer at once."""
TYPES: dict[int, np.dtype[Any]] = {1: np.dtype(np.float32), 3: np.dtype(np.int8), 7: np.dtype(np.int64)}
CODES = {kind: code for code, kind in TYPES.items()}


def read(model: bytes) -> tuple[dict[str, Array], list[tuple[str, list[str]]]]:
    """The tensors of TYPES by name, and each node's operator and inputs in the order in which they are computed.

    Raises ValueError where `model` is no such message.
    """
    tensors: dict[str, Array] = {}
    nodes: list[tuple[str, list[str]]] = []
    for graph in _all(model, MODEL_GRAPH):
        for field, content in _fields(graph):
            if field == GRAPH_NODE:
                (operator,) = _all(content, NODE_OPERATOR)
                nodes.append((bytes(operator).decode(), [bytes(name).decode() for name in _all(content, NODE_INPUT)]))
            elif field == GRAPH_TENSOR:
                name, values = _tensor(content)
                if values is not None:
                    tensors[name] = values
    return tensors, nodes


class Graph:
    """A model as it is written: its inputs and tensors, and its nodes in the order in which they are computed."""

    def __init__(self) -> None:
        self._parts: list[bytes | memoryview] = []

    def input(self, name: str, dimensions: Sequence[str], kind: type[np.generic] = np.int64) -> str:
        shape = b"".join(
            delimited(SHAPE_DIMENSION, delimited(DIMENSION_NAME, dimension.encode())) for dimension in dimensions
        )
        tensor = integer(ELEMENT_TYPE, CODES[np.dtype(kind)]) + delimited(TENSOR_SHAPE, shape)
        value = delimited(VALUE_NAME, name.encode()) + delimited(VALUE_TYPE, delimited(TYPE_TENSOR, tensor))
        self._parts.append(delimited(GRAPH_INPUT, value))
        return name

    def tensor(self, name: str, values: Array) -> str:
        """KeyError for values of none of TYPES."""
        content = b"".join(integer(TENSOR_DIMENSION, size) for size in values.shape)
        content += integer(TENSOR_TYPE, CODES[values.dtype]) + delimited(TENSOR_NAME, name.encode())
        raw = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
        content += _key(TENSOR_BYTES) + varint(len(raw))
        self._parts += [_key(GRAPH_TENSOR) + varint(len(content) + len(raw)) + content, raw]
        return name

    def node(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], *, own: bool = False, **given: int | float
    ) -> str:
        """Gives the first output. `own`: one of OWN_OPERATORS. An input that is left out is an empty name."""
        content = b"".join(delimited(NODE_INPUT, name.encode()) for name in inputs)
        content += b"".join(delimited(NODE_OUTPUT, name.encode()) for name in outputs)
        content += delimited(NODE_OPERATOR, operator.encode())
        content += b"".join(delimited(NODE_ATTRIBUTE, _attribute(name, value)) for name, value in given.items())
        if own:
            content += delimited(NODE_DOMAIN, OWN_OPERATORS.encode())
        self._parts.append(delimited(GRAPH_NODE, content))
        return outputs[0]

    def model(self, outputs: Sequence[str]) -> bytes:
        parts = [*self._parts, *(delimited(GRAPH_OUTPUT, delimited(VALUE_NAME, name.encode())) for name in outputs)]
        known = integer(OPSET_VERSION, OPSET)
        own = delimited(OPSET_DOMAIN, OWN_OPERATORS.encode()) + integer(OPSET_VERSION, 1)
        begin = integer(MODEL_IR_VERSION, IR_VERSION) + delimited(MODEL_OPSET, known) + delimited(MODEL_OPSET, own)
        begin += _key(MODEL_GRAPH) + varint(sum(len(part) for part in parts))
        return b"".join([begin, *parts])  # the weights are copied here, once


def integer(field: int, value: int) -> bytes:
    return varint(field << 3 | VARINT) + varint(value)


def delimited(field: int, content: bytes) -> bytes:
    return _key(field) + varint(len(content)) + content


def _key(field: int) -> bytes:
    return varint(field << 3 | DELIMITED)


def varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _attribute(name: str, value: float) -> bytes:
    content = delimited(ATTRIBUTE_NAME, name.encode())
    if isinstance(value, int):
        return content + integer(ATTRIBUTE_INTEGER, value % (1 << 64)) + integer(ATTRIBUTE_TYPE, INTEGER_ATTRIBUTE)
    content += varint(ATTRIBUTE_FLOAT << 3 | FIXED32) + np.float32(value).tobytes()
    return content + integer(ATTRIBUTE_TYPE, FLOAT_ATTRIBUTE)


def _tensor(message: memoryview) -> tuple[str, Array | None]:
    """Its name, and its values unless they are of none of TYPES."""
    name, kind = "", 0
    shape: list[int] = []
    values = memoryview(b"")
    for field, content in _fields(message):
        if field == TENSOR_DIMENSION:
            at = 0
            while at < len(content):  # one number, or several packed
                size, at = _varint(content, at)
                shape.append(size)
        elif field == TENSOR_TYPE:
            kind = _varint(content, 0)[0]
        elif field == TENSOR_NAME:
            name = bytes(content).decode()
        elif field == TENSOR_BYTES:
            values = content
    if kind not in TYPES or not len(values):
        return name, None
    return name, np.frombuffer(values, dtype=TYPES[kind]).reshape(shape)


def _all(message: bytes | memoryview, field: int) -> list[memoryview]:
    return [content for number, content in _fields(memoryview(message)) if number == field]


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Per field its number and its content."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind, start = key & 7, at
        if kind == VARINT:
            _, at = _varint(message, at)
        elif kind == DELIMITED:
            size, start = _varint(message, at)
            at = start + size
        elif kind in (FIXED32, FIXED64):
            at += 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind} at byte {start}")
        if at > len(message):
            raise ValueError(f"the message ends inside the field at byte {start}")
        yield key >> 3, message[start:at]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number at `at`, and where it ends."""
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at
    raise ValueError(f"a number without an end at byte {at}")
