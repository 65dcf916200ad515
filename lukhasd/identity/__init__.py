"""People, tiers, tokens and keys."""

from lukhasd.identity.caller import Caller
from lukhasd.identity.identity import Identity

__all__ = ["Caller", "Identity"]
