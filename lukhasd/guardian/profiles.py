"""From which probability on a classifier's finding weighs what, by profile."""

from __future__ import annotations

import tomllib
from importlib import resources

import msgspec

from lukhas_sdk.contract.guardian import Profile, Severity


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    review: float
    reject: float

    def severity(self, probability: float) -> Severity | None:
        """high from `reject` on, medium from `review` on, None below."""
        return "high" if probability >= self.reject else "medium" if probability >= self.review else None

    def crossed(self, probability: float) -> float:
        """The threshold that `probability` is held against: the highest it reaches, or the first it does not."""
        return self.reject if probability >= self.reject else self.review


Profiles = dict[Profile, dict[str, Thresholds]]


def load_profiles() -> Profiles:
    """Per profile and column of the classifier. Raises where the packaged file is not whole."""
    raw = (resources.files("lukhasd.guardian") / "profiles.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(raw), Profiles)
