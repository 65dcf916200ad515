"""Checks a model's JSON against a schema, for the part of JSON Schema (2020-12) that is asked of models.

Written out here: `jsonschema` brings four packages with a compiled one, `fastjsonschema` runs code that it writes
itself. A test holds this and `jsonschema` equal. A keyword that is not known is an error rather than ignored, as an
answer would pass for checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

Schema = Mapping[str, Any] | bool

TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
}
BOUNDS: dict[str, tuple[str, Callable[[Any], Any], Callable[[Any, Any], bool], str]] = {
    "minLength": ("string", len, lambda size, bound: size >= bound, "has fewer than {} characters"),
    "maxLength": ("string", len, lambda size, bound: size <= bound, "has more than {} characters"),
    "minItems": ("array", len, lambda size, bound: size >= bound, "has fewer than {} items"),
    "maxItems": ("array", len, lambda size, bound: size <= bound, "has more than {} items"),
    "minimum": ("number", lambda value: value, lambda value, bound: value >= bound, "is less than {}"),
    "maximum": ("number", lambda value: value, lambda value, bound: value <= bound, "is more than {}"),
    "exclusiveMinimum": ("number", lambda value: value, lambda value, bound: value > bound, "is not more than {}"),
    "exclusiveMaximum": ("number", lambda value: value, lambda value, bound: value < bound, "is not less than {}"),
}
"""Keyword: what it applies to, what is measured, the test, and what is said of a value that fails it."""
KNOWN = {
    "type", "enum", "const", "pattern", "properties", "required", "additionalProperties", "items", "anyOf", "$ref",
    "$defs", *BOUNDS,
}  # fmt: skip
REMARKS = {"$schema", "$id", "title", "description", "default", "examples"}
FENCED = re.compile(r"\A```(?:json)?\s*\n(.*?)\n?```\Z", re.DOTALL)
THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)


class Misfit(Exception):
    """What does not fit, and where, in words for the model; it quotes nothing of the value."""


def require_known(schema: Schema, root: Schema | None = None) -> None:
    """Raises ValueError for a schema that cannot be checked whole."""
    root = schema if root is None else root
    if isinstance(schema, bool):
        return
    if "$ref" in schema and _resolve(schema["$ref"], root) is None:
        raise ValueError(f"the schema refers to what it does not define: {schema['$ref']}")
    if unknown := set(schema) - KNOWN - REMARKS:
        raise ValueError(f"schema keywords that are not checked: {', '.join(sorted(unknown))}")
    if any(isinstance(choice, dict | list) for choice in (*schema.get("enum", ()), schema.get("const"))):
        raise ValueError("enum and const are checked for plain values only")
    for name in ("properties", "$defs"):
        for part in schema.get(name, {}).values():
            require_known(part, root)
    for part in (schema.get("additionalProperties", True), schema.get("items", True), *schema.get("anyOf", ())):
        require_known(part, root)


def fit(text: str, schema: Schema) -> str:
    """The JSON in `text` (bare, in a fence, or after a model's thoughts) if it fits, else raises Misfit."""
    bare = THOUGHT.sub("", text).strip()
    fenced = FENCED.match(bare)
    bare = fenced[1].strip() if fenced else bare
    try:
        value = msgspec.json.decode(bare)
    except (ValueError, RecursionError):
        raise Misfit("it is not one JSON value and nothing else") from None
    for misfit in misfits(value, schema, root=schema):
        raise Misfit(misfit)
    return bare


def misfits(value: Any, schema: Schema, *, root: Schema, path: str = "$") -> Iterator[str]:
    """What does not fit, each with its path."""
    if isinstance(schema, bool):
        if not schema:
            yield f"{path} is not allowed"
        return
    if "$ref" in schema:
        yield from misfits(value, _resolve(schema["$ref"], root) or False, root=root, path=path)
    if "type" in schema:
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        if not any(TYPES[name](value) for name in types):
            yield f"{path} is not of type {' or '.join(types)}"
            return
    choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if choices is not None and not any(_equal(value, choice) for choice in choices):
        yield f"{path} is none of: {', '.join(msgspec.json.encode(choice).decode() for choice in choices)}"
    if "anyOf" in schema and all(any(misfits(value, part, root=root, path=path)) for part in schema["anyOf"]):
        yield f"{path} fits none of the alternatives"
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        yield f"{path} does not match {schema['pattern']}"
    for keyword, (kind, measure, holds, said) in BOUNDS.items():
        if keyword in schema and TYPES[kind](value) and not holds(measure(value), schema[keyword]):
            yield f"{path} {said.format(schema[keyword])}"
    if isinstance(value, dict):
        yield from _in_object(value, schema, root, path)
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from misfits(item, schema.get("items", True), root=root, path=f"{path}[{number}]")


def _in_object(value: dict[str, Any], schema: Mapping[str, Any], root: Schema, path: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path} lacks {name}"
    properties = schema.get("properties", {})
    for name, part in value.items():
        if name in properties:
            yield from misfits(part, properties[name], root=root, path=f"{path}.{name}")
        elif (others := schema.get("additionalProperties", True)) is False:
            yield f"{path} has a field that is not allowed"
        else:
            yield from misfits(part, others, root=root, path=f"{path}.*")


def _resolve(reference: str, root: Schema) -> Schema | None:
    defined = {} if isinstance(root, bool) else root.get("$defs", {})
    found: Schema | None = defined.get(reference.removeprefix("#/$defs/"))
    return found


def _equal(value: Any, choice: Any) -> bool:
    """JSON's equality: true is not 1."""
    return isinstance(value, bool) == isinstance(choice, bool) and bool(value == choice)
