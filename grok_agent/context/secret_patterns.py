"""What secrets look like: the published formats of services, and values of telling names.

The formats are facts of their issuers' documentation. detect-secrets 1.5 was tried first: 90 kB/s
and a hit in every third line of source code make it unfit for every request; it also brings an HTTP
client along.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import log2

PLACEHOLDER = re.compile(r"hidden_secret_[a-z_]{2,30}?_[0-9a-f]{12}")
"""How a secret that was taken out is named."""


@dataclass(frozen=True)
class Form:
    """The form of one kind of secret: the group ``s``, else the whole match.

    Every match begins with one of ``marks``, or ``anywhere``, holds one. ``random`` says that the
    match must look as if it was drawn by lot, because words can have the form too.
    """

    kind: str
    marks: tuple[str, ...]
    regex: re.Pattern[str]
    random: bool = False
    anywhere: bool = False

    def matches(self, text: str) -> Iterator[re.Match[str]]:
        """All that has this form; looking at marks first is what makes it quick."""
        if self.anywhere:
            if any(mark in text for mark in self.marks):
                yield from self.regex.finditer(text)
            return
        for mark in self.marks:
            for at in _places(text, mark):
                if match := self.regex.match(text, at):
                    yield match


def _form(
    kind: str, marks: str, regex: str, *, random: bool = False, anywhere: bool = False
) -> Form:
    return Form(kind, tuple(marks.split()), re.compile(regex), random, anywhere)


def _places(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + len(word))


_B = r"(?<![A-Za-z0-9_-])"  # nothing before that it could be a part of
_E = r"(?![A-Za-z0-9_-])"

FORMS = (
    _form("aws_key_id", "AKIA ASIA ABIA ACCA", rf"{_B}A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{{16}}{_E}"),
    _form("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", rf"{_B}gh[pousr]_[A-Za-z0-9]{{36,255}}{_E}"),
    _form("github_token", "github_pat_", rf"{_B}github_pat_\w{{40,255}}{_E}"),
    _form(
        "gitlab_token", "glpat- gldt- glrt- glptt- glsoat-", rf"{_B}gl[a-z]{{2,5}}-[\w.-]{{20,}}"
    ),
    _form("slack_token", "xox xapp-", rf"{_B}(?:xox[abeoprs]|xapp)-[\w-]{{10,}}", random=True),
    _form(
        "slack_webhook",
        "hooks.slack.com",
        r"hooks\.slack\.com/services/(?P<s>T\w+/B\w+/\w{16,})",
        anywhere=True,
    ),
    _form(
        "stripe_key",
        "sk_live_ rk_live_ sk_test_ rk_test_",
        rf"{_B}[rs]k_(?:live|test)_[A-Za-z0-9]{{16,}}",
        random=True,
    ),
    _form("stripe_key", "whsec_", rf"{_B}whsec_[A-Za-z0-9+/=]{{24,}}", random=True),
    _form(
        "api_key",
        "sk- xai- gsk_ pplx- fw_ r8_ csk- nvapi-",
        rf"{_B}(?:sk|xai|pplx|csk|nvapi)-[A-Za-z0-9_-]{{20,}}|{_B}(?:gsk_|r8_|fw_)[A-Za-z0-9]{{20,}}",
        random=True,
    ),
    _form("huggingface_token", "hf_", rf"{_B}hf_[A-Za-z0-9]{{30,}}{_E}", random=False),
    _form("google_key", "AIza", rf"{_B}AIza[\w-]{{35}}{_E}"),
    _form("google_token", "ya29. GOCSPX-", rf"{_B}(?:ya29\.[\w-]{{20,}}|GOCSPX-[\w-]{{20,}})"),
    _form("npm_token", "npm_", rf"{_B}npm_[A-Za-z0-9]{{36}}{_E}"),
    _form("pypi_token", "pypi-AgE", rf"{_B}pypi-AgE[\w-]{{50,}}"),
    _form("docker_token", "dckr_pat_", rf"{_B}dckr_pat_[\w-]{{20,}}"),
    _form("digitalocean_token", "dop_v1_ doo_v1_ dor_v1_", rf"{_B}do[opr]_v1_[a-f0-9]{{64}}{_E}"),
    _form(
        "shopify_token",
        "shpat_ shpca_ shppa_ shpss_",
        rf"{_B}shp(?:at|ca|pa|ss)_[a-fA-F0-9]{{32}}{_E}",
    ),
    _form("sendgrid_key", "SG.", rf"{_B}SG\.[\w-]{{16,32}}\.[\w-]{{30,64}}{_E}"),
    _form("telegram_token", ":AA", rf"{_B}\d{{8,10}}:AA[\w-]{{32,34}}{_E}", anywhere=True),
    _form("databricks_token", "dapi", rf"{_B}dapi[a-f0-9]{{32}}(?:-\d)?{_E}"),
    _form("atlassian_token", "ATATT3", rf"{_B}ATATT3[\w=-]{{60,}}"),
    _form("linear_key", "lin_api_", rf"{_B}lin_api_[A-Za-z0-9]{{32,}}"),
    _form("notion_token", "ntn_", rf"{_B}ntn_[A-Za-z0-9]{{40,}}"),
    _form("vault_token", "hvs. hvb.", rf"{_B}hv[sb]\.[\w-]{{24,}}", random=True),
    _form("grafana_token", "glsa_ glc_", rf"{_B}gl(?:sa|c)_[A-Za-z0-9+/=_]{{32,}}", random=True),
    _form("age_key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    _form("new_relic_key", "NRAK-", rf"{_B}NRAK-[A-Z0-9]{{27}}{_E}"),
    _form("postman_key", "PMAK-", rf"{_B}PMAK-[a-f0-9]{{24}}-[a-f0-9]{{34}}{_E}"),
    _form("supabase_key", "sbp_", rf"{_B}sbp_[a-f0-9]{{40}}{_E}"),
    _form(
        "azure_key",
        "AccountKey= SharedAccessKey=",
        r"A(?:ccount|ccess)Key=(?P<s>[\w+/]{40,}={0,2})",
        anywhere=True,
    ),
    _form("web_token", "eyJ", rf"{_B}eyJ[\w-]{{8,}}\.eyJ[\w-]{{8,}}\.[\w-]{{16,}}"),
    _form(
        "bearer_token",
        "uthorization UTHORIZATION",
        r"(?:uthorization|UTHORIZATION)[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?i:bearer|basic|token)\s{1,4}"
        r"(?P<s>[\w.~+/-]{16,}={0,2})",
        random=True,
        anywhere=True,
    ),
    _form(
        "password",
        "://",
        r"://[^\s:/@\"'<>{}$]{0,64}:(?P<s>[^\s/@\"'<>{}$`\\]{3,128})@[\w.\[-]",
        anywhere=True,
    ),
)

PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?P<s>(?:[A-Za-z0-9+/=\s:,.]|\\[nr]){40,20000}+)"  # possessive: hostile texts cost no more
)
_KEY_PIECE = re.compile(
    r"(?:[A-Za-z0-9+/]{16,}={0,2}(?:\\n|\\r)*)+|(?<=\n)[A-Za-z0-9+/]{4,}={0,2}(?=\r?\n)"
)

_TELLING = (
    *("passw", "passphrase", "pwd", "secret", "token", "credential", "apikey", "accesskey"),
    *(f"{first}{mark}key" for mark in "_-" for first in ("api", "access", "private", "auth")),
    *(f"{first}{mark}key" for mark in "_-" for first in ("signing", "encryption", "account")),
)
"""A name with one of these in it, in whatever case, tells of a secret."""

_VALUE = re.compile(
    r"(?P<tail>[\w-]{0,40}+)[\"'\]]{0,3}+[ \t]{0,20}+"
    r"(?::[ \t]{0,4}[A-Za-z_][\w\[\]., |]{0,40}?[ \t]{0,4}(?==))?"  # a type
    r"(?:=>|:=|={1,3}|:)[ \t]{0,20}[bru]?"
    r"(?:(?P<q>[\"'`])(?P<quoted>(?:(?!(?P=q))[^\s\\]){8,512}+)(?P=q)"
    r"|(?P<bare>[\w+/=.~!@#%^&*$-]{12,512}+)(?![\w(\[.]))"
)
_HARMLESS_NAME = re.compile(
    r"hash|digest|sha\d|checksum|commit|etag|integrity|public|pub_|file|path|url|uri|name|type|count"
    r"|limit|length|size|max|min|expire|ttl|timeout|prefix|suffix|regex|pattern|format|algorithm"
    r"|policy|header|field|param|label|class|_ids?$|_at$|version|foreign|primary|sort|cache|column",
    re.IGNORECASE,
)
_STAND_IN = re.compile(
    r"example|sample|change.?me|your|dummy|fake|mock|placeholder|xxx|\*\*\*|\.\.\.|todo|redacted|<|>"
    r"|\$\{|\$\(|\{\{|%\(|%s|^\$|environ|process\.env|getenv|secrets\.|vault|lorem|test|foo|hidden_secret|\[.*\]",
    re.IGNORECASE,
)
_NAMES = re.compile(r"[A-Za-z_]\w*(?:(?:\.|::|->)[A-Za-z_]\w*)+")
_WORDS = re.compile(r"[A-Z]?[a-z]{4,}|[A-Z]{5,}")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"(?:[0-9a-f]{32,}|[0-9A-F]{32,})")


@dataclass(frozen=True)
class Found:
    """A secret in a text, from ``start`` to ``end``; it never goes over a line's end."""

    start: int
    end: int
    kind: str


def find(text: str) -> list[Found]:
    """The secrets in ``text``, in order, none inside another."""
    found = sorted([*_keys(text), *_of_forms(text), *_named(text)], key=lambda f: (f.start, -f.end))
    apart: list[Found] = []
    for each in found:
        if not apart or each.start >= apart[-1].end:
            apart.append(each)
    return apart


def looks_random(value: str) -> bool:
    """True when the kind of character changes about as often as if drawn by lot, and no word fills
    most of it."""
    digits = sum(character.isdigit() for character in value)
    letters = sum(character.isalpha() for character in value)
    if len(value) < 8 or digits < 2 or letters < 3 or len(set(value)) < 6:
        return False
    if _HEX.fullmatch(value):
        return _entropy(value) > 3
    if sum(map(len, _WORDS.findall(value))) > len(value) / 2:
        return False
    kinds = [_kind_of(character) for character in value]
    changes = sum(a != b for a, b in pairwise(kinds))
    return changes / (len(value) - 1) >= 0.3 and _entropy(value) > 2.5


def is_stand_in(value: str) -> bool:
    """True for what stands where a secret would: an example, a variable, a mask."""
    return bool(_STAND_IN.search(value)) or len(set(value)) < 4 or bool(_UUID.fullmatch(value))


def _kind_of(character: str) -> int:
    if character.isdigit():
        return 0
    return (1 if character.islower() else 2) if character.isalpha() else 3


def _entropy(value: str) -> float:
    shares = [value.count(character) / len(value) for character in set(value)]
    return -sum(share * log2(share) for share in shares)


def _keys(text: str) -> Iterator[Found]:
    """The lines of private keys, each by itself, so that a text keeps its lines."""
    if "PRIVATE KEY" not in text:
        return
    for key in PRIVATE_KEY.finditer(text):
        for piece in _KEY_PIECE.finditer(text, *key.span("s")):
            yield Found(*piece.span(), "private_key")


def _of_forms(text: str) -> Iterator[Found]:
    for form in FORMS:
        group = "s" if "s" in form.regex.groupindex else 0
        for match in form.matches(text):
            value = match[group]
            if "EXAMPLE" in value or (form.random and not looks_random(value)):
                continue
            if form.kind == "password" and (is_stand_in(value) or value.lower() in COMMON):
                continue
            yield Found(*match.span(group), form.kind)


COMMON = frozenset(
    "password passwd pass postgres root admin user guest mysql redis rabbitmq secret pw pwd".split()  # noqa: SIM905
)
"""Passwords in addresses of services on developers' machines and in manuals: no secrets."""


def _named(text: str) -> Iterator[Found]:
    """Values of names that tell of a secret."""
    lowered = text.replace("\u0130", "I").lower()  # the one letter that gets longer
    found = ((at, word) for word in _TELLING for at in _places(lowered, word))
    done = 0
    for at, word in sorted(found):
        match = _VALUE.match(text, at + len(word)) if at >= done else None
        if match is None:
            continue
        group = "quoted" if match["quoted"] else "bare"
        value = match[group]
        name = _name_before(text, at) + text[at : match.end("tail")]
        if _HARMLESS_NAME.search(name) or (group == "bare" and _NAMES.fullmatch(value)):
            continue
        if _is_secret(value, quoted=group == "quoted"):
            yield Found(*match.span(group), "password" if word.startswith("pa") else "token")
            done = match.end()


def _name_before(text: str, start: int) -> str:
    before = re.search(r"[\w-]{0,30}\Z", text[max(start - 30, 0) : start])
    return before[0] if before else ""


def _is_secret(value: str, *, quoted: bool) -> bool:
    if is_stand_in(value):
        return False
    if len(value) >= 16:
        return looks_random(value)
    kinds = {_kind_of(character) for character in value}
    return (quoted or len(value) >= 12) and len(kinds) >= 3 and looks_random(value)
