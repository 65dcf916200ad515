"""Feedback on answers. The style in force is worked out from it each time, so that what is taken back is undone."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from msgspec.structs import replace

from lukhas_sdk.contract import feedback as contract
from lukhas_sdk.contract.feedback import Origin, Style
from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhas_sdk.contract.matriz import Preferences, ProcessRequest
from lukhas_sdk.errors import GuardianRejection, NotFound, ValidationError
from lukhasd.database import Database
from lukhasd.database.connection import Cursor, insert_rows
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller
from lukhasd.memory.quarantine import held_findings

Result = TypeVar("Result")

TRUST_HALF_LIFE = timedelta(days=14)
OWNERS_KNOWN = 1000
WEIGHED_LIMIT = 100
"""The newest feedback, which trust is worked out from, and the newest wishes, which style is."""
NO_FEEDBACK = "there is no feedback yet"
BY_REQUEST = Origin("request", "the request says so")
BY_DEFAULT = Origin("default", "nothing was set, and no feedback asks for another")
DEFAULT = Style("plain", "moderate", BY_DEFAULT, BY_DEFAULT)
SETTINGS = ("response_style", "detail_level")
COLUMNS = "feedback_id, interaction_id, rating, style, comment, created_at"


@dataclass(frozen=True)
class Standing:
    """What an identity's feedback comes to."""

    style: Style
    trust: float | None


@dataclass(frozen=True)
class _Facts:
    """What the standing is worked out from."""

    wishes: Sequence[contract.Feedback]
    """The oldest first."""
    newest: Sequence[contract.Feedback]
    chosen: Sequence[_Set]

    def standing(self) -> Standing:
        return Standing(style_of(self.wishes, self.chosen), trust_of(self.newest, datetime.now(UTC)))


@dataclass(frozen=True)
class _Set:
    """What an identity set itself; a `value` of None is the default."""

    setting: str
    value: Any
    at: datetime


def style_of(given: Iterable[contract.Feedback], chosen: Sequence[_Set] = ()) -> Style:
    """What was set, then each wish after it in turn, the oldest first. A wish for less or more moves `detail_level` by
    one of its three levels and no further than the last; any other wish names the `response_style`."""
    style = DEFAULT
    since = {one.setting: one.at for one in chosen}
    for one in chosen:
        if one.value is not None:
            origin = Origin("set", f"set on {one.at:%Y-%m-%d}")
            style = replace(style, **{one.setting: one.value, f"{one.setting}_from": origin})
    for each in given:
        wish = each.style
        if wish is None:
            continue
        setting = "response_style" if wish in contract.STYLES else "detail_level"
        if setting in since and each.created_at <= since[setting]:
            continue
        value: str
        if wish in contract.STYLES:
            value = contract.STYLES[wish]
        else:
            place = contract.LEVELS.index(style.detail_level) + contract.STEPS[wish]
            value = contract.LEVELS[min(max(place, 0), len(contract.LEVELS) - 1)]
        why = f"feedback of {each.created_at:%Y-%m-%d} on {each.interaction_id} asked for “{wish}”"
        origin = Origin("feedback", why, each.feedback_id)
        style = replace(style, **{setting: value, f"{setting}_from": origin})
    return style


def in_force(request: ProcessRequest, standing: Style) -> tuple[ProcessRequest, Style]:
    """The request with all of its style said, and who said it: the request itself, or else what stands."""
    asked = request.context.preferences
    style = standing
    for setting in SETTINGS:
        if (value := getattr(asked, setting)) is not None:
            style = replace(style, **{setting: value, f"{setting}_from": BY_REQUEST})
    preferences = Preferences(style.response_style, style.detail_level)
    return replace(request, context=replace(request.context, preferences=preferences)), style


def trust_of(given: Iterable[contract.Feedback], now: datetime) -> float | None:
    """(1 + good) / (2 + all): the mean of the share of good answers after a uniform prior (Laplace's rule of
    succession), where each counts half as much for every 14 days of its age. None without any."""
    good = total = 0.0
    for each in given:
        weight = 2 ** (-max(now - each.created_at, timedelta(0)) / TRUST_HALF_LIFE)
        total += weight
        good += weight * (each.rating == "good")
    return (1 + good) / (2 + total) if total else None


def shifts(before: Style, after: Style) -> list[contract.Shift]:
    """The settings that another feedback answers for now, changed or at their bound."""
    found = []
    for setting in SETTINGS:
        old, new = getattr(before, setting), getattr(after, setting)
        origin: Origin = getattr(after, f"{setting}_from")
        if old != new or origin != getattr(before, f"{setting}_from"):
            bound = f"; it was {new} already" if old == new else ""
            found.append(contract.Shift(setting, old, new, origin.why + bound))  # type: ignore[arg-type]
    return found


class FeedbackStore:
    def __init__(self, database: Database, guardian: Guardian) -> None:
        self._database = database
        self._guardian = guardian
        self._known: OrderedDict[str, _Facts] = OrderedDict()
        self._changes = 0
        self.told: Callable[[str, str, str], None] = lambda owner, feedback_id, what: None
        """Given whose feedback was given or taken back, which, and which of the two."""

    async def standing(self, owner: str) -> Standing:
        facts = self._known.get(owner)
        if facts is None:
            changes = self._changes
            facts = await self._database.read(lambda cursor: _facts(cursor, owner))
            if changes == self._changes:
                self._known[owner] = facts
        if len(self._known) > OWNERS_KNOWN:
            self._known.popitem(last=False)
        return facts.standing()

    def changed(self) -> None:
        """Some of it was changed or erased: it is read anew."""
        self._changes += 1
        self._known.clear()

    async def give(self, caller: Caller, request: contract.FeedbackRequest) -> contract.FeedbackReceipt:
        """NotFound where the caller has no such interaction, GuardianRejection where the comment may not be kept;
        nothing is kept then."""
        owner = caller.identity_id
        sql = "SELECT count(*) FROM interactions WHERE owner = ? AND interaction_id = ?"
        [(known,)] = await self._database.read(
            lambda cursor: cursor.execute(sql, [owner, request.interaction_id]).fetchall()
        )
        if not known:
            raise NotFound(
                f"there is no interaction {request.interaction_id}",
                hint="an answer says its own in metadata.interaction_id",
                details={"field": "$.interaction_id"},
            )
        if request.comment is not None:
            await self._judge(caller, request.comment)
        now = datetime.now(UTC)
        feedback = contract.Feedback(
            f"feedback_{secrets.token_hex(8)}", request.interaction_id, request.rating, request.style, request.comment,
            now,
        )  # fmt: skip

        def write(cursor: Cursor) -> contract.FeedbackReceipt:
            before = _standing(cursor, owner).style
            replaced = cursor.execute(
                "DELETE FROM feedback WHERE owner = ? AND interaction_id = ? RETURNING feedback_id",
                [owner, request.interaction_id],
            ).fetchall()
            insert_rows(cursor, "feedback", {
                "feedback_id": [feedback.feedback_id], "owner": [owner], "interaction_id": [feedback.interaction_id],
                "rating": [feedback.rating], "style": [feedback.style], "comment": [feedback.comment],
                "created_at": [_naive(now)],
            })  # fmt: skip
            after = _standing(cursor, owner)
            changed = shifts(before, after.style)
            return contract.FeedbackReceipt(feedback, bool(replaced), changed, after.style, after.trust)

        receipt = await self._write(write)
        self.told(owner, feedback.feedback_id, "given")
        return receipt

    async def undo(self, owner: str, feedback_id: str) -> contract.FeedbackUndone:
        """NotFound."""

        def write(cursor: Cursor) -> contract.FeedbackUndone | None:
            before = _standing(cursor, owner).style
            gone = cursor.execute(
                "DELETE FROM feedback WHERE owner = ? AND feedback_id = ? RETURNING feedback_id", [owner, feedback_id]
            ).fetchall()
            if not gone:
                return None
            after = _standing(cursor, owner)
            reasons = {"trust": NO_FEEDBACK} if after.trust is None else {}
            return contract.FeedbackUndone(
                feedback_id, shifts(before, after.style), after.style, after.trust, reasons
            )  # fmt: skip

        undone = await self._write(write)
        if undone is None:
            raise NotFound(f"there is no feedback {feedback_id}", hint="see: lukhas feedback list")
        self.told(owner, feedback_id, "undone")
        return undone

    async def find_all(self, owner: str, params: contract.FeedbackListParams) -> contract.FeedbackListResponse:
        where, values = "owner = ?", [owner]
        if params.cursor is not None:
            where += " AND (created_at, feedback_id) < (SELECT (created_at, feedback_id) FROM feedback"
            where += " WHERE owner = ? AND feedback_id = ?)"
            values += [owner, params.cursor]

        def read(cursor: Cursor) -> contract.FeedbackListResponse:
            found = _read(cursor, where, values, limit=params.limit + 1)
            page = found[: params.limit]
            counted = "SELECT rating, count(*) FROM feedback WHERE owner = ? GROUP BY rating"
            counts = dict(cursor.execute(counted, [owner]).fetchall())
            trust = _standing(cursor, owner).trust
            return contract.FeedbackListResponse(
                page, counts.get("good", 0), counts.get("bad", 0), trust,
                page[-1].feedback_id if len(found) > len(page) else None,
                {"trust": NO_FEEDBACK} if trust is None else {},
            )  # fmt: skip

        return await self._database.read(read)

    async def set_style(self, owner: str, request: contract.StyleRequest) -> Style:
        """ValidationError where nothing is named."""
        named = {"response_style": request.response_style, "detail_level": request.detail_level}
        values = {setting: value for setting, value in named.items() if value is not None}
        if not values:
            raise ValidationError(
                "neither response_style nor detail_level is given",
                field="$",
                hint="name one of them; DELETE /feedback/style sets both back",
            )
        return await self._set(owner, values)

    async def reset_style(self, owner: str) -> Style:
        """Feedback stays, and shifts no more what it shifted before."""
        return await self._set(owner, dict.fromkeys(SETTINGS))

    async def _set(self, owner: str, values: dict[str, Any]) -> Style:
        now = _naive(datetime.now(UTC))

        def write(cursor: Cursor) -> Style:
            for setting, value in values.items():
                cursor.execute("DELETE FROM feedback_styles WHERE owner = ? AND setting = ?", [owner, setting])
                cursor.execute("INSERT INTO feedback_styles VALUES (?, ?, ?, ?)", [owner, setting, value, now])
            return _standing(cursor, owner).style

        return await self._write(write)

    async def _write(self, write: Callable[[Cursor], Result]) -> Result:
        try:
            return await self._database.write(write)
        finally:
            self.changed()

    async def _judge(self, caller: Caller, comment: str) -> None:
        """A comment is kept or refused; unlike a memory it is not worth a quarantine."""
        verdict = await self._guardian.validate(ValidateRequest(GuardianAction("memory_write", comment)), caller=caller)
        held = held_findings(verdict)
        if verdict.decision in ("REJECTED", "REVIEW") or held:
            factors = verdict.reasoning.key_factors
            why = held[0].text if held else factors[0] if factors else verdict.reasons.get("decision", "")
            raise GuardianRejection(
                f"the guardian will not have this comment kept: {why}",
                hint=verdict.reasoning.would_change or "say it otherwise, or leave the comment out",
                details={
                    "field": "$.comment", "validation_id": verdict.validation_id,
                    "decision": "REVIEW" if verdict.decision == "REVIEW" else "REJECTED",
                },
            )  # fmt: skip


def _standing(cursor: Cursor, owner: str) -> Standing:
    return _facts(cursor, owner).standing()


def _facts(cursor: Cursor, owner: str) -> _Facts:
    wishes = _read(cursor, "owner = ? AND style IS NOT NULL", [owner], limit=WEIGHED_LIMIT)
    newest = _read(cursor, "owner = ?", [owner], limit=WEIGHED_LIMIT)
    rows = cursor.execute("SELECT setting, value, set_at FROM feedback_styles WHERE owner = ?", [owner]).fetchall()
    chosen = [_Set(setting, value, at.replace(tzinfo=UTC)) for setting, value, at in rows]
    return _Facts(wishes[::-1], newest, chosen)


def _read(cursor: Cursor, where: str, values: list[Any], *, limit: int) -> list[contract.Feedback]:
    """The newest first."""
    sql = f"SELECT {COLUMNS} FROM feedback WHERE {where} ORDER BY created_at DESC, feedback_id DESC LIMIT {limit}"  # noqa: S608
    return [
        contract.Feedback(name, interaction_id, rating, style, comment, at.replace(tzinfo=UTC))
        for name, interaction_id, rating, style, comment, at in cursor.execute(sql, values).fetchall()
    ]


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
