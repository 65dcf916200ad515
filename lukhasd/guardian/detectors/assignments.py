"""A value that is given to a secret-like name: is it a secret, or does it only look like one?"""

from __future__ import annotations

import re

from lukhasd.guardian.detectors.candidates import Candidate
from lukhasd.guardian.detectors.values import (
    UUID,
    entropy_bits,
    kinds,
    refers,
    stands_in,
    word_share,
)

NAME_BEFORE = re.compile(r"[\w.$-]{1,60}\Z")
PASSWORD_NAME = re.compile(
    r"(?i)pass(?!ed|ing|age|ive|enger|port|thr)|pwd|pword|passwo|mot_?de_?passe|contrase|kennwort|"
    r"senha|wachtwoord|_pw\b|^pw\b"
)
HARMLESS_AFTER = re.compile(
    r"(?i)(?:^|[_.-])(?:id|ids|name|names|type|types|url|urls|uri|path|paths|file|files|filename|dir|"
    r"length|len|size|min|max|count|"
    r"limit|usage|expir\w*|expires_in|ttl|timeout|age|policy|policies|rules?|regex|pattern|format|"
    r"label|title|placeholder|hint|"
    r"prompt|message|msg|error|text|desc\w*|field|fields|input|column|header|headers|param|params|enabled|required|"
    r"valid\w*|strength|reset\w*|forgot\w*|changed?|chang\w+|confirmation|requirements|visible|"
    r"visibility|hash|hashed|hashes|"
    r"digest|checksum|sha\d*|md5|fingerprint|alg|algorithm|algorithms|provider|class|style|color|"
    r"colour|icon|ref|refs|"
    r"version|var|variable|prefix|suffix|scopes?|endpoint|location|arn|manager|store|storage|index|tokenizer|"
    r"encoder|source|format|mode|status|state|kind|key_ref|key_id|keyid|keypath|keyname|button|form|"
    r"page|link|script|list|"
    r"at|on|by|date|time|created|updated|used|rotation|attempts?|budget|price|cost|rate|template|"
    r"service|handler|helper|"
    r"util|utils|factory|model|schema|table|engine|backend|plugin|module|package|test|tests|spec|docs?|example)$"
)
"""What a name may end in that says that its value is about a secret and is none."""
HARMLESS_NAME = re.compile(
    r"(?i)public|publish|pubkey|(?:max|min|num|total|input|output|completion|prompt|stop|pad|eos|bos|"
    r"unk|mask|sep|cls|special|"
    r"next|prev|page|pagination|continuation|sync|cursor|design|color|theme|syntax|lex|parse|"
    r"cancellation|no|without|forgot|reset|show|hide|toggle|has|is|use|enable|require|validate|check|"
    r"get|set|on)[_.-]tokens?$|"
    r"^(?:no|without|forgot|show|hide|toggle|has|is|use|enable|require|validate|check|get|on|handle|"
    r"compare|hash|encode)[_.-]|"
    r"(?:primary|foreign|partition|sort|range|cache|shortcut|hot|row|column|group|unique|composite|object|s3|bucket|"
    r"dict|map|json|translation|i18n|locale|message|label|query|event|state|storage|registry|react|item|data|"
    r"idempotency|dedup\w*|routing|shard|index|field|arrow|tab|escape|enter|public|site|host|config|setting)_?keys?$|"
    r"(?:com|by|tres|sur|encom|over|under|im)pass|keyboard|keyword|keynote|keypress|keydown|keyup|"
    r"monkey|donkey|turkey|hockey|jockey|keyframe|"
    r"nonce|integrity|checksum|digest|commit|revision|etag|sha\d|md5|color|css"
)
STUB = re.compile(
    r"(?i)\b(?:assert\w*|expect\w*|mock\w*|stub\w*|fake\w*|dummy|fixtures?|placeholder|"
    r"examples?:?(?![.@-])|e\.g\.|for instance|"
    r"should|it\(|describe\(|lorem|documentation|parametrize|invalid|wrong|nosec|noqa: ?s10\d|"
    r"pragma: allowlist secret|gitleaks:allow)(?!\w)"
)
"""A line of a test or of documentation; its values are made up."""
CALL_AFTER = re.compile(r"\s{0,2}(?:\(|\[|\.\w|->|::|\?\.)")
IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*)*[!?]?")
DOTTED = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*)+")
CODE = re.compile(r"[()\[\]]|=>|\\[nrtux]|&&|\|\||==|<\w|\w>|;\s|\+\s|\s\+")
KEYWORDS_ONLY = re.compile(
    r"(?i)(?:my|the|your|our|db|api|app|user|client|server|admin|root|super|top|very|secure|secret|"
    r"password|passwd|passphrase|"
    r"pass|pwd|token|key|auth|access|private|test|demo|dev|prod|new|old|strong|valid|correct|wrong|bad|good|some|"
    r"value|string|here|random|default|temp|tmp|[_.\s-]|\d{1,4}|[!?])+"
)
PATHLIKE = re.compile(
    r"(?:[\w.@-]+[/\\]){1,}[\w.@-]*|[\w-]+\.(?:txt|pem|key|crt|json|ya?ml|toml|py|js|ts|env|md|html?|"
    r"php|java|go|rb|conf|cfg|ini|xml|svg|png)"
)
URL = re.compile(r"(?i)[a-z][a-z0-9+.-]{1,12}://")


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").strip("_.$").lower()


def name_of(candidate: Candidate) -> str:
    """The whole name before the value, in snake case: the pattern's group `name` with what is written before it."""
    start = candidate.name_start
    before = NAME_BEFORE.search(candidate.text, max(0, start - 60), start)
    return snake((before.group() if before else "") + candidate.name)


def harmless_name(name: str) -> bool:
    last = re.split(r"[.]", name)[-1]
    return HARMLESS_AFTER.search(name) is not None or HARMLESS_NAME.search(last) is not None


def assigned_secret(candidate: Candidate) -> bool:
    """Whether a token, key or secret is given to its name, as in `api_key = "…"`."""
    value, name = candidate.value, name_of(candidate)
    if harmless_name(name) or PASSWORD_NAME.search(name) or not _possible(candidate):
        return False
    if UUID.fullmatch(value):
        return True
    if name.endswith("key") and not re.search(r"api|access|secret|private|auth|master|client|shared|app|encr", name):
        return len(value) >= 20 and entropy_bits(value) >= 3.0 and _mixed(value) and word_share(value) < 0.45
    if len(value) < 16:
        return len(value) >= 8 and kinds(value) >= 2 and _mixed(value) and word_share(value) < 0.5
    return entropy_bits(value) >= 3.0 and word_share(value) < 0.6 and (_mixed(value) or word_share(value) < 0.35)


def assigned_password(candidate: Candidate) -> bool:
    """Whether a password is given to its name, as in `db_password: "…"`."""
    value, name = candidate.value, name_of(candidate)
    if harmless_name(name) or not _possible(candidate):
        return False
    if len(value) < 6 and not (candidate.quoted and _mixed(value) and len(value) >= 5):
        return False
    if " " in value and word_share(value) > 0.6:
        return False
    marks = len(re.findall(r"[^\w.\s-]", value))
    if _mixed(value) or (marks and kinds(value) >= 3):
        return True
    if not marks and len(value) >= 8 and kinds(value) >= 2 and word_share(value) < 0.4:
        return True
    return len(value) >= 10 and word_share(value) < 0.3 and value.isalnum() and len(set(value)) >= 6


def _mixed(value: str) -> bool:
    return re.search(r"[A-Za-z]", value) is not None and re.search(r"[0-9]", value) is not None


def _possible(candidate: Candidate) -> bool:
    """What holds for passwords and keys alike: no reference, no placeholder, no code, not in a test."""
    value = candidate.value
    if stands_in(value) or refers(value) or KEYWORDS_ONLY.fullmatch(value) or STUB.search(candidate.line):
        return False
    if PATHLIKE.fullmatch(value) and word_share(value) > 0.5:
        return False
    if URL.match(value) or (DOTTED.fullmatch(value) and word_share(value) > 0.4):
        return False
    if candidate.quoted:
        return not (CODE.search(value) and word_share(value) > 0.3)
    if CALL_AFTER.match(candidate.text, candidate.end, candidate.end + 4):
        return False
    if IDENTIFIER.fullmatch(value) and word_share(value) > 0.75 and not re.search(r"\d{2}", value):
        return bool(candidate.operator == ":" and re.search(r"\d", value)) and "." not in value
    return CODE.search(value) is None
