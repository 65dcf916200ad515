"""`lukhas dream`: different answers to a seed, and work on memory while nobody asks for anything."""

from __future__ import annotations

from itertools import chain
from typing import Annotated, Any

import typer

from lukhas_cli.command import Group, command, new_app, session_of
from lukhas_cli.inputs import read_text
from lukhas_cli.moments import local
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.consolidation import show_consolidation
from lukhas_cli.render.progress import counting
from lukhas_cli.render.screen import Screen
from lukhas_cli.render.text import more
from lukhas_sdk.contract import consolidation
from lukhas_sdk.contract import dream as contract
from lukhas_sdk.errors import DaemonUnreachable

EXAMPLES = """lukhas dream "Design a sustainable city for Mars" --constraint "Limited water" --constraint "Extreme cold"
lukhas dream "A birthday without money" --realities 3 --creativity 0.8 --seed 7
lukhas dream list
lukhas dream compare dream_mars_city_0a1b2c3d4e dream_birthday_money_1b2c3d4e5f
lukhas dream consolidate
"""
LONGEST_SEED = 2000
STEP_CHARS = 40
"""Of a step, beside the bar."""


class Dreaming(Group):
    """`generate` may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        known = args and (args[0] in self.list_commands(ctx) or args[0] in ("-h", "--help", "--json", "--no-autostart"))
        return super().parse_args(ctx, args if known or not args else ["generate", *args])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return super().resolve_command(ctx, args if args[0] in self.list_commands(ctx) else ["generate", *args])


app = new_app(
    "Dream up several different answers to one seed, under constraints.\n\nWithout a language model your own memories "
    "are put together anew, labelled as such; with one, ideas come from different sides and are judged constraint by "
    "constraint. `lukhas dream SEED` is short for `lukhas dream generate SEED`.",
    examples=EXAMPLES,
)
app.info.cls = Dreaming

DreamId = Annotated[str, typer.Argument(metavar="ID", help="A dream's id, as dream_mars_city_0a1b2c3d4e.")]


@command(app, examples='lukhas dream generate "A birthday without money" --constraint "Nut allergy" --seed 7')
def generate(
    context: typer.Context,
    seed: Annotated[str, typer.Argument(metavar="SEED|-", help="What to dream about; - reads it from stdin.")],
    constraint: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="What every reality has to address; may be repeated.")
    ] = None,
    realities: Annotated[int, typer.Option(min=1, max=10, metavar="N", help="So many different answers.")] = 5,
    creativity: Annotated[
        float, typer.Option(min=0, max=1, metavar="X", help="0: the likeliest notes, or a cool model; 1: any, or hot.")
    ] = 0.5,
    random_seed: Annotated[
        int | None, typer.Option("--seed", min=0, metavar="N", help="Notes are put together as with this number again.")
    ] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Only your own notes.")] = False,
) -> Outcome:
    """Dream, and keep the dream. Steps are shown as they are done.

    In a pipe, each line is: reality, concept, feasibility, innovation, label, memories; then: uncovered, constraint.
    """
    request = contract.DreamRequest(
        read_text(seed, field="SEED", longest=LONGEST_SEED), constraint or [], creativity, realities, random_seed,
        not no_model,
    )  # fmt: skip
    answer: contract.Dream | None = None
    events = session_of(context).client.events(contract.GENERATE, body=request)
    first = next(events, None)
    with counting("dreaming", first.total if first is not None else None) as advance:
        for event in chain([first] if first is not None else [], events):
            if event.step is not None:
                advance(1, event.step[:STEP_CHARS])
            answer = event.result or answer
    if answer is None:
        raise DaemonUnreachable("the dream broke off", hint="see: lukhas daemon logs")
    return Outcome(answer, lambda screen: _show(screen, answer))


@command(app, name="list", examples="lukhas dream list --limit 5")
def list_dreams(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="So many a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")] = None,
) -> Outcome:
    """List dreams, newest first.

    In a pipe, each line is: id, when, realities, model, seed.
    """
    answer = session_of(context).call(contract.LIST, params=contract.DreamListParams(limit, cursor))
    rows = [
        (each.dream_session_id, local(each.created_at), each.realities, each.model, each.seed) for each in answer.dreams
    ]

    def present(screen: Screen) -> None:
        screen.table(["id", "when", "realities", "model", "seed"], rows, wide="seed", clip=True)
        if screen.terminal:
            screen.text(f"{len(rows)} of {answer.total_count} dreams{more(answer.next_cursor)}", style="dim")

    return Outcome(answer, present)


@command(app, examples="lukhas dream show dream_mars_city_0a1b2c3d4e")
def show(context: typer.Context, dream_id: DreamId) -> Outcome:
    """Show one dream whole."""
    answer = session_of(context).call(contract.SHOW, params=contract.DreamParams(dream_id))
    return Outcome(answer, lambda screen: _show(screen, answer))


@command(app, examples="lukhas dream compare dream_mars_city_0a1b2c3d4e dream_birthday_money_1b2c3d4e5f")
def compare(
    context: typer.Context,
    one: DreamId,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The dream to compare it with.")],
) -> Outcome:
    """Compare two dreams: what they address, how new they are, and which realities are nearest.

    In a pipe, two lines: id, realities, feasibility, innovation, constraints addressed, Vendi score; then, for each
    reality of the first: reality, concept, the nearest of the other, its concept, cosine.
    """
    answer = session_of(context).call(contract.COMPARE, params=contract.CompareParams(one, other))

    def present(screen: Screen) -> None:
        screen.table(
            ["dream", "realities", "feasibility", "innovation", "addressed", "vendi"],
            [
                (each.dream_session_id, each.realities, _figure(each.mean_feasibility), _figure(each.mean_innovation),
                 len(each.constraints_addressed), _figure(each.vendi))
                for each in (answer.one, answer.other)
            ],
            wide="dream",
        )  # fmt: skip
        screen.table(
            ["reality", "concept", "nearest", "its concept", "cosine"],
            [
                (each.reality_id, each.concept, each.nearest_reality_id, each.nearest_concept, _figure(each.cosine))
                for each in answer.nearest
            ],
            wide="concept",
        )

    return Outcome(answer, present)


@command(app, examples="lukhas dream consolidate\nlukhas dream consolidate --apply")
def consolidate(
    context: typer.Context,
    apply: Annotated[bool, typer.Option("--apply", help="Change memory; else only say what would be changed.")] = False,
) -> Outcome:
    """Look through your memories as sleep does it: a dry run, unless --apply.

    Memories that say the same are merged, contradictions are shown, episodes that say alike on three days or more
    become one semantic memory that names its sources, and what was never recalled loses importance. No episode is
    rewritten and nothing is deleted. A sample is looked for before and after: where recall falls by more than half a
    point, everything is put back at once. `lukhas dream undo ID` puts it back later.

    In a pipe, each line is: what, memory, the other or how much, text.
    """
    body = consolidation.ConsolidateRequest(apply)
    answer = session_of(context).call(consolidation.CONSOLIDATE, body=body)
    return Outcome(answer, lambda screen: show_consolidation(screen, answer))


@command(app, examples="lukhas dream consolidations")
def consolidations(context: typer.Context) -> Outcome:
    """List what consolidating came to, newest first.

    In a pipe, each line is: id, when, state, merges, abstractions, faded, contradictions.
    """
    answer = session_of(context).call(consolidation.LIST)
    rows = [
        (each.consolidation_id, local(each.created_at), each.state, len(each.merges), len(each.abstractions),
         len(each.faded), len(each.contradictions))
        for each in answer.consolidations
    ]  # fmt: skip

    def present(screen: Screen) -> None:
        screen.table(["id", "when", "state", "merges", "abstractions", "faded", "contradictions"], rows, wide="id")

    return Outcome(answer, present)


@command(app, examples="lukhas dream undo consolidate_2025_01_31_0a1b2c3d4e")
def undo(
    context: typer.Context,
    consolidation_id: Annotated[str, typer.Argument(metavar="ID", help="As lukhas dream consolidate gave it.")],
) -> Outcome:
    """Put back what a consolidation changed. What was changed since stays, and is named."""
    params = consolidation.ConsolidationParams(consolidation_id)
    answer = session_of(context).call(consolidation.UNDO, params=params)
    return Outcome(answer, lambda screen: show_consolidation(screen, answer))


def _show(screen: Screen, dream: contract.Dream) -> None:
    if not screen.terminal:
        for reality in dream.realities:
            screen.row(
                reality.reality_id, reality.concept, _figure(reality.feasibility_score),
                _figure(reality.innovation_score), reality.label, ",".join(reality.memory_ids),
            )  # fmt: skip
        for constraint in dream.uncovered_constraints:
            screen.row("uncovered", constraint)
        return
    screen.pairs(
        [
            ("id", dream.dream_session_id),
            ("seed", dream.seed),
            ("by", dream.model or "your notes"),
            ("random seed", dream.random_seed),
            ("memories", f"{dream.memories_considered} looked at, {dream.memories_left_out} left out"),
            *((_said_of(name, dream), why) for name, why in dream.reasons.items()),
        ]
    )
    for reality in dream.realities:
        screen.text()
        screen.text(f"{reality.reality_id}  {reality.concept}", style="bold")
        screen.text(
            f"{reality.label}; feasibility {_figure(reality.feasibility_score)},"
            f" innovation {_figure(reality.innovation_score)}",
            style="dim",
        )
        screen.text(reality.description)
        for check in reality.constraints:
            screen.text(f"  {'✓' if check.addressed else '✗'} {check.constraint}: {check.reason}")
    screen.text()
    for taken in dream.synthesis.taken_from:
        screen.text(f"• {taken.text} ({', '.join(taken.reality_ids)})")
    if dream.uncovered_constraints:
        screen.text(f"Addressed by none: {'; '.join(dream.uncovered_constraints)}", style="yellow")


def _said_of(name: str, dream: contract.Dream) -> str:
    """The head of a reason: what is not there, or else what it is about."""
    missing = (name == "realities" and not dream.realities) or name == "diversity"
    return f"no {name}" if missing else {"random_seed": "which"}.get(name, name)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
