"""Lines that hold secrets, to be filled in, and lines that only look like it; all written by hand."""
# ruff: noqa: E501

from __future__ import annotations

import random
import string
from pathlib import Path

LETTERS = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
LOWER = string.ascii_lowercase + string.digits
HEX = "0123456789abcdef"
URLSAFE = LETTERS + "-_"
B64 = LETTERS + "+/"
WORDS = (
    "harbour", "violet", "Copper", "tango", "Winter", "maple", "Falcon", "river", "Orbit", "candle", "Dragon", "marble",
    "sunset", "Gravel", "pepper", "Monday", "rocket", "Ginger", "atlas", "Walnut",
)  # fmt: skip


class Maker:
    """Makes secrets of the forms that providers use, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def of(self, alphabet: str, count: int) -> str:
        return "".join(self.random.choices(alphabet, k=count))

    def uuid(self) -> str:
        return "-".join(self.of(HEX, n) for n in (8, 4, 4, 4, 12))

    def password(self) -> str:
        """As people choose one: a word, digits, marks, in one of five orders."""
        pick = self.random
        word, digits, mark = pick.choice(WORDS), str(pick.randrange(2, 9999)), pick.choice("!#$%^*@_?+")
        other = pick.choice(WORDS).lower()
        return pick.choice((
            f"{word}{digits}{mark}", f"{word}{mark}{other}{digits}", f"{mark}{word.upper()}{digits}{other}",
            self.of(LETTERS + "!#%*", 12), word.replace("a", "@").replace("e", "3").replace("o", "0") + digits + other,
        ))  # fmt: skip

    def jwt(self) -> str:
        return f"eyJ{self.of(URLSAFE, 33)}.eyJ{self.of(URLSAFE, 70)}.{self.of(URLSAFE, 43)}"

    def pem(self) -> str:
        kind = self.random.choice(("RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED "))
        body = "\n".join(self.of(B64, 64) for _ in range(6))
        return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"

    def provider(self, kind: str) -> str:
        return "".join(
            part[1:] if part.startswith("=") else self.of(ALPHABETS[part[0]], int(part[1:]))
            for part in PROVIDERS[kind].split()
        )


ALPHABETS = {"A": LETTERS, "U": UPPER, "L": LOWER, "H": HEX, "S": URLSAFE, "B": B64, "D": string.digits, "T": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"}  # fmt: skip
PROVIDERS = {
    "aws": "=AKIA T16", "aws_temporary": "=ASIA T16", "github": "=ghp_ A36", "github_app": "=ghs_ A36",
    "github_fine": "=github_pat_ A22 =_ A59", "gitlab": "=glpat- S20", "gitlab_runner": "=glrt- S20",
    "slack_bot": "=xoxb- D12 =- D12 =- A24", "slack_app": "=xapp-1-A U10 =- D13 =- H64", "google": "=AIza S35",
    "google_client": "=GOCSPX- S28", "google_access": "=ya29. S120", "stripe": "=sk_live_ A24",
    "stripe_restricted": "=rk_live_ A99", "stripe_webhook": "=whsec_ A32", "sendgrid": "=SG. S22 =. S43",
    "mailgun": "=key- H32", "mailchimp": "H32 =-us14", "brevo": "=xkeysib- H64 =- A16", "twilio": "=SK H32",
    "npm": "=npm_ A36", "pypi": "=pypi-AgEIcHlwaS5vcmc S120", "rubygems": "=rubygems_ H48", "docker": "=dckr_pat_ S27",
    "openai": "=sk-proj- S48 =T3BlbkFJ S48", "openai_old": "=sk- A20 =T3BlbkFJ A20", "anthropic": "=sk-ant-api03- S93 =AA",
    "huggingface": "=hf_ A34", "groq": "=gsk_ A52", "replicate": "=r8_ A37", "perplexity": "=pplx- A48",
    "digitalocean": "=dop_v1_ H64", "databricks": "=dapi H32", "vault": "=hvs. S95", "terraform": "A14 =.atlasv1. S64",
    "doppler": "=dp.pt. A43", "pulumi": "=pul- H40", "planetscale": "=pscale_tkn_ A43", "fly": "=fo1_ S43",
    "tailscale": "=tskey-auth-k A11 =CNTRL- A32", "grafana": "=glsa_ A32 =_ H8", "newrelic": "=NRAK- U27",
    "sentry": "=sntryu_ H64", "dynatrace": "=dt0c01. U24 =. U64", "postman": "=PMAK- H24 =- H34",
    "notion": "=secret_ A43",
    "linear": "=lin_api_ A40", "airtable": "=pat A14 =. H64", "figma": "=figd_ S40", "atlassian": "=ATATT3xFfGF0 S170",
    "shopify": "=shpat_ H32", "square": "=sq0atp- S22", "telegram": "D10 =:AA S33", "discord": "=M S23 =. S6 =. S38",
    "hubspot": "=pat-na1- H8 =- H4 =- H4 =- H4 =- H12", "easypost": "=EZAK A54", "contentful": "=CFPAT- S43",
    "supabase": "=sbp_ H40", "heroku": "=HRKU-AA S58", "langsmith": "=lsv2_pt_ H32 =_ H10", "nvidia": "=nvapi- S64",
}  # fmt: skip

PROVIDER_CARRIERS = """
KEY = "{x}"
export SERVICE_KEY={x}
const client = new Client('{x}');
  token: {x}
curl -H "Authorization: Bearer {x}" https://api.internal.dev/v1/items
"credential": "{x}",
# old one, still valid: {x}
The key you asked for is {x}, please keep it to yourself.
ENV ACCESS {x}
client.connect(key={x!r})
<add key="Key" value="{x}" />
key={x};region=eu
""".strip().splitlines()

# {p} a password, {h} 32 hex digits, {H} 40, {W} 64, {a} 32 letters and digits, {b} 43 of base64, {u} a UUID,
# {w} 40 of base64
CARRIERS = r"""
password = "{p}"
password: {p}
DB_PASSWORD={p}
export PGPASSWORD='{p}'
spring.datasource.password={p}
"password": "{p}",
'password' => '{p}',
define('DB_PASSWORD', '{p}');
$dbPassword = "{p}";
const password = '{p}';
let adminPassword: string = "{p}";
private static final String PASSWORD = "{p}";
String dbPasswd = "{p}";
#define WIFI_PASSWORD "{p}"
conn.setPassword("{p}");
props.setProperty("db.password", "{p}");
props.put("password", "{p}");
var credentials = new NetworkCredential("svc_report", "{p}");
DriverManager.getConnection(url, "report", "{p}");
smtp.login("robot@harbour.io", "{p}")
requests.get(url, auth=("report", "{p}"))
<password>{p}</password>
<property name="connection.password">{p}</property>
<add key="SmtpPassword" value="{p}" />
Server=db1;Database=shop;User Id=app;Password={p};Encrypt=true
jdbc:mysql://db1:3306/shop?user=app&password={p}
postgres://app:{a}@db1.internal:5432/shop
mongodb+srv://app:{a}@cluster0.mongodb.net/shop
redis://:{a}@cache.internal:6379/0
amqp://app:{a}@mq.internal/vhost
https://deploy:{a}@git.internal/team/app.git
CREATE USER app IDENTIFIED BY '{p}';
ALTER USER app WITH PASSWORD '{p}';
mysqldump -u root -p'{p}' shop > shop.sql
sshpass -p '{p}' ssh deploy@10.0.3.4
curl -u deploy:{a} https://nexus.internal/repository
machine api.internal login deploy password {a}
docker login -u ci --password {a} registry.internal
$secure = ConvertTo-SecureString "{p}" -AsPlainText -Force
ansible_become_pass: {p}
  rootPassword: "{p}"
os.environ["DB_PASSWORD"] = "{p}"
self.password = "{p}"
if password == "{p}":
passwd: '{p}'
pwd={p}
wpa_passphrase={p}
"adminPass": "{p}"
LDAP_BIND_PW={a}
keystore.password={p}
api_key = "{a}"
apiKey: '{a}',
API_KEY={h}
"api_key": "{h}",
X-Api-Key: {a}
headers["X-API-Key"] = "{a}"
x_auth_token = "{a}"
access_token = '{a}'
ACCESS_TOKEN={H}
auth_token: "{h}"
const token = "{H}";
SECRET_KEY = '{b}'
secret_key_base: {W}
JWT_SECRET={b}
clientSecret: "{a}"
client_secret={b}
"clientSecret": "{a}",
OAUTH_CLIENT_SECRET="{h}"
app_secret = "{h}"
signing_key: {W}
encryption_key = "{W}"
ENCRYPTION_KEY={b}=
aws_secret_access_key = {w}
AWS_SECRET_ACCESS_KEY="{w}"
"SecretAccessKey": "{w}",
secretAccessKey: '{w}'
DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={w}{w}abc12Q==;EndpointSuffix=core.windows.net
Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={b}=
DATADOG_API_KEY={h}
TWILIO_AUTH_TOKEN={h}
cloudflare_api_token = "{a}"
HEROKU_API_KEY={u}
algolia_admin_key: "{h}"
//registry.npmjs.org/:_authToken={u}
//npm.internal/:_authToken={a}
_auth = {b}=
"auth": "{b}="
Authorization: Basic {b}=
Authorization: Bearer {a}
session_secret: "{a}"
private_token = "{a}"
webhook_secret: {h}
https://api.internal.dev/v1/items?api_key={a}
https://maps.internal.dev/tile?access_token={H}
- name: API_TOKEN\n  value: {a}
{{"name": "SERVICE_SECRET", "value": "{a}"}}
ENV API_TOKEN={a}
ARG NPM_TOKEN={a}
--token {a}
setx API_SECRET {a}
bot_token = "{a}"
MAPS_KEY = "{a}"
license_key: {a}
encryptionKey: Buffer.from("{W}", "hex")
master_key = b"{W}"
vault_token = "{a}"
db_credentials = "{p}"
salt_secret = "{b}"
""".strip().splitlines()

NEGATIVES = (
    (Path(__file__).resolve().parents[1] / "data" / "guardian" / "secret_look_alikes.txt")
    .read_text(encoding="utf-8")
    .splitlines()
)
"""Lines without a secret, one a line of the file."""


def positives(seed: int, rounds: int) -> list[tuple[str, str, str]]:
    """(kind, line, secret): every provider's form and every line, `rounds` times over."""
    maker = Maker(seed)
    rows: list[tuple[str, str, str]] = []
    for _ in range(rounds):
        for kind in PROVIDERS:
            secret = maker.provider(kind)
            rows.append((f"provider {kind}", maker.random.choice(PROVIDER_CARRIERS).format(x=secret), secret))
        for carrier in CARRIERS:
            parts = {"p": maker.password(), "h": maker.of(HEX, 32), "H": maker.of(HEX, 40), "W": maker.of(HEX, 64),
                     "a": maker.of(LETTERS, 32), "b": maker.of(B64, 43), "u": maker.uuid(),
                     "w": maker.of(B64, 40)}  # fmt: skip
            used = next(part for name, part in parts.items() if "{" + name + "}" in carrier)
            rows.append(("assigned", carrier.replace("\\n", "\n").format(**parts), used))
        rows.append(("private key", maker.pem(), "PRIVATE KEY"))
        rows.append(("jwt", f"token: {maker.jwt()}", "eyJ"))
    return rows
