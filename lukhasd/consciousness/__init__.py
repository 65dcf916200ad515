"""What is attended to, read from what the pipeline does."""

from lukhasd.consciousness.awareness import AwarenessKeeper

__all__ = ["AwarenessKeeper"]
