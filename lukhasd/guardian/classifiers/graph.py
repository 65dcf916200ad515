"""Takes the first layers of a packaged ONNX model without the `onnx` package.

Only what the protobuf wire format says is needed: https://protobuf.dev/programming-guides/encoding/ and the field
numbers of onnx.proto (ModelProto.graph = 7; GraphProto.node = 1, .output = 12; NodeProto.input = 1, .output = 2;
ValueInfoProto.name = 1).
"""

from __future__ import annotations

from collections.abc import Iterator

GRAPH, NODE, OUTPUT, NAME = 7, 1, 12, 1
NODE_INPUT, NODE_OUTPUT = 1, 2
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5


def with_output(model: bytes, name: str) -> bytes:
    """`model` giving the value `name` and nothing else, without the nodes that only its other outputs needed.

    Raises ValueError where `model` is not such a message or computes no `name`.
    """
    parts: list[bytes] = []
    for field, start, content, end in fields(model):
        parts.append(delimited(GRAPH, cut(model[content:end], name)) if field == GRAPH else model[start:end])
    return b"".join(parts)


def cut(graph: bytes, name: str) -> bytes:
    pieces = list(fields(graph))
    needed = {name.encode()}
    dropped: set[int] = set()
    for field, start, content, end in reversed(pieces):
        if field == NODE:
            inputs, outputs = ends(graph[content:end])
            if needed.isdisjoint(outputs):
                dropped.add(start)
            else:
                needed.update(inputs)
    kept = [graph[start:end] for field, start, _, end in pieces if field != OUTPUT and start not in dropped]
    if name.encode() not in {
        value for f, _, content, end in pieces if f == NODE for value in ends(graph[content:end])[1]
    }:
        raise ValueError(f"no node of the model computes {name}")
    return b"".join([*kept, delimited(OUTPUT, delimited(NAME, name.encode()))])


def ends(node: bytes) -> tuple[list[bytes], list[bytes]]:
    """The names of a node's inputs and of its outputs. Nodes stand in the order in which they are computed."""
    found: dict[int, list[bytes]] = {NODE_INPUT: [], NODE_OUTPUT: []}
    for field, _, content, end in fields(node):
        if field in found:
            found[field].append(node[content:end])
    return found[NODE_INPUT], found[NODE_OUTPUT]


def fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Per field: its number, where it starts, where its content starts, where it ends."""
    at = 0
    while at < len(message):
        start = at
        key, at = read_varint(message, at)
        kind = key & 7
        content = at
        if kind == VARINT:
            _, at = read_varint(message, at)
        elif kind == DELIMITED:
            size, content = read_varint(message, at)
            at = content + size
        elif kind in (FIXED32, FIXED64):
            at += 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind} at byte {start}")
        if at > len(message):
            raise ValueError(f"the message ends inside the field at byte {start}")
        yield key >> 3, start, content, at


def read_varint(message: bytes, at: int) -> tuple[int, int]:
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


def varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def delimited(field: int, content: bytes) -> bytes:
    return varint(field << 3 | DELIMITED) + varint(len(content)) + content
