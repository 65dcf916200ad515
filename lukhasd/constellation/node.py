"""What a node is to the registry."""

from __future__ import annotations

import math
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from lukhas_sdk.contract.base import StageName
from lukhas_sdk.contract.nodes import RegisterNodeRequest
from lukhas_sdk.contract.stages import StageData
from lukhasd.identity.caller import Caller

ANSWER_LIMIT_CHARS = 8_000
NOT_CONFIGURED = "not configured: "
"""How a built-in node's health check begins where nothing is broken, but something was never set up."""


@dataclass(frozen=True)
class NodeInput:
    """`text` is the caller's own input. `data` is what the nodes before gave, inside a composition alone."""

    caller: Caller
    stage: StageName
    text: str
    data: StageData | None = None


@dataclass(frozen=True)
class NodeOutput:
    """`confidence` in [0, 1], by the node's own account. `data` as in `NodeInput`: a built-in node's alone."""

    answer: str | None
    confidence: float | None
    data: StageData | None = None


class NodeFailed(Exception):
    """It gave no answer; the message says why."""


class NodeInvalid(Exception):
    """It answered, but not as a node must; the message says how."""


class Node(Protocol):
    def check(self) -> Coroutine[Any, Any, str | None]:
        """None when it can run, else why not."""

    def process(self, given: NodeInput) -> Coroutine[Any, Any, NodeOutput]:
        """Raises NodeFailed or NodeInvalid; whatever else it raises counts as a failure too, but for a LukhasError:
        that is about the input."""


class NodeClass(Protocol):
    """A class that an entry point of the group `lukhas.nodes` names: `about` says what it is, the keyword-only
    parameters of its constructor what it depends on."""

    about: ClassVar[RegisterNodeRequest]

    def __call__(self, **modules: object) -> Node: ...


def validate_output(output: NodeOutput) -> None:
    """Raises NodeInvalid for what no node may say."""
    answer, confidence = output.answer, output.confidence
    if answer is not None and not isinstance(answer, str):
        raise NodeInvalid(f"its answer is {type(answer).__name__}, not text")
    if answer is not None and len(answer) > ANSWER_LIMIT_CHARS:
        raise NodeInvalid(f"its answer has {len(answer)} characters; {ANSWER_LIMIT_CHARS} are taken")
    if answer is not None and ("\0" in answer or any("\ud800" <= sign <= "\udfff" for sign in answer)):
        raise NodeInvalid("its answer holds characters that are not text")
    if confidence is None:
        return
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise NodeInvalid(f"its confidence is {type(confidence).__name__}, not a number")
    if not math.isfinite(confidence) or not 0 <= confidence <= 1:
        raise NodeInvalid(f"its confidence is {confidence:g}, not a number from 0 to 1")
