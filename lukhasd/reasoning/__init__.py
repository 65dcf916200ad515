"""Reasoning: what follows from observations, rules and formulas, computed."""
