"""The six stages, one module each: a function from what the stage takes to a frozen record of what it gives."""
