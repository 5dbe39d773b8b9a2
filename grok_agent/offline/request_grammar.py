"""The words of a prompt request that carry no picture: what asks, joins, ends and negates.

All patterns are for folded text, see :func:`grok_agent.offline.lexicon.fold`.
"""

import re
from typing import Literal

Kind = Literal[
    "known",  # an entry of the lexicon, or a figure such as 85mm
    "unknown",  # a word that the lexicon does not have
    "join",  # 的: binds a modifier to its noun
    "stop",  # a word that carries no picture: of, at, 一位, 穿着
    "order",  # what asks for the picture: write a prompt for, 生成一张
    "and",
    "or",
    "but",
    "comma",
    "end",  # a sentence or a label ends here
    "setting",
    "not",  # negates up to the end of the clause
    "list of nots",  # "Negative prompt:": negates up to the end of the sentence
]


def _any(words: str) -> str:
    """One alternative for each of ``words``, the longest first."""
    return "|".join(sorted(words.split(), key=len, reverse=True)).replace("_", " ")


_ORDER = (
    r"(?:please |can you |could you |i (?:want|need|would like|'d like) (?:you to )?"
    r"|help me (?:to )?)?"
    r"(?:write|create|generate|make|draw|paint|design|produce|give|craft|turn|show)"
    r"(?: me| us| this into| it into)?(?: an?| the| some)?"
    r"(?: (?:detailed|structured|good|bilingual|ai|text to image|image generation"
    r"|stable diffusion|image|picture|prompts?|pic))*(?: (?:of|for|showing|depicting|with))?"
)
"""Stands at the start of a sentence only: "write a detailed prompt for"."""

_LABELS = (
    "subject|style|medium|lighting|light|camera|lens|composition|framing|mood|colou?rs?|palette"
    "|quality|setting|scene|background|pose|expression|outfit|clothing|hair|(?:positive )?prompts?"
    "|size|resolution|主体|人物|风格|媒介|光线|灯光|光影|相机|镜头|构图|氛围|色彩|颜色|色调|画质|质量|场景"
    "|背景|姿势|动作|表情|服装|服饰|发型|尺寸|分辨率|(?:正向|正面)?提示词"
)

_NEGATIVE_LABELS = (
    "negative(?: prompts?| keywords?)?|negatives|avoid|exclude|unwanted"
    "|(?:负面|反向|负向|否定)(?:提示词|关键词|词)?|不要|避免"
)

_NEVER = (
    r"(?:(?:i )?(?:do not|don't|dont|doesn't|does not|must not|should not|shouldn't|can't|cannot)"
    r"(?: (?:include|have|show|add|use|want|need|contain|put|draw|wear|make|be))?"
    r"|not(?! only| just)|no(?! longer| matter| doubt)|without|avoid(?:ing)?|exclud(?:e|ing)"
    r"|free of|never|minus)(?: (?:any|having|showing|wearing|a|an|the|to see))*"
)

_NEVER_ZH = _any(
    "不要有 不要出现 不要 没有 不带 不戴 不穿 不含 不包含 不包括 不出现 不需要 不想要 不能有 不可有"
    " 避免出现 避免 去除 去掉 排除 禁止 杜绝 请勿 勿 别有 别加 别出现 别画 无需 无"
)

_STOPS = _any(
    "a an the of in on at is are was were be been being to for by from into onto over under near"
    " beside behind between through as it its his her their this that these those he she they who"
    " whose which where while there very really also please prompt prompts image picture pic i me"
    " my we you your want need would like should must has have having wearing wears dressed"
    " featuring showing depicting including using let's then size text_to_image image_of"
    " picture_of prompt_for"
)

_ORDER_ZH = (
    "(?:请|帮我|给我|替我|为我|我想要|我想|我要|我需要|想要|需要|希望|能否|可以)*"
    "(?:生成|创作|创建|制作|绘制|画出|画|来|写)(?:一张|一幅|一个|一份|一条|一段|张|幅|个)"
)
_STOPS_ZH = _any(
    "请 帮我 给我 替我 为我 我想要 我想 我要 想要 需要 希望 能否"
    " 可以 生成 创作 创建 制作 绘制 画出 一个 一位 一名 一只 一条"
    " 一张 一幅 一件 一副 一座 一把 一顶 一双 一杯 一辆 一艘 一片"
    " 一束 一棵 一朵 一匹 一盏 一本 这个 那个 提示词 提示语 图片"
    " 图像 图画 画面 一下 穿着 身穿 身着 穿 戴着 佩戴 头戴 戴 手里"
    " 手中 有着 带有 带着 具有 拥有 正在 背景是 背景为 采用 使用"
    " 风格为 整体 的感觉 效果 着 了 在 是 有 很 非常 十分 从 被"
    " 让 用 关于 她 他 它 她们 他们 文生图 们 里 中 上 下 旁边 旁 前 后 边 间"
)

SENTENCE_START = re.compile(_ORDER)
_BY_KIND: tuple[tuple[Kind, str], ...] = (
    ("list of nots", rf"(?:{_NEGATIVE_LABELS})\s*:"),
    ("end", rf"(?:{_LABELS})\s*:"),
    ("not", _NEVER),
    ("not", _NEVER_ZH),
    ("or", _any("or nor 或者 或是 或")),
    ("and", _any("and plus & 以及 并且 并 和 与 及 还有")),
    ("but", _any("but however only with instead 但是 但 而是 只要 只有 而")),
    ("join", "的|之"),
    ("stop", _STOPS),
    ("order", _ORDER_ZH),
    ("stop", _STOPS_ZH),
)
PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _BY_KIND)

FIGURES: tuple[tuple[re.Pattern[str], str, str, str], ...] = tuple(
    (re.compile(pattern), en, zh, category)
    for pattern, en, zh, category in (
        (
            r"(\d{1,4})\s?mm(?: (?:prime |macro |portrait )?lens|\s?(?:镜头|焦距|定焦))?",
            "{}mm lens",
            "{}mm镜头",
            "camera",
        ),
        (
            r"f\s?/?\s?(\d{1,2}(?:\.\d)?)(?![\d:])(?: aperture|\s?光圈)?",
            "f/{} aperture",
            "f/{}光圈",
            "camera",
        ),
        (r"光圈\s?f?/?\s?(\d{1,2}(?:\.\d)?)", "f/{} aperture", "f/{}光圈", "camera"),
        (r"iso\s?(\d{2,6})", "ISO {}", "ISO {}", "camera"),
        (r"(1/\d{1,5})\s?(?:s|sec|second|秒)", "{} s shutter", "{}秒快门", "camera"),
        (r"(\d{4,5})\s?(?:k|kelvin)(?: colou?r temperature)?", "{} K light", "{}K色温", "light"),
        (
            r"(2|4|8|16)\s?k(?: resolution|\s?分辨率|\s?画质)?",
            "{}K resolution",
            "{}K分辨率",
            "quality",
        ),
        (r"(\d{1,3}) years? olds?|(?<![\d.])\d{1,3}\s?岁", "{}-year-old", "{}岁", "age"),
        (r"(\d{2})多岁", "{}-something", "{}多岁", "age"),
        (r"(#[0-9a-f]{6})", "{}", "{}", "colour"),
    )
)
"""Pattern of a figure, how it is said in English and Chinese, and its category."""

LETTERING = re.compile(
    r"(?:saying|says|reading|reads|titled|letters|text|words?|写着|字样|标题|文字)\s*:?\s*$"
)
"""Stands before a quotation that is to be written in the picture."""
