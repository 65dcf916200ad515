"""Who is calling, as every part of the daemon sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lukhas_sdk.contract.base import Tier


@dataclass(frozen=True)
class Caller:
    """An authenticated identity. `identity_id` (a UUID) is the key; `lambda_id` is only its display form.

    `unlimited` is the machine's owner on the unix socket, whom no rate limit applies to.
    """

    identity_id: str
    lambda_id: str
    tier: Tier
    method: Literal["local_key", "api_key", "jwt"]
    key_id: str | None = None
    key_name: str | None = None
    expires_at: datetime | None = None
    unlimited: bool = False
