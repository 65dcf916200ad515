"""`lukhas stage`: one stage of the pipeline at a time."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import read_stdin
from lukhas_cli.outcome import Outcome
from lukhas_sdk.contract import stages as contract
from lukhas_sdk.contract.base import StageName
from lukhas_sdk.errors import ValidationError

T = TypeVar("T")

app = new_app()

EXAMPLES = """lukhas stage memory "Where is the spare key?"
lukhas stage memory "Where is the spare key?" --json | lukhas stage attention -
lukhas stage thought - --config '{"thought": {"reasoning_mode": "reflective"}}' < attention.json
"""


@command(app, examples=EXAMPLES)
def stage(
    context: typer.Context,
    name: Annotated[
        StageName, typer.Argument(metavar="STAGE", help="memory, attention, thought, risk, intent, action.")
    ],
    data: Annotated[
        str,
        typer.Argument(metavar="TEXT|JSON|-", help="The input, or what the stage before gave; - reads it from stdin."),
    ],
    config: Annotated[
        str | None, typer.Option(metavar="JSON", help='stage_config, as {"memory": {"depth": 2}}.')
    ] = None,
) -> Outcome:
    """Run one stage of the pipeline.

    What a stage prints with --json is what the next one takes. The action stage stores a fold, as process does.
    """
    given = read_stdin() if data == "-" else data
    body = contract.StageRequest(
        input_data=_data(given),
        stage_config=_convert(_tree(config, "--config"), contract.StageConfig, "--config") if config
        else contract.StageConfig(),
    )  # fmt: skip
    answer = session_of(context).call(contract.RUN, params=contract.StageParams(name), body=body)
    rows = [
        ("did", answer.step),
        ("confidence", answer.confidence),
        ("ms", answer.processing_time_ms),
        ("next", answer.next_stage),
        *((f"– {name}", why) for name, why in answer.reasons.items()),
        *((f"node {node.node_id}", node.answer or node.error) for node in answer.nodes),
    ]
    said = answer.stage_result
    text = said.action.response if said.action else said.thought.text if name == "thought" and said.thought else None
    if text is not None:
        rows.insert(0, ("text", text))
    return Outcome(answer, lambda screen: screen.pairs(rows))


def _data(given: str) -> contract.StageData:
    """A text, a `stage_result`, an answer that holds one, or the envelope around it."""
    if not given.lstrip().startswith("{"):
        return _convert({"input": given.rstrip("\r\n")}, contract.StageData, "TEXT")
    tree = _tree(given, "JSON")
    for part in ("data", "stage_result"):
        tree = tree[part] if isinstance(tree.get(part), dict) else tree
    return _convert(tree, contract.StageData, "JSON")


def _tree(text: str, field: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValidationError(f"{field} is not a JSON object: {error}", field=field) from None


def _convert(tree: dict[str, Any], kind: type[T], field: str) -> T:
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise ValidationError(f"{field}: {error}", field=field, hint="see: lukhas stage --help") from None
