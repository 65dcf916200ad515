"""`lukhas reason`: what follows from observations."""

from __future__ import annotations

from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.outcome import Outcome

EXAMPLES = """lukhas reason causal headaches.csv --cause coffee --effect headache
lukhas reason query trial.json
"""

app = new_app("Compute what follows from observations, graphs and tables.", examples=EXAMPLES)


@command(
    app,
    examples="""lukhas reason causal headaches.csv --cause coffee --effect headache
lukhas reason causal study.json --json | jq .data.confidence_interval
lukhas reason causal - --hypothesis "late meals cause bad sleep" < diary.jsonl""",
)
def causal(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON, JSON Lines or CSV; - reads stdin.")],
    cause: Annotated[str | None, typer.Option("--cause", metavar="EVENT", help="The event that may cause.")] = None,
    effect: Annotated[str | None, typer.Option("--effect", metavar="EVENT", help="The event that may follow.")] = None,
    hypothesis: Annotated[
        str | None, typer.Option("--hypothesis", metavar="TEXT", help='As "coffee causes headaches", in their place.')
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="From when on everything was written down.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Until when.")] = None,
    name_unobserved: Annotated[
        bool, typer.Option("--name-unobserved", help="Let the language model name what else could be behind it.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", min=0, help="Of the sampling; 0 by default.")
    ] = None,
) -> Outcome:
    """Say how strongly one event brings another about, with its interval and what else would explain it.

    FILE is a request as POST /reasoning/causal takes it, or observations alone: a JSON array, JSON Lines such as
    {"event": "coffee", "timestamp": "2025-03-01T08:10Z"}, or CSV with the columns event, timestamp, value and case, of
    which event is needed. With a value, as hours of sleep, the days are compared by a regression; without timestamps,
    the cases. All events of the file count: name in it what else may be behind it.

    Influences that prevent an effect are found in values alone. In a pipe, each line is a name and what was found.
    """
    from lukhas_cli.causal_input import read_request
    from lukhas_cli.render.causal import show_causal
    from lukhas_sdk.contract.causal import INFER

    request = read_request(
        file, cause=cause, effect=effect, hypothesis=hypothesis, since=since, until=until, seed=seed,
        name_unobserved=name_unobserved or None
    )  # fmt: skip
    answer = session_of(context).call(INFER, body=request)
    return Outcome(answer, lambda screen: show_causal(screen, answer))


@command(
    app,
    examples="""lukhas reason query trial.json
lukhas reason query - --json < trial.json | jq .data.distribution""",
)
def query(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The query as JSON; - reads stdin.")],
    words: Annotated[
        bool, typer.Option("--words", help="FILE is a question in words, for the language model.")
    ] = False,
) -> Outcome:
    """Compute what setting a variable would do, from a causal graph and tables, with the formula.

    FILE is JSON: "edges", pairs from a cause to what it acts on; "tables", one of all observed variables together
    ({"of": ["drug", "sex", "well"], "rows": [{"values": ["yes", "f", "no"], "weight": 12}]}) or one of every variable
    "given" its causes; "do", as {"drug": "yes"}; "outcome"; and "hidden", the variables that nobody observed.

    With --words, FILE is text such as "Of 100 who took it …"; the language model puts it into that form, which is shown
    with the answer, and no figure of the answer is its own.

    Where neither a truncated factorisation nor a back-door nor a front-door adjustment answers it, it says so and the
    exit code is 0. In a pipe, each line is a name and what was found.
    """
    from lukhas_cli.causal_input import read_query
    from lukhas_cli.render.causal import show_query
    from lukhas_sdk.contract.causal_query import QUERY

    request = read_query(file, words=words)
    answer = session_of(context).call(QUERY, body=request)
    return Outcome(answer, lambda screen: show_query(screen, answer, request))
