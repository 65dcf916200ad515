"""`lukhas glyph`: the events inside the daemon, and symbols in several languages."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import read_text
from lukhas_cli.moments import local, moment
from lukhas_cli.outcome import Outcome, Streamed
from lukhas_cli.render.envelope import print_json
from lukhas_cli.render.screen import Cell, Screen
from lukhas_sdk.contract import glyph as contract
from lukhas_sdk.contract.streams import FollowParams
from lukhas_sdk.errors import Exit, ValidationError

EXAMPLES = """lukhas glyph watch
lukhas glyph send LEARN lesson_done --data '{"lesson": 4}'
lukhas glyph list --action 'memory_*'
lukhas glyph encode "Wir lernen und erinnern uns."
lukhas glyph decode LEARN REMEMBER --language fr
"""

app = new_app(
    "What happens inside, as GLYPH tokens, and symbols in several languages.\n\nA token names a symbol (TRUST, LEARN, "
    "ADAPT, CREATE, PROTECT, REMEMBER, REFLECT, CONNECT, or a registered one), where it comes from and goes to, whom "
    "it concerns, and what happened. You see your own alone.",
    examples=EXAMPLES,
)

Language = Annotated[str | None, typer.Option(metavar="TAG", help="Language, as de; found out where it is left out.")]
SymbolOption = Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only these.")]
ActionOption = Annotated[str | None, typer.Option(metavar="ACTION", help="Only these; memory_* is all that begin so.")]
ModuleOption = Annotated[str | None, typer.Option(metavar="MODULE", help="Only what comes from it.")]
Since = Annotated[str | None, typer.Option(metavar="WHEN", help="From this date-time on.")]
Until = Annotated[str | None, typer.Option(metavar="WHEN", help="Before this date-time.")]
LimitOption = Annotated[int, typer.Option(min=1, max=500, metavar="N", help="So many a page.")]
Cursor = Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")]


@command(
    app,
    examples="""lukhas glyph send LEARN lesson_done --data '{"lesson": 4}'
lukhas glyph send CONNECT ask --to memory --guardian --data '{"text": "hello"}'
jq -c . event.json | lukhas glyph send CREATE drawn --data - --priority low""",
)
def send(
    context: typer.Context,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="As LEARN; see: lukhas glyph symbols.")],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="What happened, in a word.")],
    data: Annotated[
        str, typer.Option(metavar="JSON|-", help="An object that goes with it; - reads it from stdin.")
    ] = "{}",
    to: Annotated[str, typer.Option(metavar="MODULE", help="Where it goes.")] = contract.EXTERNAL,
    component: Annotated[str | None, typer.Option(metavar="NAME", help="Which part of that.")] = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="The session it belongs to.")] = None,
    priority: Annotated[contract.Priority, typer.Option(help="High goes first; low is lost first.")] = "normal",
    ttl: Annotated[float, typer.Option(min=0.001, max=86400, metavar="SECONDS", help="Void after so long.")] = 300,
    guardian: Annotated[bool, typer.Option("--guardian", help="Send it only if the guardian lets it pass.")] = False,
) -> Outcome:
    """Publish a token on the bus. Your own streams get it, and your webhooks without what it carries; that is kept
    nowhere."""
    body = contract.SendRequest(
        _symbol(symbol),
        contract.SentTarget(to, component),
        contract.SentPayload(action, _object(read_text(data, field="--data"))),
        context=contract.SentContext(session_id=session),
        metadata=contract.SentMetadata(priority, ttl, guardian),
    )
    answer = session_of(context).call(contract.SEND, body=body)
    rows: list[tuple[str, Cell]] = [
        ("id", answer.token.glyph_id),
        ("subscribers", answer.subscribers),
        ("guardian", answer.guardian_decision or "not asked"),
    ]
    return Outcome(answer, lambda screen: screen.pairs(rows))


@command(app, examples="lukhas glyph watch\nlukhas glyph watch --symbol PROTECT --json | jq .payload")
def watch(
    context: typer.Context,
    symbol: Annotated[
        list[str] | None, typer.Option(metavar="SYMBOL", help="Only these; REGISTERED is all but the eight.")
    ] = None,
) -> Streamed:
    """Print your tokens as they pass the bus, until Ctrl-C.

    Each line is: time, symbol, module, action, id, priority. With --json it is one object a line, and Ctrl-C ends the
    stream with {"type":"end"}. A daemon that was away is found again.
    """
    own = session_of(context)
    screen = Screen()
    names = ",".join(_symbol(each) for each in symbol or ()) or None
    try:
        client = own.client
        own.notice("following; Ctrl-C ends it")
        for event in client.events(contract.EVENTS, params=FollowParams(names)):
            if event.missed:
                print(f"{event.missed} tokens were missed", file=sys.stderr)
            if own.json:
                print_json(event)
            else:
                screen.row(
                    event.timestamp.isoformat(), event.symbol, event.source.module, event.payload.action,
                    event.glyph_id, event.metadata.priority,
                )  # fmt: skip
            sys.stdout.flush()
    except KeyboardInterrupt:
        if own.json:
            print_json({"type": "end"})
    return Streamed(Exit.INTERRUPTED)


@command(app, name="list", examples="lukhas glyph list\nlukhas glyph list --symbol PROTECT --since yesterday")
def list_tokens(
    context: typer.Context,
    symbol: SymbolOption = None,
    action: ActionOption = None,
    module: ModuleOption = None,
    since: Since = None,
    until: Until = None,
    limit: LimitOption = 50,
    cursor: Cursor = None,
) -> Outcome:
    """List your tokens of late, newest first. One appears a second or so after it was published.

    In a pipe, each line is: time, symbol, module, action, id, session.
    """
    params = contract.TokenListParams(
        symbol, action, module, moment(since, "--since"), moment(until, "--until"), limit, cursor
    )
    answer = session_of(context).call(contract.TOKENS, params=params)
    return Outcome(answer, lambda screen: show_tokens(screen, answer.tokens, answer.next_cursor))


@command(app, examples="lukhas glyph symbols")
def symbols(context: typer.Context, language: Language = None) -> Outcome:
    """List the symbols, with their names in one language, English unless another is named.

    In a pipe, each line is: symbol, meaning, names.
    """
    answer = session_of(context).call(contract.LIST_SYMBOLS)
    tag = (language or "en").split("-")[0].lower()
    if tag not in answer.languages:
        raise ValidationError(
            f"{tag} is not among the languages", field="--language", hint=f"one of {', '.join(answer.languages)}"
        )
    rows = [(each.symbol, each.meaning, ", ".join(each.names.get(tag, []))) for each in answer.symbols]
    return Outcome(answer, lambda screen: screen.table(["symbol", "meaning", "names"], rows, wide="names"))


@command(
    app,
    examples='lukhas glyph register MEASURE --meaning "Something was measured" --name en=measure --name de=messen',
)
def register(
    context: typer.Context,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Capital letters, digits and underscores.")],
    meaning: Annotated[str, typer.Option(metavar="TEXT", help="What it stands for.")],
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG=WORD", help="A name in a language; a star at its end: all words that begin so."),
    ] = None,
) -> Outcome:
    """Register a symbol, for everybody on this machine. Needs ΛULTRA."""
    names: dict[str, list[str]] = {}
    for each in name or ():
        tag, equals, word = each.partition("=")
        if not equals or not word:
            raise ValidationError(f"{each!r} is not TAG=WORD", field="--name", hint="write it as de=messen")
        names.setdefault(tag, []).append(word)
    body = contract.RegisterRequest(_symbol(symbol), meaning, [], names)
    answer = session_of(context).call(contract.REGISTER, body=body)
    return Outcome(answer, lambda screen: screen.text(f"{answer.symbol} is registered"))


@command(app, examples="lukhas glyph remove MEASURE")
def remove(
    context: typer.Context,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="A registered one.")],
) -> Outcome:
    """Remove a registered symbol that is yours; the machine's owner may remove any."""
    answer = session_of(context).call(contract.REMOVE, params=contract.SymbolParams(_symbol(symbol)))
    return Outcome(answer, lambda screen: screen.text(f"{answer.symbol} is removed"))


@command(app, examples='lukhas glyph encode "Wir lernen und erinnern uns."\nlukhas glyph encode - --language pl < text')
def encode(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT|-", help="- reads stdin.")],
    language: Language = None,
) -> Outcome:
    """Find the symbols that a text names. A word that no list has gives nothing.

    In a pipe, each line is: symbol, word, start, end, score.
    """
    body = contract.EncodeRequest(read_text(text, field="TEXT", longest=10_000), language)
    answer = session_of(context).call(contract.ENCODE, body=body)
    rows = [(each.symbol, each.word, each.start, each.end, each.score) for each in answer.found]

    def present(screen: Screen) -> None:
        screen.table(["symbol", "word", "start", "end", "score"], rows)
        if screen.terminal:
            screen.text(f"language: {answer.language or answer.reasons['language']}", style="dim")

    return Outcome(answer, present)


@command(app, examples="lukhas glyph decode LEARN REMEMBER --language fr")
def decode(
    context: typer.Context,
    symbol: Annotated[list[str], typer.Argument(metavar="SYMBOL…", help="In order.")],
    language: Annotated[str, typer.Option(metavar="TAG", help="Language, as fr.")] = "en",
) -> Outcome:
    """Write symbols as words of a language."""
    body = contract.DecodeRequest([_symbol(each) for each in symbol], language)
    answer = session_of(context).call(contract.DECODE, body=body)
    return Outcome(answer, lambda screen: screen.text(answer.text))


def show_tokens(screen: Screen, tokens: Iterable[contract.KeptToken], next_cursor: str | None) -> None:
    rows = [
        (local(each.timestamp), each.symbol, each.source.module, each.payload.action, each.glyph_id,
         each.context.session_id)
        for each in tokens
    ]  # fmt: skip
    screen.table(["time", "symbol", "from", "action", "id", "session"], rows, wide="action")
    if screen.terminal and next_cursor:
        screen.text(f"go on with --cursor {next_cursor}", style="dim")


def _symbol(text: str) -> str:
    return text.strip().upper()


def _object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise ValidationError(f"--data is no JSON object: {error}", field="--data", hint="as '{\"a\": 1}'") from None
