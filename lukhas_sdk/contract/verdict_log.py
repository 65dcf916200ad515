"""The verdict log: what the guardian decided and why, in a chain that shows whether anything was changed since.

An entry holds no text of what was judged, unless the setting `guardian.log_content` says "redacted". A caller reads the
verdicts on what they asked themselves; ΛPRIME reads all.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from lukhas_sdk.contract.base import (
    NOT_BLANK,
    Limit,
    NoBody,
    NoParams,
    Operation,
    Reasons,
    Request,
    Response,
    Tier,
    Unit,
)
from lukhas_sdk.contract.guardian import (
    ActionType,
    Behaviour,
    Decision,
    DetectorName,
    EthicsLevel,
    Profile,
    Severity,
)
from lukhas_sdk.contract.system import LogVerification

FIRST_HASH = "0" * 64
"""What the first entry follows."""
MOST_APPEALS = 20
"""To one verdict."""
LONGEST_PAGE = 200
LONGEST_REASON = 4000

Moment = Annotated[str, msgspec.Meta(min_length=10, max_length=40)]
"""An ISO date-time with its offset from UTC, as 2025-01-31T14:00:00Z."""
ValidationId = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class LoggedFinding(Response, frozen=True):
    """One rule that fired, without what it fired on."""

    rule: str
    category: str
    severity: Severity
    framework: str
    start: int
    end: int
    found_in: str
    detector: DetectorName
    probability: Unit | None = None
    threshold: Unit | None = None
    excerpt: str | None = None
    """Only where the log keeps redacted content, and no secret or personal datum stands in it."""


class VerdictRecord(Response, frozen=True, kw_only=True, tag_field="kind", tag="verdict"):
    """A verdict as the log keeps it."""

    validation_id: str
    owner: str | None
    """Id of the identity that asked; null: the daemon itself."""
    who: str | None
    """The same as a ΛiD."""
    action_type: ActionType
    profile: Profile
    ethics_level: EthicsLevel
    session_id: str | None
    decision: Decision
    ethics_score: float | None
    safety_score: float | None
    hazards: dict[str, float]
    frameworks: dict[str, float]
    findings: list[LoggedFinding]
    requirements: list[str]
    """Ids of what would have lifted a CONDITIONAL."""
    undertakings: list[str]
    judge: str
    behaviour: Behaviour | None
    reasons: Reasons
    duration_ms: float
    content_length: int
    """In characters."""
    content_hash: str | None
    """HMAC-SHA-256 of the content with a key of this machine: equal contents are seen to be equal, and a short one
    cannot be guessed. Null where `guardian.log_content` is "none"."""
    content: str | None = None
    """At most 2,000 characters with secrets and personal data masked; null unless the log keeps redacted content."""


class LogEntry(Response, frozen=True):
    """A verdict and its place in the chain. `hash` is SHA-256 of `previous` and the entry."""

    seq: int
    time: datetime
    previous: str
    hash: str
    appeals: int
    verdict: VerdictRecord


class LogParams(Request, frozen=True):
    validation_id: ValidationId


class LogListParams(Request, frozen=True):
    decision: Decision | None = None
    type: ActionType | None = None
    category: str | None = None
    """Verdicts with a finding of this category."""
    rule: str | None = None
    session_id: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_PAGE)] = 20
    cursor: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    """`next_cursor` of the page before."""


class LogListResponse(Response, frozen=True):
    """Newest first. A page may be shorter than `limit` and still have a `next_cursor`: only so many entries are looked
    through at once."""

    entries: list[LogEntry]
    next_cursor: str | None


class LogExport(Response, frozen=True):
    """The end of an export. `sha256` is of all its lines."""

    entries: int
    sha256: str
    head: str


class LogExportEvent(Response, frozen=True):
    """One line of the stream: `lines` as they come, then the `result` or an `error`, then the `end`."""

    type: Literal["lines", "result", "error", "end"]
    lines: str = ""
    """Whole lines of the log, each with its line end."""
    result: LogExport | None = None
    error: dict[str, Any] | None = None


class AppealRequest(Request, frozen=True):
    validation_id: ValidationId
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_REASON, pattern=NOT_BLANK)]
    evidence: Annotated[str, msgspec.Meta(max_length=20_000)] | None = None
    """Where to look, or what was left out of sight."""


class AppealResponse(Response, frozen=True):
    """It is on record, and changes nothing by itself: the same action asked again is judged as before."""

    appeal_id: str
    validation_id: str
    status: Literal["recorded"]
    recorded_at: datetime
    decision: Decision
    """The verdict's, unchanged."""


class Appeal(Response, frozen=True):
    """As it was made, its secrets masked."""

    appeal_id: str
    validation_id: str
    seq: int
    recorded_at: datetime
    who: str | None
    decision: Decision | None
    """The verdict's; null where its entry is damaged or gone."""
    reason: str
    evidence: str | None


class AppealListParams(Request, frozen=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_PAGE)] = 20
    cursor: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class AppealListResponse(Response, frozen=True):
    """Newest first; a page may be short, as in `LogListResponse`."""

    appeals: list[Appeal]
    next_cursor: str | None


class ExplainedFinding(Response, frozen=True):
    rule: str
    says: str | None
    """The rule's own words in the policy in force; null where it holds no such rule, with the reason."""
    category: str
    framework: str
    severity: Severity
    start: int
    end: int
    found_in: str
    detector: DetectorName
    probability: Unit | None
    threshold: Unit | None
    leads_to: dict[EthicsLevel, Decision]
    """What it alone comes to at each ethics level."""
    would_change: str | None
    """What would make it fall away; null for a note, which decides nothing."""
    reasons: Reasons = {}


class ChainPosition(Response, frozen=True):
    seq: int
    hash: str
    holds: bool
    """Whether the entry still has this hash."""
    reasons: Reasons = {}


class Explanation(Response, frozen=True):
    """A recorded verdict told in full."""

    validation_id: str
    time: datetime
    decision: Decision
    action_type: ActionType
    profile: Profile
    ethics_level: EthicsLevel
    ethics_score: float | None
    safety_score: float | None
    hazards: dict[str, float]
    frameworks: dict[str, float]
    findings: list[ExplainedFinding]
    decided_by: list[str]
    """The rules whose findings made the decision; empty where none did."""
    would_change: list[str]
    requirements: list[str]
    undertakings: list[str]
    at_levels: dict[EthicsLevel, Decision] | None
    """What the same findings would have come to at each level; null where there was nothing to weigh."""
    judge: str
    behaviour: Behaviour | None
    appeals: list[Appeal]
    chain: ChainPosition
    reasons: Reasons


LIST = Operation(
    "guardian.log.list", "GET", "/guardian/log", "List recorded verdicts, newest first.",
    params=LogListParams, body=NoBody, result=LogListResponse, tier=Tier.USER, limit=Limit.GUARDIAN,
)  # fmt: skip
VERIFY = Operation(
    "guardian.log.verify", "GET", "/guardian/log/verify", "Check the chain of all recorded verdicts.",
    params=NoParams, body=NoBody, result=LogVerification, tier=Tier.PRIME, limit=Limit.GUARDIAN,
)  # fmt: skip
EXPORT = Operation(
    "guardian.log.export", "GET", "/guardian/log/export", "Export every entry of the verdict log as it is kept.",
    params=NoParams, body=NoBody, result=LogExport, tier=Tier.PRIME, limit=Limit.GENERAL, stream=LogExportEvent,
)  # fmt: skip
SHOW = Operation(
    "guardian.log.show", "GET", "/guardian/log/{validation_id}", "Show one recorded verdict.",
    params=LogParams, body=NoBody, result=LogEntry, tier=Tier.USER, limit=Limit.GUARDIAN, errors=("NOT_FOUND",),
)  # fmt: skip
EXPLAIN = Operation(
    "guardian.explain", "GET", "/guardian/explain/{validation_id}", "Explain a recorded verdict in full.",
    params=LogParams, body=NoBody, result=Explanation, tier=Tier.GUEST, limit=Limit.GUARDIAN, errors=("NOT_FOUND",),
)  # fmt: skip
APPEAL = Operation(
    "guardian.appeal", "POST", "/guardian/appeal", "Put an objection to a verdict on record; it changes no decision.",
    params=NoParams, body=AppealRequest, result=AppealResponse, tier=Tier.GUEST, limit=Limit.GUARDIAN,
    errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip
APPEALS = Operation(
    "guardian.appeals", "GET", "/guardian/appeals", "List the appeals, newest first.",
    params=AppealListParams, body=NoBody, result=AppealListResponse, tier=Tier.PRIME, limit=Limit.GUARDIAN,
)  # fmt: skip

OPERATIONS = (LIST, VERIFY, EXPORT, SHOW, EXPLAIN, APPEAL, APPEALS)
