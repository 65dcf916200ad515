"""The daemon: memory, pipeline and guardian, served on localhost."""
