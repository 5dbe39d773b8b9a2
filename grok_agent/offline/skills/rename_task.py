"""Understands sentences that ask for a rename, in English and in Chinese."""

import keyword
import re
from dataclasses import dataclass

KIND = (
    r"(?:functions?|func|methods?|class|variables?|var|constants?|const|symbols?|attributes?|fields?"
    r"|property|parameters?|param|arguments?|arg|identifiers?|names?|enum|struct|interface|type|macro"
    r"|global|helper|fixture|member|trait|decorator|exception|object)"
)
KIND_ZH = (
    r"(?:函数|方法|类|变量|常量|符号|属性|字段|参数|标识符|接口|枚举|结构体|类型|宏|装饰器|异常)"
    r"(?:名称|名)?"
)
NO_SYMBOL = re.compile(
    r"it|its|this|that|these|those|them|they|things|everything|all|any|some|each|every|one|the"
    r"|file|files|folder|folders|directory|directories|module|modules|package|packages"
    r"|branch|branches|repository|repo|project|column|columns|table|tables|page|tests|test"
    r"|functions|methods|classes|variables|constants|symbols|attributes|fields|properties"
    r"|parameters|arguments|identifiers|names|enums|types|function|method|class|variable"
    r"|constant|symbol|attribute|field|property|parameter|argument|identifier|name|to|as|into"
    r"|from|be",
    re.IGNORECASE,
)
NO_NAME = re.compile(
    r"be|something|the|match|use|make|follow|reflect|avoid|have|fit|better|more|our|my"
    r"|your|its|snake_case|camelcase|pascalcase|snakecase|kebab|lowercase|uppercase|lower"
    r"|upper|english|chinese|whatever|anything|improve|it|this|that",
    re.IGNORECASE,
)
ARTICLE = re.compile(r"an?\s+\w", re.IGNORECASE)
FILE_SUFFIX = re.compile(
    r".+\.(py|pyi|js|jsx|ts|tsx|go|rs|c|h|cc|cpp|hpp|java|kt|rb|php|cs|swift|sh|md|rst|txt|json"
    r"|toml|yaml|yml|ini|cfg|html|css|ipynb|sql|png|jpg)",
    re.IGNORECASE,
)
BARE = r"(?:[^\s`'\"“”‘’「」『』,;:!?()，。；：！？、（）]|::)+?"
ASCII_NAME = r"[A-Za-z_$][A-Za-z0-9_$.]*"
FILLER = (
    r"(?:(?:the|a|an|our|my|this|that)\s+)?"
    rf"(?:(?:[\w-]+\s+){{0,2}}{KIND}\s+(?:called\s+|named\s+)?)?"
)
ARROW = r"(?:->|=>|→|➜)"


def _name(group: str, bare: str) -> str:
    quoted = rf"[`'\"“‘「『]+(?P<{group}_quoted>[^`'\"”’」』\n]{{1,80}}?)(?:\(\))?[`'\"”’」』]+"
    return rf"(?:{quoted}|(?P<{group}>{bare}))(?:\(\))?"


END = r"(?=[\s,;:!?()，。；：！？、（）]|\.?\Z|\.\s)"
OLD, NEW = _name("old", BARE), _name("new", BARE) + END
PLACE = (
    r"(?:\s+(?:in|from|of|inside|on)\s+(?:the\s+)?(?:class\s+|file\s+|module\s+)?\S+"
    r"(?:\s+(?:class|file|module))?)?"
)
ENGLISH = [
    rf"\brenam(?:e|ing)\s*:?\s+(?:from\s+)?{FILLER}{OLD}(?:\s+{KIND})?{PLACE}"
    rf"\s*(?:\s(?:to|into|as)\s|{ARROW})\s*{FILLER}{NEW}",
    rf"\bchang(?:e|ing)\s+(?:the\s+)?name\s+of\s+{FILLER}{OLD}(?:\s+{KIND})?{PLACE}"
    rf"\s+(?:to|into)\s+{NEW}",
    rf"\b(?:chang(?:e|ing)|replac(?:e|ing))\s+(?:the\s+)?(?:{KIND}\s+)?name\s+(?:from\s+)?{OLD}"
    rf"\s+(?:to|into|with|by)\s+{NEW}",
    rf"\bchang(?:e|ing)\s+{FILLER}{_name('old', ASCII_NAME)}['’]s\s+name"
    rf"\s+(?:to|into)\s+{NEW}",
    rf"{_name('old', ASCII_NAME)}(?:\s+{KIND})?\s+"
    rf"(?:should|must|needs?\s+to|has\s+to|ought\s+to|shall)\s+(?:now\s+)?be\s+"
    rf"(?:re)?(?:named|called)\s+(?:to\s+|as\s+)?{NEW}",
    rf"\bgiv(?:e|ing)\s+{FILLER}{OLD}(?:\s+{KIND})?\s+the\s+(?:new\s+)?name\s+{NEW}",
]
OLD_ZH = _name("old", rf"{ASCII_NAME}|[\w.]+?")
NEW_ZH = _name("new", r"[A-Za-z0-9_$.-]+|[\w.]+")
CHINESE = [
    rf"(?:把|将)?\s*(?:{KIND_ZH})?\s*{OLD_ZH}\s*(?:这个|该)?\s*(?:{KIND_ZH})?\s*(?:的?(?:名字|名称))?"
    rf"\s*(?:统一|全部|都|一律)?\s*(?:重命名|重新命名|改名|更名)\s*(?:为|成|到|叫|作|{ARROW})?\s*{NEW_ZH}",
    rf"(?:重命名|重新命名|改名)\s*(?:一下)?\s*(?:{KIND_ZH})?\s*{OLD_ZH}\s*(?:为|成|到|{ARROW})\s*{NEW_ZH}",
    rf"(?:把|将)?\s*{KIND_ZH}\s*{OLD_ZH}\s*(?:的?(?:名字|名称))?\s*(?:改|换)(?:成|为|叫|作)\s*{NEW_ZH}",
    rf"(?:把|将)?\s*{OLD_ZH}\s*的(?:名字|名称)\s*(?:改|换)(?:成|为|叫|作)\s*{NEW_ZH}",
]
PATTERNS = [re.compile(p, re.IGNORECASE) for p in ENGLISH] + [re.compile(p) for p in CHINESE]
NOT_ASKED = re.compile(
    r"\b(?:don'?t|do\s+not|never|without)\s+(?:\w+\s+)?renam|(?:不要|别|无需|不用)\S{0,4}(?:重命名|改名)"
    r"|\A\s*(?:why|how|what|when|who|where|which|did|was|were|is|are)\b"
    r"|\b(?:an?|the)\s+rename\s"
    r"|\b(?:add|implement|support|write|create|build)\s+(?:(?!and\b|then\b)\w+\s+){0,3}renam",
    re.IGNORECASE,
)
ONLY_IN = re.compile(
    r"\bonly\s+(?:in|inside|within)\s+(?:the\s+)?(?:file\s+|folder\s+|module\s+)?[`'\"]?([\w./-]*\w)"
    r"|(?:只|仅)在\s*[`'\"]?([\w./-]*\w)",
    re.ASCII | re.IGNORECASE,
)
ROUTINE = re.compile(
    rf"\b{KIND}\b|\b(?:updat|fix|adjust|chang|includ)ing\b"
    r"|\b(?:please|kindly|can|could|would|you|i|want|need|to|like|let|us|let's|and|also|the|all|its?|in|of"
    r"|across|throughout|everywhere|whole|entire|every|each|only|repository|repo|project|codebase|code"
    r"|base|update|fix|adjust|change|uses?|usages?|callers?|references?|imports?|calls?|call|sites?"
    r"|occurrences?|tests?|docs?|documentation|readme|comments?|files?|places?|that|where|is|are|used"
    r"|for|me|this|keep|passing|sure|make|including|includes?|with|mentions?|keep|green)\b"
    r"|[`'\"]?(?:[\w.-]+/)+[\w.-]*[`'\"]?|[\w-]+\.py\b"
    r"|请|并|所有|全部|整个|仓库|项目|代码|中|的|更新|引用|调用|处|里|同时|一下|帮我|和|测试|文档|在|只|仅|把|将",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class RenameTask:
    """``old`` becomes ``new``; both are bare identifiers unless ``problem`` says otherwise."""

    old: str
    new: str
    owner: str = ""
    """The qualifier of a dotted name (``Store`` in ``Store.get``), else empty."""

    only_in: str = ""
    """The one path that the task limits the rename to, else empty."""

    more_asked: bool = False
    """The task says more than the rename and its usual company."""

    problem: str = ""
    """Why this rename cannot be done; empty when it can be tried."""


def read_rename(task: str) -> RenameTask | None:
    """Find the rename that a task asks for; None when it asks for something else."""
    if NOT_ASKED.search(task):
        return None
    for pattern in PATTERNS:
        for match in pattern.finditer(task):
            names = _names(match)
            if names:
                rest = task[: match.start()] + " " + task[match.end() :]
                return _judge(*names, rest)
    return None


def _names(match: re.Match[str]) -> tuple[str, str] | None:
    """The two names as written, unless the words cannot be meant as names."""
    old, new = (match[g] or match[f"{g}_quoted"] or "" for g in ("old", "new"))
    old, new = old.strip().rstrip("."), new.strip().rstrip(".")
    quoted = bool(match["old_quoted"] and match["new_quoted"])
    if not old or not new:
        return None
    if not quoted and (NO_SYMBOL.fullmatch(old) or NO_NAME.fullmatch(new)):
        return None
    if match["new"] and ARTICLE.match(match.string, match.start("new")):
        return None
    return None if _is_file(old, new) else (old, new)


def _is_file(old: str, new: str) -> bool:
    """Whether ``old`` names a file; ``c`` and ``h`` are names of attributes, too."""
    suffix = FILE_SUFFIX.fullmatch(old)
    return "/" in old or bool(suffix and (len(suffix[1]) > 1 or new.endswith("." + suffix[1])))


def _judge(old: str, new: str, rest: str) -> RenameTask:
    owner, _, old_name = old.replace("::", ".").replace("#", ".").rpartition(".")
    new_owner, _, new_name = new.replace("::", ".").replace("#", ".").rpartition(".")
    only = ONLY_IN.search(rest)
    only_in = (only[1] or only[2]) if only else ""
    leftover = ROUTINE.sub(" ", ONLY_IN.sub(" ", rest))
    return RenameTask(
        old_name,
        new_name,
        owner,
        only_in,
        more_asked=bool(re.search(r"\w", leftover)),
        problem=_problem(old_name, new_name, owner, new_owner),
    )


def _problem(old: str, new: str, owner: str, new_owner: str) -> str:
    for name in (old, new):
        if not name.isidentifier():
            return f"`{name}` is not a valid identifier."
        if keyword.iskeyword(name):
            return f"`{name}` is a keyword, not a name that can be given."
    if new_owner and new_owner != owner:
        return (
            f"`{owner + '.' if owner else ''}{old}` to `{new_owner}.{new}` asks for a move,"
            " and I can only rename within one place."
        )
    if old == new:
        return f"The old and the new name are the same, `{old}`."
    return ""
