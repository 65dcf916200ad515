"""Node classes from entry points, built with the modules that their constructors name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata

import msgspec

from lukhas_sdk.contract.base import STAGES
from lukhas_sdk.contract.nodes import NodeKind, RegisterNodeRequest
from lukhasd.constellation.node import Node, NodeClass
from lukhasd.constellation.plugin import Plugin

GROUP = "lukhas.nodes"
OWN = "lukhas"
FOR_PLUGINS = frozenset(f"{stage}_module" for stage in STAGES)
"""What a plug-in may depend on: these can be called from its own thread."""


@dataclass(frozen=True)
class Built:
    """`node` is None where it could not be built; `missing` says what it lacks, by the dependency's name."""

    about: RegisterNodeRequest
    kind: NodeKind
    distribution: str
    node: Node | None
    missing: str | None


def find(plugins: Sequence[str], modules: Mapping[str, object]) -> Iterator[Built | str]:
    """Our own nodes, then those of the named distributions: each as built, or why there is none. Imports their code."""
    for distribution in (OWN, *plugins):
        try:
            points = metadata.distribution(distribution).entry_points.select(group=GROUP)
        except metadata.PackageNotFoundError:
            yield f"the package {distribution} is not installed"
            continue
        own = distribution == OWN
        kind: NodeKind = "built-in" if own else "plug-in"
        offered = modules if own else {name: modules[name] for name in modules if name in FOR_PLUGINS}
        for point in points:
            try:
                yield _build(point.load(), kind, distribution, offered)
            except Exception as error:  # whatever another's code raises
                yield f"{distribution}: {point.name} cannot be loaded: {type(error).__name__}: {error}"


def dependencies(made: NodeClass) -> list[str]:
    """The keyword-only parameters of its constructor that have no default."""
    return [
        name
        for name, parameter in inspect.signature(made).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    ]


def _build(made: NodeClass, kind: NodeKind, distribution: str, modules: Mapping[str, object]) -> Built:
    needed = dependencies(made)
    about = msgspec.convert(msgspec.to_builtins(made.about), RegisterNodeRequest)
    config = msgspec.structs.replace(about.constructor_config, dependencies=needed)
    about = msgspec.structs.replace(about, constructor_config=config, callback=None, composition=None)
    missing = next((name for name in needed if name not in modules), None)
    if missing is not None:
        return Built(about, kind, distribution, None, missing)
    node = made(**{name: modules[name] for name in needed})
    return Built(about, kind, distribution, node if kind == "built-in" else Plugin(node), None)
