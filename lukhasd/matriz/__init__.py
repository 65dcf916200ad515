"""MATRIZ: memory → attention → thought → risk → intent → action. One stage's output is the next one's input."""
