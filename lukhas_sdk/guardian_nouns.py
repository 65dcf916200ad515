"""`client.guardian` and `client.incidents`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from lukhas_sdk.contract import guardian, incidents, verdict_log
from lukhas_sdk.contract import policy as policies
from lukhas_sdk.contract.system import LogVerification
from lukhas_sdk.nouns import as_struct
from lukhas_sdk.verbs import Client, Noun, verb


class GuardianNoun(Noun[Client]):
    @verb
    def validate(
        self,
        content: str,
        *,
        type: guardian.ActionType = "user_input",
        target_user: str | None = None,
        context: str | None = None,
        intent: str | None = None,
        ethics_level: guardian.EthicsLevel | None = None,
        profile: guardian.Profile | None = None,
        session_id: str | None = None,
        undertakings: Sequence[str] = (),
    ) -> guardian.Verdict:
        """The verdict, whatever it is: nothing is raised for a rejection."""
        action = guardian.GuardianAction(type, content, target_user=target_user, context=context, intent=intent)
        body = guardian.ValidateRequest(
            action, ethics_level, profile=profile, session_id=session_id, undertakings=list(undertakings)
        )
        return self._client.call(guardian.VALIDATE, body=body)

    @verb
    def policy(self) -> guardian.PolicyResponse:
        return self._client.call(guardian.POLICY)

    @verb
    def check_policy(self, source: str | None = None, *, pack: str | None = None) -> policies.PolicyCheckResponse:
        """Tries a pack's TOML; without one the tests of the packs in force, or of the `pack` so named."""
        return self._client.call(policies.CHECK, body=policies.PolicyCheckRequest(source, pack))

    @verb
    def log(
        self, filters: verdict_log.LogListParams | dict[str, Any] | None = None, *, limit: int = 20
    ) -> verdict_log.LogListResponse:
        """Recorded verdicts, newest first. `filters`: decision, type, category, rule, session_id, since, until, and
        the cursor of the page before."""
        params = as_struct(filters, verdict_log.LogListParams, "filters")
        return self._client.call(verdict_log.LIST, params=msgspec.structs.replace(params, limit=limit))

    @verb
    def recorded(self, validation_id: str) -> verdict_log.LogEntry:
        return self._client.call(verdict_log.SHOW, params=verdict_log.LogParams(validation_id))

    @verb
    def explain(self, validation_id: str) -> verdict_log.Explanation:
        return self._client.call(verdict_log.EXPLAIN, params=verdict_log.LogParams(validation_id))

    @verb
    def appeal(self, validation_id: str, reason: str, *, evidence: str | None = None) -> verdict_log.AppealResponse:
        """Puts an objection on record; the verdict stays as it is."""
        return self._client.call(verdict_log.APPEAL, body=verdict_log.AppealRequest(validation_id, reason, evidence))

    @verb
    def appeals(self, *, limit: int = 20, cursor: str | None = None) -> verdict_log.AppealListResponse:
        return self._client.call(verdict_log.APPEALS, params=verdict_log.AppealListParams(limit, cursor))

    @verb
    def verify_log(self) -> LogVerification:
        """Whether the chain of all recorded verdicts holds; nothing is raised where it does not."""
        return self._client.call(verdict_log.VERIFY)


class IncidentsNoun(Noun[Client]):
    @verb
    def list(
        self,
        *,
        status: incidents.IncidentStatus | None = None,
        severity: guardian.Severity | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> incidents.IncidentListResponse:
        """Newest first."""
        params = incidents.IncidentListParams(status, severity, limit=limit, cursor=cursor)
        return self._client.call(incidents.LIST, params=params)

    @verb
    def show(self, incident_id: str) -> incidents.Incident:
        return self._client.call(incidents.SHOW, params=incidents.IncidentParams(incident_id))

    @verb
    def resolve(self, incident_id: str, note: str) -> incidents.Incident:
        params = incidents.IncidentParams(incident_id)
        return self._client.call(incidents.RESOLVE, params=params, body=incidents.ResolveIncidentRequest(note))
