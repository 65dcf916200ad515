"""One table of settings. TOML, environment, `--help`, `lukhas config` and the docs come from these Structs.

Precedence: flags > environment > config.toml > default. The environment name of `section.field` is
`LUKHAS_SECTION_FIELD`; `LUKHAS_PORT` is the short one of `daemon.port`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from lukhas_sdk.errors import ValidationError
from lukhas_sdk.paths import Paths, write_private

Meta = msgspec.Meta


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of a section of the table."""


class DaemonSettings(Section, frozen=True):
    host: Annotated[Literal["127.0.0.1", "localhost", "::1"], Meta(description="Loopback address to listen on")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port; 0 listens on the unix socket alone")] = 8000
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe level that is logged")
    ] = "info"
    log_max_bytes: Annotated[int, Meta(ge=10_000, description="Size at which the log is rotated")] = 5_000_000
    log_backups: Annotated[int, Meta(ge=0, le=100, description="Rotated logs that are kept")] = 3
    body_limit_bytes: Annotated[int, Meta(ge=1024, description="Largest request body that is read")] = 8_388_608
    max_connections: Annotated[int, Meta(ge=8, description="TCP connections served at once")] = 256
    max_in_work: Annotated[
        int, Meta(ge=0, description="Requests of one allowance in work at once; more wait their turn; 0: no bound")
    ] = 16
    longest_wait_ms: Annotated[
        int, Meta(ge=0, le=60_000, description="Time a request waits for its turn before it is told to come later")
    ] = 1000
    header_timeout_s: Annotated[
        float, Meta(gt=0, le=3600, description="Time a client has to send a request's head")
    ] = 10.0
    drain_timeout_s: Annotated[float, Meta(ge=0, le=3600, description="Time open requests have to finish on stop")] = (
        10.0
    )
    allowed_origins: Annotated[
        list[str], Meta(description="Web origins besides our own that may call, as http://host:port")
    ] = []


Supersession = Literal["auto", "flag", "off"]


class MemorySettings(Section, frozen=True):
    supersession: Annotated[
        Supersession,
        Meta(description="A new fact that contradicts an older one: end the older one, flag the two, or look at none"),
    ] = "auto"
    confirming: Annotated[
        Literal["local", "any", "off"],
        Meta(
            description="Language model that decides what supersession=auto is not certain of: one on this machine,"
            " any (memory text is sent to it unasked), or none"
        ),
    ] = "local"
    embedding_threads: Annotated[int, Meta(ge=1, le=64, description="Threads for computing embeddings")] = 1
    gate: Annotated[
        Literal["on", "off"],
        Meta(description="Decline junk and merge what memory says already; the guardian judges writes in either case"),
    ] = "on"
    embedder: Annotated[
        Literal["builtin", "openai"],
        Meta(description="What turns texts into vectors: the packaged model, or an OpenAI-compatible endpoint"),
    ] = "builtin"
    embedder_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://\S+)?$",
            description="Embeddings endpoint, as http://127.0.0.1:11434/v1; memory text is sent to it",
        ),
    ] = ""
    embedder_model: Annotated[str, Meta(description="Model to ask at that endpoint")] = ""
    embedder_dimensions: Annotated[
        int, Meta(ge=0, le=8192, description="Dimensions to ask it for; 0: the model's own")
    ] = 0
    embedder_timeout_s: Annotated[float, Meta(gt=0, le=3600, description="Time a batch of 32 texts may take")] = 60.0


class MatrizSettings(Section, frozen=True):
    context_tokens: Annotated[
        int, Meta(ge=50, le=100_000, description="Budget of memory text per answer, in tokens")
    ] = 800
    bio: Annotated[
        Literal["on", "off"],
        Meta(description="Six measured signals change depth, temperature, tokens and nodes within bounds; or nothing"),
    ] = "on"
    parallel: Annotated[int, Meta(ge=1, le=64, description="Queries of batches that are answered at a time")] = 2


class GuardianSettings(Section, frozen=True):
    ethics_level: Annotated[
        Literal["STRICT", "BALANCED", "PERMISSIVE"], Meta(description="How findings become a decision")
    ] = "STRICT"
    profile: Annotated[
        Literal["general", "agent", "community"],
        Meta(description="Whose thresholds apply: an assistant's user, a program that acts by itself, people who talk"),
    ] = "general"
    budget_ms: Annotated[int, Meta(ge=10, description="Time a verdict may take before it fails closed")] = 2000
    log_content: Annotated[
        Literal["hash", "redacted", "none"],
        Meta(description="What the verdict log keeps of what was judged: a keyed hash, its text redacted, or nothing"),
    ] = "hash"
    judge_base_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s@]+)?$",
            description="OpenAI-compatible endpoint of a second opinion, as http://127.0.0.1:11434/v1; what the"
            " classifier leaves undecided is sent to it; empty: none",
        ),
    ] = ""
    judge_model: Annotated[str, Meta(description="Model to ask there, as llama-guard3:1b")] = ""
    judge_timeout_ms: Annotated[
        int, Meta(ge=50, le=60_000, description="Time it may take; never more than guardian.budget_ms leaves")
    ] = 3000


class IdentitySettings(Section, frozen=True):
    key_store: Annotated[
        Literal["auto", "keyring", "file"],
        Meta(description="Where secrets are kept: the system keyring, or 0600 files; auto tries the keyring first"),
    ] = "auto"


class ModelSettings(Section, frozen=True):
    base_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://\S+)?$",
            description="OpenAI-compatible endpoint, as http://127.0.0.1:11434/v1; empty: none",
        ),
    ] = ""
    name: Annotated[str, Meta(description="Model to ask at that endpoint")] = ""
    timeout_s: Annotated[float, Meta(gt=0, le=3600, description="Time a draft may take")] = 60.0
    on_failure: Annotated[
        Literal["extractive", "error"],
        Meta(description="When the model fails: answer from memory and say so, or 504 MODULE_TIMEOUT"),
    ] = "extractive"
    weights: Annotated[
        str,
        Meta(
            description="GGUF weights that the daemon runs itself where no endpoint is set: the name of pulled ones, or"
            " a file's path"
        ),
    ] = ""
    context_tokens: Annotated[
        int, Meta(ge=512, le=1_000_000, description="Context of such weights, prompt and answer together, in tokens")
    ] = 4096
    threads: Annotated[
        int, Meta(ge=0, le=256, description="Threads that run such weights; 0: half of the processors")
    ] = 0


_PER_MINUTE = "Requests a minute to the {} operations, for each identity; 0: no limit"


class LimitsSettings(Section, frozen=True):
    process: Annotated[int, Meta(ge=0, description=_PER_MINUTE.format("process"))] = 60
    memory: Annotated[int, Meta(ge=0, description=_PER_MINUTE.format("memory"))] = 100
    consciousness: Annotated[int, Meta(ge=0, description=_PER_MINUTE.format("consciousness"))] = 100
    dream: Annotated[int, Meta(ge=0, description=_PER_MINUTE.format("dream"))] = 10
    guardian: Annotated[int, Meta(ge=0, description=_PER_MINUTE.format("guardian"))] = 600
    auth: Annotated[int, Meta(ge=1, description="Requests a minute for tokens, keys and identities")] = 30
    general: Annotated[int, Meta(ge=0, description=_PER_MINUTE.format("other"))] = 300
    websocket: Annotated[int, Meta(ge=0, description="Messages a minute on an identity's streams; 0: no limit")] = 1000


class JobsSettings(Section, frozen=True):
    kept_days: Annotated[
        int, Meta(ge=1, le=3650, description="Days that a job and its results are kept after it has ended")
    ] = 30


class DreamSettings(Section, frozen=True):
    consolidate: Annotated[
        Literal["off", "report", "apply"],
        Meta(description="What is done with the owner's memories while nobody asks for anything; each can be undone"),
    ] = "report"
    idle_minutes: Annotated[
        float, Meta(ge=0.001, le=10_080, description="How long nobody must have asked for anything before that")
    ] = 30.0
    new_memories: Annotated[
        int, Meta(ge=1, le=100_000, description="How many memories must have come since the last time")
    ] = 20
    longest_s: Annotated[
        float, Meta(gt=0, le=3600, description="Time a dream by a model may take; what is there by then is kept")
    ] = 110.0


class ConstellationSettings(Section, frozen=True):
    plugins: Annotated[
        list[str],
        Meta(description="Installed Python packages whose nodes are loaded; their code runs inside the daemon"),
    ] = []


class AuditSettings(Section, frozen=True):
    keep_days: Annotated[int, Meta(ge=1, le=3650, description="Days that the envelopes of events are kept")] = 90
    keep_rows: Annotated[int, Meta(ge=1000, description="Envelopes that are kept at most, the newest")] = 1_000_000


class WebhooksSettings(Section, frozen=True):
    allow_loopback: Annotated[
        Literal["on", "off"], Meta(description="Let webhooks be posted to programs on this machine")
    ] = "off"
    timeout_s: Annotated[float, Meta(gt=0, le=120, description="Time a receiver has to answer")] = 10.0
    attempts: Annotated[int, Meta(ge=1, le=20, description="Times a delivery is tried before it is dead")] = 8
    retry_s: Annotated[
        float, Meta(gt=0, le=3600, description="Pause after the first failure; each next one is four times as long")
    ] = 5.0
    kept_days: Annotated[int, Meta(ge=1, le=365, description="Days that a delivery is kept after it has ended")] = 7


class BudgetsSettings(Section, frozen=True):
    process_p95_ms: Annotated[float, Meta(gt=0, description="95 % of answers to process, without a model, within")] = (
        250.0
    )
    memory_p95_ms: Annotated[float, Meta(gt=0, description="95 % of memory's answers within")] = 50.0
    guardian_p95_ms: Annotated[float, Meta(gt=0, description="95 % of the guardian's verdicts within")] = 50.0
    auth_p95_ms: Annotated[float, Meta(gt=0, description="95 % of answers with new tokens within")] = 100.0
    error_budget: Annotated[float, Meta(gt=0, lt=1, description="Share of answers that may be failures (5xx)")] = 0.0001
    least_samples: Annotated[int, Meta(ge=1, description="Answers below which no budget is judged")] = 100


class ConsciousnessSettings(Section, frozen=True):
    emotion: Annotated[
        Literal["on", "off"],
        Meta(description="Measure what the words of an input express, and keep its valence with the fold"),
    ] = "on"


class Settings(Section, frozen=True):
    daemon: DaemonSettings = DaemonSettings()
    memory: MemorySettings = MemorySettings()
    matriz: MatrizSettings = MatrizSettings()
    guardian: GuardianSettings = GuardianSettings()
    identity: IdentitySettings = IdentitySettings()
    model: ModelSettings = ModelSettings()
    limits: LimitsSettings = LimitsSettings()
    constellation: ConstellationSettings = ConstellationSettings()
    budgets: BudgetsSettings = BudgetsSettings()
    jobs: JobsSettings = JobsSettings()
    dream: DreamSettings = DreamSettings()
    audit: AuditSettings = AuditSettings()
    webhooks: WebhooksSettings = WebhooksSettings()
    consciousness: ConsciousnessSettings = ConsciousnessSettings()


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    key: str
    env: str
    default: Any
    help: str
    type: Any
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Resolved:
    """A setting's value in force, and where it came from."""

    setting: Setting
    value: Any
    origin: Literal["flag", "environment", "file", "default"]


SHORT_ENV = {"daemon.port": "LUKHAS_PORT"}


def table() -> dict[str, Setting]:
    """Every setting by its key, in order."""
    rows: dict[str, Setting] = {}
    for section in msgspec.structs.fields(Settings):
        hints = get_type_hints(section.type, include_extras=True)
        for field in msgspec.structs.fields(section.type):
            key = f"{section.name}.{field.name}"
            annotation = hints[field.name]
            kind, meta = get_args(annotation)[:2]
            default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
            rows[key] = Setting(
                key=key,
                env=SHORT_ENV.get(key, f"LUKHAS_{section.name}_{field.name}".upper()),
                default=default,
                help=meta.description,
                type=annotation,
                choices=get_args(kind) if get_origin(kind) is Literal else (),
            )
    return rows


def parse(setting: Setting, text: str) -> Any:
    """The value that `text` (from a flag or the environment) means; lists are comma-separated."""
    raw: Any = text
    if isinstance(setting.default, list):
        raw = [part.strip() for part in text.split(",") if part.strip()]
    return check(setting, raw, strict=False)


def check(setting: Setting, value: Any, *, strict: bool = True) -> Any:
    try:
        return msgspec.convert(value, setting.type, strict=strict)
    except msgspec.ValidationError as error:
        allowed = f"; one of {', '.join(setting.choices)}" if setting.choices else ""
        raise ValidationError(f"{setting.key}: {error}{allowed}", field=setting.key, hint=setting.help) from None


def read_file(file: Path) -> dict[str, Any]:
    """The values that config.toml sets, by key. An unknown key or a bad value is an error that names it."""
    import tomllib

    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValidationError(f"{file} is not valid TOML: {error}", field=str(file), hint="mend or remove it") from None
    rows = table()
    values: dict[str, Any] = {}
    for section, entries in tree.items():
        for name, value in entries.items() if isinstance(entries, dict) else [("", entries)]:
            key = f"{section}.{name}" if name else section
            values[key] = check(known(rows, key, where=str(file)), value)
    return values


def known(rows: dict[str, Setting], key: str, *, where: str = "") -> Setting:
    if key not in rows:
        from difflib import get_close_matches

        near = get_close_matches(key, rows, n=1)
        hint = f"did you mean {near[0]}?" if near else "see: lukhas config list"
        raise ValidationError(f"no setting is called {key}{f' (in {where})' if where else ''}", field=key, hint=hint)
    return rows[key]


def resolve(paths: Paths, flags: dict[str, Any] | None = None) -> dict[str, Resolved]:
    """Every setting's value in force, by key."""
    flags = flags or {}
    in_file = read_file(paths.config_file)
    resolved: dict[str, Resolved] = {}
    for key, setting in table().items():
        if key in flags:
            resolved[key] = Resolved(setting, check(setting, flags[key]), "flag")
        elif setting.env in os.environ:
            resolved[key] = Resolved(setting, parse(setting, os.environ[setting.env]), "environment")
        elif key in in_file:
            resolved[key] = Resolved(setting, in_file[key], "file")
        else:
            resolved[key] = Resolved(setting, setting.default, "default")
    return resolved


def load(paths: Paths, flags: dict[str, Any] | None = None) -> Settings:
    tree: dict[str, dict[str, Any]] = {}
    for key, entry in resolve(paths, flags).items():
        section, name = key.split(".")
        tree.setdefault(section, {})[name] = entry.value
    return msgspec.convert(tree, Settings)


def save(paths: Paths, changes: dict[str, Any]) -> None:
    """Writes `changes` (key → value, None removes) to config.toml, whole or not at all; the rest of it stays."""
    import tomli_w

    rows = table()
    values = read_file(paths.config_file)
    for key, value in changes.items():
        setting = known(rows, key)
        if value is None:
            values.pop(key, None)
        else:
            values[key] = check(setting, value)
    tree: dict[str, dict[str, Any]] = {}
    for key in sorted(values):
        section, name = key.split(".")
        tree.setdefault(section, {})[name] = values[key]
    paths.config.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(paths.config_file, tomli_w.dumps(tree))
