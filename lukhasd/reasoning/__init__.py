"""Reasoning: what follows from observations, rules and formulas, computed or proved, with its grounds."""
