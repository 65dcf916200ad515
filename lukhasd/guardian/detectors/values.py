"""What a value looks like: generated, chosen by a person, a word, or something that only stands for a secret."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter

PLACEHOLDER = re.compile(
    r"(?i)example|placeholder|change[_-]?(?:me|it|this)|replace[_-]?(?:me|with|this)|insert[_-]|your[_-]?|x{4,}|"
    r"^\[[\w -]{2,40}\]$|\*{3,}|•{3,}|<[^>]{1,60}>|\$\{|\{\{|%\(|redacted|dummy|sample|"
    r"fill[_-]?(?:me|in)|goes[_-]?here|not[_-]?real|"
    r"_here\b|^(?:new|secure|my|some|any|old|the|this|enter|put|use|fake|mock|stub|todo|tbd|foo|bar|baz|default)[_-]|"
    r"^(?:password|secret|token|none|null|nil|true|false|test|string|undefined|empty|env|os\.|getenv|"
    r"process\.)|\.\.\."
)
REFERENCE = re.compile(
    r"(?i)^(?:\$[{(@]|\$\D{1,60}$|\$[A-Z_]+\d{0,2}$|%\w{1,60}%$|%[({]|%[sdvq]$|@\w{1,60}@$|@[a-z]+\.|"
    r"&\w+$|![a-z]+\s|\\\(|#\{|\[\[|\(\(|__\w+__$|(?:op|vault|ssm|secret|secrets|gcp|aws|az|azure|kv|env|file|ref|"
    r"https?|git|ssh|s3|gs|akv|doppler|awssm|secretsmanager|keyvault|keychain|bws)[:/]{1,3}[^\d]|"
    r"arn:|projects/|enc\[|\{(?:cipher|"
    r"vault|env)|!(?:vault|ref|sub|secret|env)|[~.]{0,2}/[\w.-]+/|[a-z]:\\|var\.|local\.|data\.|"
    r"module\.|self\.|this\.|"
    r"secrets?\.|env\.|config\.|settings\.|process\.env|os\.environ|system\.getenv|import\.meta|ansible_|lookup\()"
)
"""Names where the secret is to be found; the secret itself is elsewhere."""
HASHED = re.compile(
    r"(?i)^(?:\$(?:2[abxy]?|[156y]|argon2\w*|pbkdf2\S*|apr1|scrypt)\$|sha(?:1|224|256|384|512)[-:]|md5[-:]|\{s?sha)"
)
"""Digests: whoever reads one does not know what was digested."""
HEX_COLOUR = re.compile(r"#(?:[0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})")
UUID = re.compile(r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
STANDARD = frozenset(
    [
        "password",
        "passwd",
        "passw0rd",
        "pass",
        "passphrase",
        "pwd",
        "secret",
        "secrets",
        "token",
        "apikey",
        "admin",
        "administrator",
        "root",
        "user",
        "username",
        "guest",
        "test",
        "testing",
        "tester",
        "tests",
        "login",
        "postgres",
        "mysql",
        "mariadb",
        "redis",
        "mongo",
        "mongodb",
        "rabbitmq",
        "minio",
        "elastic",
        "oracle",
        "sa",
        "default",
        "changeme",
        "changeit",
        "letmein",
        "none",
        "null",
        "nil",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "required",
        "optional",
        "string",
        "str",
        "bytes",
        "text",
        "varchar",
        "number",
        "int",
        "integer",
        "bool",
        "boolean",
        "object",
        "array",
        "any",
        "void",
        "unknown",
        "undefined",
        "empty",
        "blank",
        "hidden",
        "masked",
        "foo",
        "bar",
        "baz",
        "foobar",
        "qux",
        "abc",
        "abcd",
        "abcdef",
        "hello",
        "world",
        "value",
        "data",
        "key",
        "name",
        "type",
        "demo",
        "local",
        "localhost",
        "development",
        "staging",
        "production",
        "prod",
        "dev",
        "ci",
        "build",
        "public",
        "private",
        "basic",
        "bearer",
        "oauth",
        "oauth2",
        "jwt",
        "jwks",
        "credentials",
        "credential",
        "keyring",
        "keychain",
        "prompt",
        "interactive",
        "stdin",
        "ask",
        "auto",
        "generate",
        "generated",
        "random",
        "inherit",
        "disabled",
        "enabled",
        "deny",
        "allow",
        "pass1234",
        "testpass",
        "testpassword",
        "testpw",
        "password1",
        "password12",
        "password123",
        "password1234",
        "pass123",
        "test123",
        "test1234",
        "admin123",
        "secret123",
        "token123",
        "mypassword",
        "mysecret",
        "mytoken",
        "mypass",
        "supersecret",
        "supersecretpassword",
        "topsecret",
        "s3cr3t",
        "sup3rs3cr3t",
        "12345",
        "123456",
        "1234567",
        "12345678",
        "123456789",
        "1234567890",
        "00000000",
        "11111111",
    ]
)
"""Values that documentation, tests and defaults use; whoever reads one learns nothing."""
DOCUMENTED = frozenset(
    [
        "1a5d44a2dca19669",
        "c6ea27c534f993d3",
        "78314b11be2e5815",
        "e21b597ba6b9cafa",
        "2cafc0970149a84f",
        "f2d6ca16515033e5",
        "7e8de44ea9ecf6d5",
        "0011cc25eb432071",
        "aa6547439583c3a2",
        "7f75367e78812551",
        "986c0dc956dc822b",
        "a3a9e1ed9732cab2",
        "e5855ff48799c52c",
        "12b9377cbe7e5c94",
        "f215faf9d88b7f0a",
        "07e23ede2756aa3f",
        "676e1a939d4008bb",
    ]
)
"""Beginnings of the SHA-256 of keys that providers print in their documentation, of emulators' fixed keys, of example
UUIDs and of digests of nothing. Digests, since the values themselves set off other scanners."""
COMMON_PAIRS = frozenset(
    group[0] + second
    for group in [
        "abcdgiklmnprstuvwy",
        "baeiloru",
        "cacehiklortu",
        "daeiorsu",
        "eacdefgilmnoprstvwxy",
        "faefiloru",
        "gaehilnorsu",
        "haeiotu",
        "iabcdefglmnoprstvz",
        "kaeis",
        "ladeilostuy",
        "mabeimopu",
        "nacdefgiknostu",
        "oabcdgiklmnoprstuvw",
        "paehiloprstu",
        "qu",
        "racdegiklmnorstuvy",
        "sacehilmopstu",
        "taehilorstuy",
        "uabcdegilmnprst",
        "vaeio",
        "waeio",
        "ze",
    ]
    for second in group[1:]
)
"""The letter pairs that 98 % of English words of four letters or more mostly consist of, and random letters do not:
the 230 commonest of BERT's vocabulary."""
PIECES = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}(?![a-z])")
WORD_PAIRS = 0.6


def entropy_bits(text: str) -> float:
    """Shannon entropy per character, in bits (Shannon 1948, eq. for H of a discrete source)."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values()) if total else 0.0


def kinds(value: str) -> int:
    """How many of lower-case letters, capitals, digits and other marks stand in `value`."""
    return sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"))


def word_share(value: str) -> float:
    """The share of `value` that reads as words, from 0 to 1, by the pairs of letters in its runs of three or more."""
    letters = 0
    for piece in PIECES.findall(value):
        pairs = [first + second for first, second in zip(piece.lower(), piece.lower()[1:], strict=False)]
        if len(piece) >= 3 and sum(pair in COMMON_PAIRS for pair in pairs) >= WORD_PAIRS * len(pairs):
            letters += len(piece)
    marks = len(re.findall(r"[\s_.:/-]", value))
    return letters / max(1, len(value) - marks)


def stepping_share(value: str) -> float:
    """The share of `value` in runs of four or more that repeat a character or count up or down (`1234`, `aaaa`)."""
    covered, at = 0, 0
    while at < len(value) - 1:
        step = ord(value[at + 1]) - ord(value[at])
        end = at + 1
        while end + 1 < len(value) and ord(value[end + 1]) - ord(value[end]) == step:
            end += 1
        if step in (-1, 0, 1) and end - at >= 3:
            covered += end - at + 1
        at = end
    return covered / max(1, len(value))


def documented(value: str) -> bool:
    return hashlib.sha256(value.encode()).hexdigest()[:16] in DOCUMENTED


def stands_in(value: str) -> bool:
    """Whether `value` only stands for a secret: a placeholder, a documented or default value, a pattern of the keys."""
    bare = value.strip("\"'`")
    return (
        PLACEHOLDER.search(bare) is not None
        or documented(bare)
        or bare.lower() in STANDARD
        or stepping_share(bare) > 0.6
        or len(set(bare)) < min(4, len(bare))
    )


def refers(value: str) -> bool:
    """Whether `value` names where a secret is, or is a digest or a colour."""
    return any(pattern.match(value) for pattern in (REFERENCE, HASHED)) or HEX_COLOUR.fullmatch(value) is not None


def random_looking(value: str) -> bool:
    """High entropy and no placeholder: a generated secret rather than a word."""
    return len(value) >= 16 and entropy_bits(value) >= 3.2 and not stands_in(value) and word_share(value) < 0.7


def token_like(value: str) -> bool:
    """A provider's key of the right form that is no placeholder: the form is proof enough, however it was made."""
    tail = re.split(r"[-_.]", value)[-1]
    return not PLACEHOLDER.search(value[7:]) and not documented(value) and stepping_share(tail) <= 0.8
