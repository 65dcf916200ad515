"""Dreams: different answers to one seed, and work on memory while nobody asks for anything."""

from lukhasd.dream.dreams import Dreams

__all__ = ["Dreams"]
