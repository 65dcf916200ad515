"""`lukhas reason causal` and `query` through a real daemon, and the same over the client."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lukhas_sdk.aio import AsyncLukhasClient
from lukhas_sdk.client import LukhasClient
from lukhas_sdk.contract.causal import CausalResponse
from lukhas_sdk.paths import Paths

PAIR = (
    '{"event": "increased_study_time", "timestamp": "2024-01-10"}\n'
    '{"event": "improved_test_scores", "timestamp": "2024-01-15"}\n'
)
REFERENCE = ("causal_strength", "alternative_explanations", "confidence_interval", "recommendation")


def diary() -> str:
    chance = np.random.default_rng(12)
    days = np.sort(chance.choice(360, 60, replace=False))
    rows = [f"coffee,2025-{1 + day // 30:02}-{1 + day % 28:02}T08:{day % 60:02}:07Z" for day in days]
    rows += [row.replace("coffee", "headache").replace("T08", "T09") for row in rows[::2]]
    return "event,timestamp\n" + "\n".join(rows) + "\n"


def test_json_lines_give_every_field_of_the_reference(warm_home: Any) -> None:
    done = warm_home.run(
        "reason", "causal", "-", "--hypothesis", "study_time_causes_better_scores", "--json", input=PAIR, check=True
    )
    data = json.loads(done.stdout)["data"]
    assert all(name in data for name in REFERENCE)
    assert data["evidence"] == "insufficient" and data["alternative_explanations"][0]["probability"] > 0
    again = warm_home.run("reason", "causal", "-", "--cause", "increased_study_time", "--json", input=PAIR, check=True)
    assert json.loads(again.stdout)["data"] == data


def test_csv_is_answered_in_words(warm_home: Any, tmp_path: Path) -> None:
    file = tmp_path / "diary.csv"
    file.write_text(diary())
    done = warm_home.run("reason", "causal", str(file), "--hypothesis", "coffee causes headaches", check=True)
    rows = dict(line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
    assert rows["evidence"] == "very strong" and rows["direction"] == "forward" and "hours" in rows["delay"]
    assert "coin" in done.stdout


def test_a_window_of_the_options_is_taken(warm_home: Any) -> None:
    window = ("--since", "2023-01-01T00:00+00:00", "--until", "2024-12-31T00:00+00:00")
    done = warm_home.run(
        "reason", "causal", "-", "--cause", "increased_study_time", *window, "--json", input=PAIR, check=True
    )
    data = json.loads(done.stdout)["data"]
    assert data["window_s"] == 730 * 86_400 and not data["window_assumed"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("when,event\n1,2\n", "unknown column"),
        ('{"event": "a"}\n{"event": \n', "line 2"),
        ("event,value\na,much\n", "no number"),
        ("", "empty"),
        ('{"observations": [{"evnt": "a"}]}', "observations[0]: it has a field evnt, which is not known"),
        ('[{"event": " "}]', "stdin: observations[0].event: it is blank"),
        ('[{"event": "a", "timestamp": "yesterday"}]', "observations[0].timestamp: it is no date: write it as 2025-01"),
        ('[{"event": "a", "value": "much"}]', "observations[0].value: it is str, not float"),
        ("event,value\na,nan\n", "observations[0].value: the number is not finite"),
        ("event\n" + "a\n" * 2001, "observations: there are more than 2000"),
    ],
)
def test_files_that_cannot_be_read_are_a_usage_error(warm_home: Any, text: str, said: str) -> None:
    done = warm_home.run("reason", "causal", "-", "--cause", "a", input=text)
    assert done.returncode == 2 and said in done.stderr and not done.stdout


QUERY = {
    "edges": [["size", "treatment"], ["size", "outcome"], ["treatment", "outcome"]],
    "tables": [
        {
            "of": ["size", "treatment", "outcome"],
            "rows": [
                {"values": [size, treatment, outcome], "weight": weight}
                for (size, treatment), weights in {
                    ("small", "a"): (81, 6), ("large", "a"): (192, 71),
                    ("small", "b"): (234, 36), ("large", "b"): (55, 25),
                }.items()
                for outcome, weight in zip(("well", "ill"), weights, strict=True)
            ],
        }
    ],
    "do": {"treatment": "a"},
    "outcome": "outcome",
}  # fmt: skip


def test_a_query_prints_its_formula_and_the_difference_to_seeing(warm_home: Any) -> None:
    done = warm_home.run("reason", "query", "-", input=json.dumps(QUERY), check=True)
    assert "Σ_{size} P(size) P(outcome | size, treatment)" in done.stdout
    assert "outcome = well\t0.8325 if treatment = a is done\t0.78 where it is seen" in done.stdout
    wrong = warm_home.run("reason", "query", "-", input=json.dumps(QUERY | {"outcome": "age"}))
    assert wrong.returncode == 2 and "age is not in the graph" in wrong.stderr


def test_the_clients_say_the_same(warm_home: Any) -> None:
    rows = [json.loads(line) for line in PAIR.splitlines()]
    paths = Paths(*(warm_home.path / name for name in ("config", "data", "state", "run")))

    async def ask() -> CausalResponse:
        async with AsyncLukhasClient(paths=paths) as client:
            return await client.reasoning.causal(rows, cause="increased_study_time")

    with LukhasClient(paths=paths) as client:
        answer = client.reasoning.causal(rows, cause="increased_study_time")
        done = client.reasoning.causal_query(**QUERY)  # type: ignore[arg-type]
    assert asyncio.run(ask()) == answer
    assert done.distribution and done.distribution["well"] == pytest.approx(0.8325, abs=1e-4)
