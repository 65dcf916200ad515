"""Trains the guardian's classifier: `python -m lukhasd.guardian.training --help`."""
