"""`lukhas feedback`: rate an answer, and how the next is written."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lukhas_cli.command import Group, command, new_app, session_of
from lukhas_cli.inputs import read_text
from lukhas_cli.moments import local
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen
from lukhas_cli.render.text import more
from lukhas_sdk.contract import feedback as contract

EXAMPLES = """lukhas feedback interaction_0123456789abcdef good
lukhas feedback interaction_0123456789abcdef bad --style shorter --comment "Half of it would do."
lukhas feedback style show
lukhas feedback undo feedback_0123456789abcdef
"""
LONGEST_COMMENT = 2000


class Giving(Group):
    """`give` may be left out."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return super().resolve_command(ctx, ["give", *args] if args[0].startswith("interaction_") else args)


app = new_app(
    "Rate answers, and say how the next should be written.\n\nRatings make up the trust signal: see `lukhas bio`. A "
    "wish for a style moves the length of answers by one step, or names their style, for every request that does not "
    "say otherwise; each answer tells which style was in force and why.",
    examples=EXAMPLES,
)
style = new_app(
    "How answers are written where a request does not say otherwise.",
    examples="lukhas feedback style show\nlukhas feedback style set --detail brief\nlukhas feedback style reset",
)
app.info.cls = Giving
app.add_typer(style, name="style")


@command(app, examples="lukhas feedback give interaction_0123456789abcdef bad --style shorter")
def give(
    context: typer.Context,
    interaction_id: Annotated[str, typer.Argument(metavar="INTERACTION", help="The id that the answer came with.")],
    rating: Annotated[contract.Rating, typer.Argument(metavar="good|bad", help="What the answer was.")],
    comment: Annotated[
        str | None, typer.Option(metavar="TEXT|-", help="What was good or bad about it; - reads it from stdin.")
    ] = None,
    wish: Annotated[contract.Wish | None, typer.Option("--style", help="How to write from now on.")] = None,
) -> Outcome:
    """Rate an answer. Rated again, the first rating is replaced.

    The guardian judges a comment before it is kept. In a pipe, the first line is: id, interaction, rating, whether it
    replaced one, trust; then, for each setting that shifted: setting, before, after, why.
    """
    text = None if comment is None else read_text(comment, field="--comment", longest=LONGEST_COMMENT)
    answer = session_of(context).call(contract.GIVE, body=contract.FeedbackRequest(interaction_id, rating, text, wish))
    given = answer.feedback

    def present(screen: Screen) -> None:
        if screen.terminal:
            screen.text(f"{given.feedback_id}: {given.interaction_id} was {given.rating}")
        else:
            replaced = "replaced" if answer.replaced else "new"
            screen.row(given.feedback_id, given.interaction_id, given.rating, replaced, answer.trust)
        _show_shifts(screen, answer.shifts)

    return Outcome(answer, present)


@command(app, name="list", examples="lukhas feedback list --limit 5")
def list_feedback(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="So many a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")] = None,
) -> Outcome:
    """List feedback, newest first.

    In a pipe, each line is: id, when, interaction, rating, style, comment.
    """
    answer = session_of(context).call(contract.LIST, params=contract.FeedbackListParams(limit, cursor))
    rows = [
        (each.feedback_id, local(each.created_at), each.interaction_id, each.rating, each.style, each.comment)
        for each in answer.feedback
    ]

    def present(screen: Screen) -> None:
        screen.table(["id", "when", "interaction", "rating", "style", "comment"], rows, wide="comment")
        if screen.terminal:
            screen.text(f"{answer.good} good, {answer.bad} bad{more(answer.next_cursor)}", style="dim")

    return Outcome(answer, present)


@command(app, examples="lukhas feedback undo feedback_0123456789abcdef")
def undo(
    context: typer.Context,
    feedback_id: Annotated[str, typer.Argument(metavar="ID", help="Its id: see `lukhas feedback list`.")],
) -> Outcome:
    """Take feedback back, with what it shifted.

    In a pipe, each line is a setting that changed back: setting, before, after, why.
    """
    answer = session_of(context).call(contract.UNDO, params=contract.FeedbackParams(feedback_id))
    return Outcome(answer, lambda screen: _show_shifts(screen, answer.shifts))


@command(style, examples="lukhas feedback style show")
def show(context: typer.Context) -> Outcome:
    """Show how answers are written, and why.

    In a pipe, each line is: setting, value, where it comes from, why.
    """
    return _style(session_of(context).call(contract.STYLE))


@command(style, name="set", examples="lukhas feedback style set --style technical --detail brief")
def set_style(
    context: typer.Context,
    response: Annotated[contract.ResponseStyle | None, typer.Option("--style", help="How they are written.")] = None,
    detail: Annotated[contract.DetailLevel | None, typer.Option("--detail", help="How much they may hold.")] = None,
) -> Outcome:
    """Say how answers are written from now on."""
    return _style(session_of(context).call(contract.SET_STYLE, body=contract.StyleRequest(response, detail)))


@command(style, examples="lukhas feedback style reset")
def reset(context: typer.Context) -> Outcome:
    """Go back to the defaults. Feedback stays, and shifts nothing that it shifted before."""
    return _style(session_of(context).call(contract.RESET_STYLE))


def _style(answer: contract.Style) -> Outcome:
    rows: list[tuple[Any, ...]] = [
        ("response_style", answer.response_style, answer.response_style_from.source, answer.response_style_from.why),
        ("detail_level", answer.detail_level, answer.detail_level_from.source, answer.detail_level_from.why),
    ]
    return Outcome(answer, lambda screen: screen.table(["setting", "value", "from", "why"], rows, wide="why"))


def _show_shifts(screen: Screen, shifts: list[contract.Shift]) -> None:
    for each in shifts:
        if screen.terminal:
            screen.text(f"{each.setting}: {each.before} → {each.after} ({each.why})")
        else:
            screen.row(each.setting, each.before, each.after, each.why)
