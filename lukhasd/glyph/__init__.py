"""The bus that events travel on inside the daemon, as GLYPH tokens."""

from lukhasd.glyph.bus import Bus, Delivery, Subscription

__all__ = ["Bus", "Delivery", "Subscription"]
