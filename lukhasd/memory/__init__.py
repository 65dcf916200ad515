"""What is remembered: stored, searched by words and meaning, and never another owner's."""

from lukhasd.memory.store import MemoryStore

__all__ = ["MemoryStore"]
