"""`lukhas model`: the language model that drafts, where one is configured."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import read_secret_input
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.progress import running
from lukhas_cli.render.screen import Screen
from lukhas_sdk.contract.models import MODEL_LIST, MODEL_TEST, MODEL_USE, ModelListResponse, ModelUseRequest
from lukhas_sdk.errors import Exit, ValidationError

EXAMPLES = """lukhas model list
lukhas model use http://127.0.0.1:11434/v1 --model qwen3:8b
lukhas model use none
"""

app = new_app("Choose the language model that drafts answers.\n\nWithout one, answers quote memory.", examples=EXAMPLES)


@command(app, name="list", examples="lukhas model list")
def list_servers(context: typer.Context) -> Outcome:
    """List the configured model server, and those found on this machine's usual ports.

    What is offered is not used until it is chosen with `lukhas model use`.
    """
    own = session_of(context)
    client = own.client
    with running("looking for model servers"):
        answer = client.call(MODEL_LIST)
    return Outcome(answer, lambda screen: _show_servers(screen, answer))


@command(
    app,
    examples="lukhas model use http://127.0.0.1:11434/v1 --model qwen3:8b\n"
    "lukhas model use https://models.example/v1 --model large --api-key-stdin < key.txt\n"
    "lukhas model use none",
)
def use(
    context: typer.Context,
    base_url: Annotated[str, typer.Argument(metavar="BASE_URL|none", help="OpenAI-compatible endpoint, or none.")],
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model to ask; needed where the server has several.")
    ] = None,
    api_key_stdin: Annotated[
        bool, typer.Option("--api-key-stdin", help="Read the server's API key from stdin's first line.")
    ] = False,
    on_failure: Annotated[
        Literal["extractive", "error"] | None,
        typer.Option(help="When the model fails: answer from memory and say so, or fail."),
    ] = None,
) -> Outcome:
    """Choose the language model that drafts answers, or none.

    The API key is kept in the keyring or a 0600 file, never in the configuration.
    """
    if base_url == "none" and (model or api_key_stdin):
        raise ValidationError("none takes no model and no key", field="BASE_URL", hint="lukhas model use none")
    if base_url != "none" and not base_url.startswith(("http://", "https://")):
        raise ValidationError(
            f"not a base URL: {base_url}", field="BASE_URL", hint="give it as http://127.0.0.1:11434/v1, or none"
        )
    key = read_secret_input(prompt="API key", file=None, stdin=True) if api_key_stdin else None
    body = ModelUseRequest(
        base_url=None if base_url == "none" else base_url, model=model, api_key=key, on_failure=on_failure
    )
    answer = session_of(context).call(MODEL_USE, body=body)
    return Outcome(answer, lambda screen: _show_servers(screen, answer))


@command(app, examples="lukhas model test")
def test(context: typer.Context) -> Outcome:
    """Ask the configured model one short question. Exit code 1 when it does not answer."""
    own = session_of(context)
    client = own.client
    with running("asking the model"):
        answer = client.call(MODEL_TEST)
    rows = [
        ("model", answer.model),
        ("server", answer.base_url),
        ("works", "yes" if answer.ok else "no"),
        ("answer", answer.answer),
        ("first token ms", answer.first_token_ms),
        ("total ms", answer.total_ms),
        *((f"– {field}", reason) for field, reason in answer.reasons.items()),
    ]
    code = Exit.OK if answer.ok else Exit.FAILURE
    return Outcome(answer, lambda screen: screen.pairs(rows), code, "; ".join(answer.reasons.values()))


def _show_servers(screen: Screen, answer: ModelListResponse) -> None:
    if screen.terminal:
        if answer.base_url:
            screen.text(
                f"answers are written by {answer.current} at {answer.base_url}; on failure: {answer.on_failure}"
            )
        else:
            screen.text("no language model is chosen: answers quote memory")
        if not answer.servers:
            screen.text("no model server answers on this machine's usual ports", style="dim")
            return
        screen.text()
    rows = [
        (server.name, server.state, "yes" if server.reachable else "no", server.base_url,
         ", ".join(server.models) or "; ".join(server.reasons.values()))
        for server in answer.servers
    ]  # fmt: skip
    screen.table(["server", "state", "answers", "base URL", "models"], rows, wide="models")
