"""`lukhas node`: processors that stand by for stages of the pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import read_file, read_stdin, read_text
from lukhas_cli.moments import local
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen
from lukhas_sdk.contract import nodes as contract
from lukhas_sdk.contract.base import STAGES, StageName
from lukhas_sdk.errors import Exit, ValidationError

EXAMPLES = """lukhas node list --stage thought
lukhas node register my_node --stage thought --callback http://127.0.0.1:9000/answer
lukhas node register deep --stage thought --step link_hops --step mmr_attention --step extractive_draft
lukhas node test my_node
"""

app = new_app(
    "Processors that stand by for stages of the pipeline.\n\nBuilt-in ones come with the program. Those that are "
    "registered are a program on this machine that is asked over HTTP, or several built-in ones in a row. They advise: "
    "a thought node's answer is one more draft to choose from, and no node lowers a risk.",
    examples=EXAMPLES,
)

NodeId = Annotated[str, typer.Argument(metavar="NODE_ID", help="A node's id.")]


@command(app, name="list", examples="lukhas node list --stage attention --pillar consciousness")
def list_nodes(
    context: typer.Context,
    stage: Annotated[StageName | None, typer.Option(help="Only those for this stage.")] = None,
    pillar: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only those for this star or pillar, by name or symbol.")
    ] = None,
) -> Outcome:
    """List nodes and whether each can run.

    In a pipe, each line is: id, kind, availability, stages, capabilities, why it is not active.
    """
    answer = session_of(context).call(contract.LIST, params=contract.NodeListParams(stage, pillar))
    rows = [
        (node.node_id, node.kind, node.availability, ", ".join(node.pipeline_stages), ", ".join(node.capabilities),
         node.reasons.get("availability"))
        for node in answer.nodes
    ]  # fmt: skip

    def present(screen: Screen) -> None:
        screen.table(["node", "kind", "availability", "stages", "capabilities", "why"], rows, wide="why")
        if screen.terminal:
            screen.text(f"{answer.total_count} nodes; the registry is {answer.registry_health}", style="dim")

    return Outcome(answer, present)


@command(app, examples="lukhas node show extractive_draft")
def show(context: typer.Context, node_id: NodeId) -> Outcome:
    """Show one node, and how its runs went since the daemon's start."""
    answer = session_of(context).call(contract.SHOW, params=contract.NodeParams(node_id))
    results = answer.validation_results
    rows = [
        ("id", answer.node_id),
        ("kind", answer.kind),
        ("type", answer.node_type),
        ("stages", ", ".join(answer.pipeline_stages)),
        ("pillars", ", ".join(answer.compatible_pillars) or None),
        ("capabilities", ", ".join(answer.capabilities) or None),
        ("depends on", ", ".join(answer.dependencies) or None),
        ("callback", answer.callback.url if answer.callback else None),
        ("composition", " → ".join(answer.composition) if answer.composition else None),
        ("package", answer.distribution),
        ("registered", f"{local(answer.registered_at)} by {answer.registered_by}" if answer.registered_at else None),
        ("availability", answer.availability),
        ("– why", answer.reasons.get("availability")),
        ("retried at", local(answer.retry_at) if answer.retry_at else None),
        ("runs", answer.runs),
        ("failures", answer.failures),
        ("p95 ms", answer.p95_ms),
        ("last error", answer.last_error),
        *_validation(results),
    ]
    always = ("runs", "failures", "T4")
    return Outcome(answer, lambda screen: screen.pairs([row for row in rows if row[1] is not None or row[0] in always]))


@command(
    app,
    examples="lukhas node register my_node --stage thought --callback http://127.0.0.1:9000/answer\n"
    "lukhas node register deep --stage thought --step link_hops --step mmr_attention --step extractive_draft\n"
    "lukhas node register --from node.json",
)
def register(
    context: typer.Context,
    node_id: Annotated[
        str | None, typer.Argument(metavar="[NODE_ID]", help="Its id: small letters, digits, _ and -.")
    ] = None,
    stage: Annotated[
        list[str] | None, typer.Option(metavar="STAGE", help=f"What it is for: {', '.join(STAGES)}; repeat it.")
    ] = None,
    callback: Annotated[
        str | None, typer.Option(metavar="URL", help="A program on this machine, as http://127.0.0.1:9000/answer.")
    ] = None,
    timeout_ms: Annotated[
        int, typer.Option(min=50, max=10_000, metavar="N", help="Time that the callback may take.")
    ] = 1000,
    step: Annotated[
        list[str] | None, typer.Option(metavar="NODE_ID", help="A built-in node to run, in this order; repeat it.")
    ] = None,
    capability: Annotated[list[str] | None, typer.Option(metavar="NAME", help="What it can do; repeat it.")] = None,
    pillar: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A star or pillar it goes with; repeat it.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--from", metavar="FILE|-", help="The whole request as JSON, from a file or stdin.")
    ] = None,
) -> Outcome:
    """Register a node. It takes the tier ΛULTRA.

    A callback is sent {"node_id", "stage", "input"} and answers {"answer", "confidence"}. It sees the input of whoever
    registered it and nothing else; one that the machine's owner registers sees everybody's.
    """
    if source is not None:
        if node_id is not None or stage or callback or step or capability or pillar:
            raise ValidationError("--from holds the whole request", field="--from", hint="leave the rest out")
        body = _decode(read_stdin() if source == "-" else read_file(Path(source)))
    else:
        if node_id is None or not stage:
            raise ValidationError(
                "a node has an id and a stage", field="NODE_ID" if node_id is None else "--stage",
                hint="lukhas node register my_node --stage thought --callback http://127.0.0.1:9000/answer",
            )  # fmt: skip
        stages = [each for each in STAGES if each in stage]
        if unknown := set(stage).difference(stages):
            raise ValidationError(
                f"no stage is called {', '.join(sorted(unknown))}", field="--stage", hint=f"one of {', '.join(STAGES)}"
            )
        body = contract.RegisterNodeRequest(
            node_id,
            "cognitive_processor",
            contract.NodePlace(stages, pillar or []),
            capability or [],
            callback=contract.NodeCallback(callback, timeout_ms) if callback else None,
            composition=step or None,
        )
    answer = session_of(context).call(contract.REGISTER, body=body)
    rows = [
        ("registration", answer.registration_id),
        ("status", answer.status),
        ("availability", answer.availability),
        *([("– why", answer.reasons["availability"])] if "availability" in answer.reasons else []),
        *_validation(answer.validation_results),
    ]
    return Outcome(answer, lambda screen: screen.pairs(rows))


@command(app, examples='lukhas node test my_node\nlukhas node test my_node --stage thought "Where is the key?"')
def test(
    context: typer.Context,
    node_id: NodeId,
    text: Annotated[
        str, typer.Argument(metavar="[TEXT|-]", help="What to try it on; - reads it from stdin.")
    ] = contract.SAMPLE,
    stage: Annotated[StageName | None, typer.Option(help="For which stage; else the node's first.")] = None,
) -> Outcome:
    """Run a node once and check what it says. Exit code 1 when it does not answer as a node must."""
    body = contract.TestNodeRequest(read_text(text, field="TEXT", longest=32_000), stage)
    answer = session_of(context).call(contract.TEST, params=contract.NodeParams(node_id), body=body)
    report = answer.report
    told: list[tuple[str, str | float | None]] = [("status", "nothing ran")]
    if report is not None:
        told = [
            ("status", report.status),
            ("answer", report.answer),
            ("confidence", report.confidence),
            ("ms", report.processing_time_ms),
            *([("error", report.error)] if report.error else []),
        ]
    rows = [("node", node_id), *told, ("availability", answer.availability)]
    rows += [(f"– {name}", reason) for name, reason in answer.reasons.items()]
    works = report is not None and report.status == "ok"
    problem = "" if works else (report.error if report else answer.reasons.get("report")) or "it does not work"
    return Outcome(answer, lambda screen: screen.pairs(rows), Exit.OK if works else Exit.FAILURE, problem)


@command(app, examples="lukhas node remove my_node")
def remove(context: typer.Context, node_id: NodeId) -> Outcome:
    """Remove a node that you registered."""
    answer = session_of(context).call(contract.REMOVE, params=contract.NodeParams(node_id))
    return Outcome(answer, lambda screen: screen.text(f"removed {answer.node_id}"))


def _validation(results: contract.ValidationResults) -> list[tuple[str, str | None]]:
    t4 = None if results.t4_compliance is None else "yes" if results.t4_compliance else "no"
    return [
        ("T4", f"{t4 or 'not known'}: {results.reasons.get('t4_compliance', '')}"),
        ("constructor", results.constructor_validation),
        ("constellation", results.constellation_compatibility),
    ]


def _decode(text: str) -> contract.RegisterNodeRequest:
    try:
        return msgspec.json.decode(text, type=contract.RegisterNodeRequest)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValidationError(f"that is no request to register a node: {error}", field="--from") from None
