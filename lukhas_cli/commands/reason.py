"""`lukhas reason`: answers that are computed or proved, each with its grounds."""

from __future__ import annotations

from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import read_file, read_stdin, read_text
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.analysis import show_analysis
from lukhas_sdk.contract import analysis
from lukhas_sdk.errors import ValidationError

EXAMPLES = """lukhas reason analyze "What would happen if gravity was 10% stronger?"
lukhas reason causal headaches.csv --cause coffee --effect headache
lukhas reason query trial.json
"""
ANALYSES = """lukhas reason analyze "What would happen if gravity was 10% stronger?"
lukhas reason analyze "All men are mortal. Socrates is a man. Is Socrates mortal?"
lukhas reason analyze "How many days between the wedding and 1 May 2025?"
"""

app = new_app("Answers that are computed or proved, each with its grounds.", examples=EXAMPLES)


@command(app, examples=ANALYSES + 'lukhas reason analyze --premises rules.txt "Is Anne nice?" --json')
def analyze(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY|-", help="What to analyse; - reads it from stdin.")],
    type: Annotated[
        analysis.ReasoningType,
        typer.Option("--type", help="Decide the kind of reasoning; auto leaves it to the query."),
    ] = "auto",
    depth: Annotated[
        analysis.Depth,
        typer.Option(help="How many formulas away to look: 1, 3 or any number; shallow also leaves memory alone."),
    ] = "standard",
    premises: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Facts and rules to reason from, one sentence after the other.")
    ] = None,
) -> Outcome:
    """Analyse a query: its kind and parts, what memory knows of them, what is computed, what follows, what stays open.

    Sums, conversions and equations are computed; “what if” questions go through a base of formulas, each with what was
    varied and held fixed; facts and rules in plain English are decided with a proof; dates are counted, also those that
    memory tells; “does late coffee keep me awake?” is weighed by when the notes mention each. What takes knowledge of
    the world needs a language model: the status says so, and the plan what for.

    Statements: “Anne is (not) kind”, “The cat chases the dog”. Rules: “If someone is kind then they are nice”, “All
    cats are animals”, “No cats are dogs”. Nothing is taken to be false for not being said.

    In a pipe: the answer, then tab-separated lines of status, computed values, proof steps, citations and what is
    uncertain, each after its kind.
    """
    if query == "-" and premises == "-":
        raise ValidationError(
            "QUERY and --premises cannot both be read from stdin",
            field="--premises",
            hint="give one as an argument or a file",
        )
    given = "" if premises is None else read_stdin() if premises == "-" else _file(premises)
    body = analysis.AnalyzeRequest(read_text(query, field="QUERY", longest=20_000), type, depth, given)
    answer = session_of(context).call(analysis.ANALYZE, body=body)
    return Outcome(answer, lambda screen: show_analysis(screen, answer))


def _file(name: str) -> str:
    from pathlib import Path

    return read_file(Path(name))


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
