"""Appeals and explanations, through the API of a real daemon: they record and tell, and change no decision."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from keeping import ANA, PRIME, ask, finding, keeping, open_log, verdict

from lukhas_sdk.contract.guardian import Behaviour, Requirement
from lukhas_sdk.contract.verdict_log import AppealListParams, AppealRequest, ChainPosition
from lukhas_sdk.errors import Conflict, NotFound
from lukhasd.api.routes.verdict_log import _masked
from lukhasd.guardian.explaining import explain
from lukhasd.guardian.keeper import with_behaviour
from lukhasd.guardian.policy import Rule

COMMAND = {"action": {"type": "shell_command", "content": "rm -rf / # waldo"}}


@dataclass(frozen=True)
class Door:
    port: int
    key: str

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        try:
            connection.request(method, f"/v1{path}", None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def must(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.ask(method, path, body)
        assert status == 200, answer
        return answer


@dataclass(frozen=True)
class Three:
    owner: Door
    ana: Door
    guest: Door


@pytest.fixture(scope="module")
def three(unlimited_home: Any) -> Iterator[Three]:
    home = unlimited_home
    port = int(home.env["LUKHAS_PORT"])
    tiers = {"ana": "ΛUSER", "gus": "ΛGUEST"}
    keys = [
        home.run("identity", "add", name, "--tier", tier, check=True).stdout.strip() for name, tier in tiers.items()
    ]
    local = (home.path / "state" / "local.key").read_text().strip()
    yield Three(*(Door(port, key) for key in (local, *keys)))


def test_an_appeal_is_recorded_and_changes_nothing(three: Three) -> None:
    first = three.ana.must("POST", "/guardian/validate", COMMAND)
    assert first["decision"] == "REJECTED"
    appeal = {"validation_id": first["validation_id"], "reason": "It is a container.", "evidence": "see compose.yml"}
    made = three.ana.must("POST", "/guardian/appeal", appeal)
    assert (made["status"], made["decision"]) == ("recorded", "REJECTED")
    again = three.ana.must("POST", "/guardian/validate", COMMAND)
    assert again["decision"] == "REJECTED"
    assert again["validation_id"] != first["validation_id"]
    shown = three.ana.must("GET", f"/guardian/log/{first['validation_id']}")
    assert (shown["appeals"], shown["verdict"]["decision"]) == (1, "REJECTED")
    listed = three.owner.must("GET", "/guardian/appeals")["appeals"]
    assert (listed[0]["appeal_id"], listed[0]["reason"]) == (made["appeal_id"], "It is a container.")
    assert three.owner.must("GET", "/guardian/log/verify")["ok"]


def test_a_guest_appeals_its_own_verdict_and_no_other(three: Three) -> None:
    own = three.guest.must("POST", "/guardian/validate", COMMAND)["validation_id"]
    others = three.ana.must("POST", "/guardian/validate", COMMAND)["validation_id"]
    assert (
        three.guest.must("POST", "/guardian/appeal", {"validation_id": own, "reason": "no"})["decision"] == "REJECTED"
    )
    assert three.guest.must("GET", f"/guardian/explain/{own}")["decision"] == "REJECTED"
    for path, body in (
        ("/guardian/appeal", {"validation_id": others, "reason": "no"}),
        ("/guardian/appeal", {"validation_id": "val_" + "0" * 32, "reason": "no"}),
        (f"/guardian/explain/{others}", None),
    ):
        assert three.guest.ask("POST" if body else "GET", path, body)[0] == 404, path
    assert three.guest.ask("GET", f"/guardian/log/{own}")[0] == 403
    assert three.ana.ask("GET", f"/guardian/log/{own}")[0] == 404
    assert three.owner.must("GET", f"/guardian/log/{own}")["verdict"]["who"].startswith("ΛGUEST")


@pytest.mark.parametrize("path", ["/guardian/appeals", "/guardian/log/verify", "/guardian/log/export", "/incidents"])
def test_the_whole_of_it_is_for_prime_alone(three: Three, path: str) -> None:
    assert three.ana.ask("GET", path)[0] == 403
    assert three.owner.ask("GET", path)[0] == 200


def test_a_list_shows_the_callers_own(three: Three) -> None:
    own = three.ana.must("POST", "/guardian/validate", COMMAND)["validation_id"]
    listed = three.ana.must("GET", "/guardian/log?limit=200")["entries"]
    assert listed[0]["verdict"]["validation_id"] == own
    assert len({entry["verdict"]["who"] for entry in listed}) == 1
    everybodys = three.owner.must("GET", "/guardian/log?limit=200")["entries"]
    assert len({entry["verdict"]["who"] for entry in everybodys}) > 1


@pytest.mark.parametrize(
    "field", [{"reason": "  "}, {"reason": "x" * 4001}, {"reason": 3}, {}, {"reason": "x", "y": 1}]
)
def test_an_appeal_without_a_reason_is_refused(three: Three, field: dict[str, Any]) -> None:
    own = three.ana.must("POST", "/guardian/validate", COMMAND)["validation_id"]
    assert three.ana.ask("POST", "/guardian/appeal", {"validation_id": own, **field})[0] == 422


def test_an_explanation_tells_what_each_rule_says(three: Three) -> None:
    given = three.ana.must("POST", "/guardian/validate", COMMAND)
    told = three.ana.must("GET", f"/guardian/explain/{given['validation_id']}")
    packs = three.ana.must("GET", "/guardian/policy")["packs"]
    says = {rule["rule"]: rule["text"] for pack in packs for rule in pack["rules"]}
    assert [one["rule"] for one in told["findings"]] == [one["rule"] for one in given["reasoning"]["findings"]]
    assert all(one["says"] == says[one["rule"]] for one in told["findings"])
    assert told["decided_by"]
    assert told["would_change"]
    assert told["at_levels"]["STRICT"] == "REJECTED"
    assert told["chain"]["holds"]
    assert "waldo" not in json.dumps(told)


def test_what_memory_and_the_pipeline_ask_is_logged_too(three: Three) -> None:
    """With its kind of action, and as the caller's."""
    before = three.owner.must("GET", "/health")["modules"]["guardian"]["log"]["entries"]
    three.ana.must("POST", "/memory/store", {"content": {"type": "semantic", "data": "The ferry leaves at nine."}})
    three.ana.ask("POST", "/matriz/process", {"input": "When does the ferry leave?"})
    fresh = [
        entry["verdict"]
        for entry in three.ana.must("GET", "/guardian/log?limit=200")["entries"]
        if entry["seq"] > before
    ]
    assert {one["action_type"] for one in fresh} >= {"memory_write", "user_input", "response_generation"}
    assert len({one["who"] for one in fresh}) == 1
    assert three.owner.must("GET", "/guardian/log/verify")["ok"]


def test_no_content_is_anywhere_in_the_home(three: Three, unlimited_home: Any) -> None:
    three.ana.must("POST", "/guardian/validate", COMMAND)
    folder: Path = unlimited_home.path / "data" / "guardian"
    content = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert content.count(b'"kind":"verdict"') > 3
    assert b"waldo" not in content


def test_health_tells_of_log_and_sessions(three: Three) -> None:
    before = three.owner.must("GET", "/health")["modules"]["guardian"]
    three.ana.must(
        "POST",
        "/guardian/validate",
        {
            "action": {"type": "shell_command", "content": "pytest tests/x.py", "intent": "Run the tests of x"},
            "session_id": "health-1",
        },
    )
    three.owner.must("GET", "/guardian/log/verify")
    after = three.owner.must("GET", "/health")["modules"]["guardian"]
    assert after["log"]["entries"] > before["log"]["entries"]
    assert after["log"]["verified"]["ok"]
    assert after["behaviour"]["sessions"] == before["behaviour"]["sessions"] + 1
    assert after["behaviour"]["highest"] < 0.15


# What follows needs no daemon.


def test_twenty_appeals_to_a_verdict_and_no_more(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    one, other = (log.record(ask("x"), verdict("REJECTED"), ANA).validation_id for _ in range(2))
    for number in range(20):
        log.appeal(AppealRequest(one, f"reason {number}"), ANA, mask=str)
    with pytest.raises(Conflict, match="20 appeals"):
        log.appeal(AppealRequest(one, "once more"), PRIME, mask=str)
    log.appeal(AppealRequest(other, "another"), ANA, mask=str)
    log.close()
    again = open_log(tmp_path)
    with pytest.raises(Conflict):
        again.appeal(AppealRequest(one, "after a restart"), ANA, mask=str)
    assert [each.reason for each in again.appeals_to(again.find(one, ANA))] == [f"reason {n}" for n in range(20)]
    listed = again.appeals(AppealListParams(limit=200)).appeals
    assert [each.reason for each in listed] == ["another", *(f"reason {n}" for n in reversed(range(20)))]
    with pytest.raises(NotFound):
        again.appeal(AppealRequest("val_" + "1" * 32, "of nothing"), ANA, mask=str)
    assert again.verify().entries == 23
    again.close()


def test_a_secret_in_an_appeal_is_masked(tmp_path: Path) -> None:
    key = "ghp_" + "Zq8Lm2Xv9RtK4wYb7NcD1sFhJ6pG3aUeT0Vo"
    log = open_log(tmp_path)
    with keeping(log) as kept:
        said = _masked(kept.guardian, f"The token {key} is revoked.")
        long = _masked(kept.guardian, "nothing to hide here")
    assert key not in said
    assert said.startswith("The token ")
    assert long == "nothing to hide here"
    log.close()


def told(tmp_path: Path, made: Any, rules: tuple[Rule, ...] = ()) -> Any:
    log = open_log(tmp_path)
    log.record(ask("x"), made, ANA)
    entry = log.find(made.validation_id, ANA)
    answer = explain(entry, rules, appeals=[], chain=log.position(made.validation_id, ANA))
    log.close()
    return answer


def test_other_levels_follow_from_the_severities(tmp_path: Path) -> None:
    answer = told(tmp_path, verdict("REJECTED", finding("a.one", "high"), finding("a.two", "medium")))
    assert answer.at_levels == {"STRICT": "REJECTED", "BALANCED": "REJECTED", "PERMISSIVE": "REVIEW"}
    assert answer.decided_by == ["a.one"]
    assert answer.findings[1].leads_to == {"STRICT": "REVIEW", "BALANCED": "CONDITIONAL", "PERMISSIVE": "CONDITIONAL"}


def test_a_rule_that_is_gone_is_null_with_the_reason(tmp_path: Path) -> None:
    rule = Rule("one", "command", "It says one.", "care", "high", name="a.one")
    answer = told(tmp_path, verdict("REJECTED", finding("a.one", "high"), finding("a.gone", "high")), (rule,))
    assert [each.says for each in answer.findings] == ["It says one.", None]
    assert "no such rule" in answer.findings[1].reasons["says"]


def test_what_has_a_remedy_is_conditional_at_every_level(tmp_path: Path) -> None:
    """By the rule in force, or by what the log keeps of it where the rule is gone."""
    rule = Rule("key", "secret", "A key.", "care", "high", remedy="redact", name="secrets.key")
    found = finding("secrets.key", "high", category="secret"), finding("secrets.old", "high", category="secret")
    cure = Requirement("redact:secrets.old", "redact", "redact it", "secrets.old")
    answer = told(tmp_path, verdict("CONDITIONAL", *found, requirements=[cure]), (rule,))
    assert answer.at_levels == dict.fromkeys(("STRICT", "BALANCED", "PERMISSIVE"), "CONDITIONAL")
    assert answer.requirements == ["redact:secrets.old"]
    assert answer.decided_by == ["secrets.key", "secrets.old"]


def test_a_classifier_finding_is_told_by_its_hazard(tmp_path: Path) -> None:
    found = finding("harm.vcr", "high", category="vcr", detector="classifier", probability=0.9, threshold=0.7)
    answer = told(tmp_path, verdict("REJECTED", found))
    assert answer.findings[0].says == "A classifier sees violent crimes in it."
    assert (answer.findings[0].probability, answer.findings[0].threshold) == (0.9, 0.7)
    assert "a probability under 0.70" in answer.would_change[0]


def test_what_could_not_be_judged_has_no_other_level(tmp_path: Path) -> None:
    answer = told(tmp_path, verdict("REJECTED", reasons={"decision": "no verdict within 5 ms"}))
    assert answer.at_levels is None
    assert answer.reasons["at_levels"]
    assert answer.would_change == ["an action that can be judged: no verdict within 5 ms"]


def test_a_drifting_session_is_explained(tmp_path: Path) -> None:
    made = with_behaviour(verdict(), Behaviour("s", 1.0, 0.31, 14, "block"))
    answer = told(tmp_path, made)
    assert answer.decision == "REVIEW"
    assert answer.decided_by == ["behaviour.drift"]
    assert set(answer.at_levels.values()) == {"REVIEW"}
    assert "new session" in answer.would_change[0]


def test_an_entry_that_was_changed_does_not_hold(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    made = log.record(ask("x"), verdict("REJECTED", finding("a.one", "high")), ANA).validation_id
    assert log.position(made, ANA).holds
    (file,) = (tmp_path / "data" / "guardian" / "log").glob("*.jsonl")
    file.write_bytes(file.read_bytes().replace(b"REJECTED", b"APPROVED"))
    position = log.position(made, ANA)
    assert isinstance(position, ChainPosition)
    assert not position.holds
    log.close()
