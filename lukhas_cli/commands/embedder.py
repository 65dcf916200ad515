"""`lukhas embedder`: what turns memories into vectors, so that they are found by meaning."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import read_secret_input
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.progress import counting, running
from lukhas_cli.render.screen import Screen
from lukhas_cli.session import Session
from lukhas_sdk.contract.embedder import (
    EMBEDDER_STATUS,
    EMBEDDER_TEST,
    EMBEDDER_USE,
    EmbedderInfo,
    EmbedderStatusResponse,
    EmbedderUseRequest,
)
from lukhas_sdk.errors import Exit, LukhasError, ValidationError

LOOK_S = 0.5
Row = tuple[str, str | int | float | None]

EXAMPLES = """lukhas embedder status
lukhas embedder use http://127.0.0.1:11434/v1 --model nomic-embed-text --wait
lukhas embedder use builtin
"""

app = new_app(
    "Choose what turns memories into vectors.\n\nThe packaged model needs no network. A change is made in the "
    "background: search uses the vectors there are until the new ones are complete.",
    examples=EXAMPLES,
)

Wait = Annotated[bool, typer.Option("--wait", help="Return when the change is complete.")]


@command(app, examples="lukhas embedder show\nlukhas embedder show --json | jq -r .data.serving.name")
def show(context: typer.Context) -> Outcome:
    """Show the embedder whose vectors are searched."""
    answer = session_of(context).call(EMBEDDER_STATUS)
    rows = _described(answer.serving)
    return Outcome(answer, lambda screen: screen.pairs(rows))


@command(app, examples="lukhas embedder status\nlukhas embedder status --wait")
def status(context: typer.Context, wait: Wait = False) -> Outcome:
    """Show how far a change of embedder has come, and what is wrong with it. Exit code 1 where something is."""
    own = session_of(context)
    answer = _await_change(own) if wait else own.call(EMBEDDER_STATUS)
    return Outcome(answer, lambda screen: _show_status(screen, answer), Exit.FAILURE if _problem(answer) else Exit.OK)


@command(
    app,
    examples="lukhas embedder use http://127.0.0.1:11434/v1 --model nomic-embed-text\n"
    "lukhas embedder use https://models.example/v1 --model large --dimensions 512 --api-key-stdin < key.txt\n"
    "lukhas embedder use builtin --wait",
)
def use(
    context: typer.Context,
    base_url: Annotated[
        str, typer.Argument(metavar="BASE_URL|builtin", help="OpenAI-compatible endpoint, or the packaged model.")
    ],
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The model to ask at that endpoint.")] = None,
    dimensions: Annotated[
        int | None, typer.Option(min=1, max=8192, metavar="N", help="Dimensions to ask for; default: the model's own.")
    ] = None,
    api_key_stdin: Annotated[
        bool, typer.Option("--api-key-stdin", help="Read the endpoint's API key from stdin's first line.")
    ] = False,
    wait: Wait = False,
) -> Outcome:
    """Choose the embedder. Every memory is embedded anew in the background, and none is out of reach meanwhile.

    Memory text and queries are sent to the endpoint that is named, and nowhere else. The vectors of the embedder before
    are kept until the next change: going back to it is quick.
    """
    builtin = base_url == "builtin"
    if builtin and (model or dimensions or api_key_stdin):
        raise ValidationError(
            "builtin takes no model, dimensions or key", field="BASE_URL", hint="embedder use builtin"
        )
    if not builtin and not base_url.startswith(("http://", "https://")):
        raise ValidationError(
            f"not a base URL: {base_url}", field="BASE_URL", hint="give it as http://127.0.0.1:11434/v1, or builtin"
        )
    if not builtin and model is None:
        raise ValidationError("no model is named", field="--model", hint="lukhas embedder use BASE_URL --model NAME")
    key = read_secret_input(prompt="API key", file=None, stdin=True) if api_key_stdin else None
    own = session_of(context)
    body = EmbedderUseRequest(base_url=None if builtin else base_url, model=model, dimensions=dimensions, api_key=key)
    answer = own.call(EMBEDDER_USE, body=body)
    if wait:
        answer = _await_change(own)
    return Outcome(answer, lambda screen: _show_status(screen, answer))


@command(app, examples="lukhas embedder test")
def test(context: typer.Context) -> Outcome:
    """Have the chosen embedder embed three short texts. Exit code 1 when it does not."""
    client = session_of(context).client
    with running("asking the embedder"):
        answer = client.call(EMBEDDER_TEST)
    rows = [
        *_described(answer.embedder),
        ("works", "yes" if answer.ok else "no"),
        ("total ms", round(answer.total_ms, 1) if answer.total_ms is not None else None),
        *((f"– {field}", reason) for field, reason in answer.reasons.items()),
    ]
    return Outcome(answer, lambda screen: screen.pairs(rows), Exit.OK if answer.ok else Exit.FAILURE)


def _await_change(own: Session) -> EmbedderStatusResponse:
    """Until the change is complete; an error where it cannot go on."""
    answer = own.call(EMBEDDER_STATUS)
    change, shown = answer.changing_to, 0
    with counting("embedding memories", change.total if change is not None else 0) as advance:
        while change is not None:
            if change.problem is not None:
                raise LukhasError(
                    f"the change waits: {change.problem}",
                    hint="it goes on by itself; see: lukhas embedder test, lukhas embedder status",
                )
            advance(change.done - shown, "")
            shown = change.done
            time.sleep(LOOK_S)
            answer = own.call(EMBEDDER_STATUS)
            change = answer.changing_to
    return answer


def _problem(answer: EmbedderStatusResponse) -> str | None:
    return answer.problem or (answer.changing_to.problem if answer.changing_to is not None else None)


def _described(info: EmbedderInfo) -> list[Row]:
    return [
        ("embedder", "builtin" if info.kind == "builtin" else "endpoint"),
        ("model", info.model),
        ("base URL", info.base_url),
        ("dimensions", info.dimensions),
        ("memory text", f"is sent to {info.base_url}" if info.leaves_machine else "stays on this machine"),
    ]


def _show_status(screen: Screen, answer: EmbedderStatusResponse) -> None:
    rows: list[Row] = [
        ("searched", answer.serving.name),
        ("memories", answer.memories),
        ("found by words only", answer.pending_vectors),
    ]
    if (change := answer.changing_to) is not None:
        percent = 100 * change.done // change.total if change.total else 0
        rows += [
            ("changing to", change.embedder.name),
            ("embedded", f"{change.done} of {change.total} ({percent} %)"),
            ("left", f"about {change.left_s:.0f} s" if change.left_s is not None else None),
        ]
    if answer.former is not None:
        rows.append(("former", f"{answer.former.name}, vectors kept"))
    infos = [answer.serving, *([answer.changing_to.embedder] if answer.changing_to is not None else [])]
    rows += [("memory text", f"is sent to {info.base_url}") for info in infos if info.leaves_machine]
    if (problem := _problem(answer)) is not None:
        rows.append(("problem", problem))
    screen.pairs(rows)
