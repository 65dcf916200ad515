"""Reasoning: what follows from observations, rules and formulas, computed."""
"""Reasoning: answers that are computed or proved, each with its grounds."""
