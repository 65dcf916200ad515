"""Models behind small protocols: embedders, and language models."""
