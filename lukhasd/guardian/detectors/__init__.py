"""Detectors: each looks for one kind of thing in the views of a content."""
