"""The guardian: what an action is, which rules it breaks, and one verdict."""

from lukhasd.guardian.guardian import Guardian

__all__ = ["Guardian"]
