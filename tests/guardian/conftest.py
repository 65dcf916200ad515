from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lukhas_sdk.contract.guardian import ActionType, EthicsLevel, GuardianAction, ValidateRequest, Verdict
from lukhas_sdk.settings import GuardianSettings
from lukhasd.guardian import Guardian
from lukhasd.records.metrics import Metrics

Judge = Callable[..., Verdict]


@pytest.fixture(scope="session")
def guardian() -> Iterator[Guardian]:
    made = Guardian.open(
        settings=GuardianSettings(budget_ms=10_000), policy_dir=Path("/nonexistent"), metrics=Metrics()
    )
    yield made
    made.close()


@pytest.fixture(scope="session")
def judge(guardian: Guardian) -> Judge:
    def run(content: str, type: ActionType = "user_input", level: EthicsLevel | None = None) -> Verdict:
        return guardian.judge(ValidateRequest(GuardianAction(type, content), level))

    return run
