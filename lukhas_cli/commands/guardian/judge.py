"""`lukhas guardian judge`: the language model that is asked about what the classifier leaves undecided."""

from __future__ import annotations

from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.commands.guardian.app import app
from lukhas_cli.inputs import read_secret_input
from lukhas_cli.outcome import Outcome
from lukhas_sdk import settings
from lukhas_sdk.errors import ValidationError
from lukhas_sdk.secrets import JUDGE_KEY, delete_secret, store_secret

EXAMPLES = """lukhas guardian judge use http://127.0.0.1:11434/v1 --model llama-guard3:1b
lukhas guardian judge off
"""
NEXT_START = "a daemon that runs takes it at its next start: lukhas daemon restart"

judge = new_app(
    "Choose a language model that gives a second opinion where the classifier is in doubt.", examples=EXAMPLES
)
app.add_typer(judge, name="judge")


@command(
    judge,
    examples="lukhas guardian judge use http://127.0.0.1:11434/v1 --model llama-guard3:1b\n"
    "lukhas guardian judge use https://models.example/v1 --model guard --api-key-stdin < key.txt",
)
def use(
    context: typer.Context,
    base_url: Annotated[str, typer.Argument(metavar="URL", help="An OpenAI-compatible endpoint, with its version.")],
    model: Annotated[str, typer.Option(metavar="NAME", help="The model to ask there.")],
    api_key_stdin: Annotated[
        bool, typer.Option("--api-key-stdin", help="Read the endpoint's API key from stdin's first line.")
    ] = False,
) -> Outcome:
    """Ask a model behind an OpenAI-compatible endpoint. What the classifier leaves undecided is sent to it, but
    nothing in which a secret was found."""
    own = session_of(context)
    if not (base_url and model):
        raise ValidationError("an endpoint and a model are needed", field="URL", hint="lukhas guardian judge off")
    key = read_secret_input(prompt="API key", file=None, stdin=True) if api_key_stdin else None
    settings.save(own.paths, {"guardian.judge_base_url": base_url, "guardian.judge_model": model})
    if key is None:
        delete_secret(own.paths, JUDGE_KEY)
    else:
        key_store = settings.load(own.paths).identity.key_store
        store_secret(own.paths, JUDGE_KEY, f"{base_url} {key}", key_store)
    answer = {"base_url": base_url, "model": model, "has_key": key is not None}
    return Outcome(answer, lambda screen: screen.text(f"the judge is {model} at {base_url}; {NEXT_START}"))


@command(judge, examples="lukhas guardian judge off")
def off(context: typer.Context) -> Outcome:
    """Ask no model, and forget the key."""
    own = session_of(context)
    settings.save(own.paths, {"guardian.judge_base_url": None, "guardian.judge_model": None})
    delete_secret(own.paths, JUDGE_KEY)
    answer = {"base_url": None, "model": None, "has_key": False}
    return Outcome(answer, lambda screen: screen.text(f"no judge; {NEXT_START}"))
