# Each recipe is a command that a person could type.

# Install for development into the active environment.
install:
    pip install -e '.[dev]'

# Format, lint and check types.
check:
    ruff format --check .
    ruff check .
    mypy

# Run the tests.
test *options:
    pytest {{options}}

# Generate completions and man pages from the command tree.
docs:
    python scripts/generate_docs.py

# Run the benchmarks on the data in a folder.
bench data:
    python tests/benchmarks/bench_locomo.py --data {{data}}/memory/locomo-dev.json.gz
    python tests/benchmarks/bench_beam.py --data {{data}}/memory/beam-100k-dev --chats 5
    python tests/benchmarks/bench_cranfield.py --data {{data}}/memory/cranfield
    python tests/benchmarks/bench_supersession.py --data {{data}}/memory/fact-update-dev.jsonl.gz
    python tests/benchmarks/bench_guardian_shell.py {{data}}/guardian/shell.jsonl.gz
    for bench in time gate cascade kill scale bio; do python tests/benchmarks/bench_$bench.py; done

# What continuous integration runs.
ci:
    bash .ci/run
