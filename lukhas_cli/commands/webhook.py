"""`lukhas webhook`: events posted to an address of yours."""

from __future__ import annotations

from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.moments import local
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Cell, Screen
from lukhas_cli.render.text import more
from lukhas_sdk.contract import webhooks as contract
from lukhas_sdk.errors import Exit

EXAMPLES = """lukhas webhook add https://example.org/lukhas --event 'memory_*'
lukhas webhook test webhook_2025_01_31_0a1b2c3d4e5f
lukhas webhook deliveries webhook_2025_01_31_0a1b2c3d4e5f --state dead
lukhas webhook replay webhook_2025_01_31_0a1b2c3d4e5f
"""

app = new_app(
    "Events posted to an address of yours, signed, until it takes them.\n\nAn address is on the public internet and "
    "https; with lukhas config set webhooks.allow_loopback on, also on this machine. A delivery is tried again with "
    "growing pauses, then it is dead until you replay it. Receivers check it with lukhas_sdk.webhooks.verify.",
    examples=EXAMPLES,
)

WebhookId = Annotated[str, typer.Argument(metavar="ID", help="A webhook's id; see: lukhas webhook list.")]


@command(
    app,
    examples="lukhas webhook add https://example.org/lukhas --event 'memory_*' --event job_changed\n"
    "lukhas webhook add https://example.org/guard --symbol PROTECT --json | jq -r .data.secret",
)
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are posted to.")],
    event: Annotated[
        list[str] | None, typer.Option(metavar="ACTION", help="Only these, as memory_stored; memory_* begin so.")
    ] = None,
    symbol: Annotated[list[str] | None, typer.Option(metavar="SYMBOL", help="Only these, as PROTECT.")] = None,
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it is for.")] = "",
) -> Outcome:
    """Have your events posted to an address. Its secret is printed this once.

    Without --event and --symbol it gets every event of yours. See them with: lukhas glyph watch.
    """
    own = session_of(context)
    body = contract.AddWebhookRequest(url, event or [], [each.upper() for each in symbol or ()], description)
    answer = own.call(contract.ADD, body=body)
    own.notice("keep the secret now, it is not shown again")
    return Outcome(answer, lambda screen: _show_secret(screen, answer))


@command(app, name="list", examples="lukhas webhook list")
def list_webhooks(context: typer.Context) -> Outcome:
    """List your webhooks, oldest first.

    In a pipe, each line is: id, status, pending, delivered, dead, dropped, URL.
    """
    answer = session_of(context).call(contract.LIST)
    rows = [
        (each.webhook_id, each.status, each.pending, each.delivered, each.dead, each.dropped, each.url)
        for each in answer.webhooks
    ]
    columns = ["id", "status", "pending", "delivered", "dead", "dropped", "url"]
    return Outcome(answer, lambda screen: screen.table(columns, rows, wide="url"))


@command(app, examples="lukhas webhook show webhook_2025_01_31_0a1b2c3d4e5f")
def show(context: typer.Context, webhook_id: WebhookId) -> Outcome:
    """Show one webhook and how it fares."""
    answer = session_of(context).call(contract.SHOW, params=contract.WebhookParams(webhook_id))
    return Outcome(answer, lambda screen: screen.pairs(_rows(answer)))


@command(app, examples="lukhas webhook test webhook_2025_01_31_0a1b2c3d4e5f")
def test(context: typer.Context, webhook_id: WebhookId) -> Outcome:
    """Post a test event now, once. Exit code 1 when it was not taken."""
    answer = session_of(context).call(contract.TEST, params=contract.WebhookParams(webhook_id))
    rows: list[tuple[str, Cell]] = [
        ("delivered", "yes" if answer.delivered else "no"),
        ("HTTP status", answer.http_status),
        ("ms", answer.duration_ms),
        *([("error", answer.error)] if answer.error else []),
        ("delivery", answer.delivery_id),
    ]
    exit = Exit.OK if answer.delivered else Exit.FAILURE
    return Outcome(answer, lambda screen: screen.pairs(rows), exit, answer.error or "")


@command(app, examples="lukhas webhook remove webhook_2025_01_31_0a1b2c3d4e5f")
def remove(context: typer.Context, webhook_id: WebhookId) -> Outcome:
    """Remove a webhook, with all of its deliveries, also those that wait."""
    answer = session_of(context).call(contract.REMOVE, params=contract.WebhookParams(webhook_id))
    return Outcome(answer, lambda screen: screen.row("removed", answer.webhook_id, answer.deliveries))


@command(app, examples="lukhas webhook deliveries webhook_2025_01_31_0a1b2c3d4e5f --state dead")
def deliveries(
    context: typer.Context,
    webhook_id: WebhookId,
    state: Annotated[contract.DeliveryState | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, metavar="N", help="So many a page.")] = 50,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")] = None,
) -> Outcome:
    """List a webhook's deliveries, newest first.

    In a pipe, each line is: id, queued, event, state, attempts, HTTP status, error.
    """
    params = contract.DeliveryListParams(webhook_id, state, limit, cursor)
    answer = session_of(context).call(contract.DELIVERIES, params=params)
    rows = [
        (each.delivery_id, local(each.created_at), each.event, each.state, each.attempts, each.http_status, each.error)
        for each in answer.deliveries
    ]

    def present(screen: Screen) -> None:
        screen.table(["id", "queued", "event", "state", "tries", "status", "error"], rows, wide="error")
        if screen.terminal:
            screen.text(f"{len(rows)} of {answer.total_count} deliveries{more(answer.next_cursor)}", style="dim")

    return Outcome(answer, present)


@command(
    app,
    examples="lukhas webhook replay webhook_2025_01_31_0a1b2c3d4e5f\n"
    "lukhas webhook replay webhook_2025_01_31_0a1b2c3d4e5f delivery_2025_01_31_0a1b2c3d4e5f6a7b",
)
def replay(
    context: typer.Context,
    webhook_id: WebhookId,
    delivery: Annotated[list[str] | None, typer.Argument(metavar="[DELIVERY]...", help="Only these.")] = None,
) -> Outcome:
    """Queue deliveries anew, under the same ids: those named, else all that are dead."""
    answer = session_of(context).call(
        contract.REPLAY, params=contract.WebhookParams(webhook_id), body=contract.ReplayRequest(delivery or [])
    )
    return Outcome(answer, lambda screen: screen.row("replayed", answer.replayed))


@command(
    app,
    examples="lukhas webhook rotate webhook_2025_01_31_0a1b2c3d4e5f\n"
    "lukhas webhook rotate webhook_2025_01_31_0a1b2c3d4e5f --grace-s 0",
)
def rotate(
    context: typer.Context,
    webhook_id: WebhookId,
    grace_s: Annotated[
        int, typer.Option(min=0, max=30 * contract.DAY_S, metavar="SECONDS", help="Sign with the old one too so long.")
    ] = contract.DAY_S,
) -> Outcome:
    """Give a webhook a new secret, which is printed this once. 0 seconds of grace end the old one now."""
    own = session_of(context)
    answer = own.call(
        contract.ROTATE, params=contract.WebhookParams(webhook_id), body=contract.RotateWebhookRequest(grace_s)
    )
    own.notice("keep the secret now, it is not shown again")
    return Outcome(answer, lambda screen: _show_secret(screen, answer))


def _show_secret(screen: Screen, answer: contract.WebhookSecretResponse) -> None:
    screen.pairs([("id", answer.webhook.webhook_id), ("secret", answer.secret)])


def _rows(webhook: contract.Webhook) -> list[tuple[str, Cell]]:
    return [
        ("id", webhook.webhook_id),
        ("url", webhook.url),
        ("events", ", ".join(webhook.events) or "all"),
        ("symbols", ", ".join(webhook.symbols) or "all"),
        *([("description", webhook.description)] if webhook.description else []),
        ("added", local(webhook.created_at)),
        ("status", webhook.status),
        *([("– why", webhook.reasons["status"])] if "status" in webhook.reasons else []),
        ("pending", webhook.pending),
        ("delivered", webhook.delivered),
        ("dead", webhook.dead),
        ("dropped", webhook.dropped),
        ("last tried", local(webhook.last_attempt_at) if webhook.last_attempt_at else None),
        *([("last error", webhook.last_error)] if webhook.last_error else []),
        *([("old secret until", local(webhook.previous_secret_until))] if webhook.previous_secret_until else []),
    ]
