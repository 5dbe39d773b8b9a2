"""The text-to-image prompt as data, in English and Chinese side by side.

The languages are parallel, never joined: a CLIP text encoder does not understand Chinese and
spends about three of its 77 tokens on each character. The JSON schema is one plain object without
unions, since gateways refuse others; list and text limits are checked here and told in the
descriptions, since gateways refuse ``maxItems`` and ``maxLength`` too.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from grok_agent.prompts.sizes import aspect_ratio_of, fits, ratio_of, size_for

SCHEMA_VERSION = 1
MAX_TITLE_CHARACTERS = 120
MAX_KEYWORDS = 200
MAX_KEYWORD_CHARACTERS = 200
MAX_TEXT_CHARACTERS = 4000

Source = Literal["measured", "model", "user"]
Sampler = Literal[
    "euler",
    "euler_ancestral",
    "heun",
    "dpm_2",
    "dpm_2_ancestral",
    "lms",
    "dpm_fast",
    "dpm_adaptive",
    "dpmpp_2s_ancestral",
    "dpmpp_sde",
    "dpmpp_2m",
    "dpmpp_2m_sde",
    "dpmpp_3m_sde",
    "ddim",
    "uni_pc",
    "lcm",
]
Scheduler = Literal[
    "normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta"
]
Target = Literal[
    "generic",
    "sdxl",
    "sd15",
    "sd3",
    "flux",
    "qwen-image",
    "z-image",
    "midjourney",
    "gpt-image",
    "grok-imagine",
]


class _Part(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False
    )


def _at_most(limit: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if len(text) > limit:
            raise ValueError(f"{len(text)} characters are too many; keep it to {limit}")
        return text

    return check


class Text(_Part):
    """One statement in both languages."""

    en: str = Field(default="", description="In English. 英文")
    zh: str = Field(default="", description="The same in Chinese. 中文")

    _lengths = field_validator("en", "zh")(_at_most(MAX_TEXT_CHARACTERS))

    @model_validator(mode="after")
    def _is_parallel(self) -> Self:
        if bool(self.en) != bool(self.zh):
            missing, given = ("zh", "en") if self.en else ("en", "zh")
            raise ValueError(f"{missing} is empty but {given} is not; say the same in both")
        return self


class Keyword(_Part):
    """One keyword in both languages, with its weight and where it comes from."""

    en: str = Field(description="The keyword in English, without weight syntax. 英文关键词")
    zh: str = Field(description="The same keyword in Chinese. 中文关键词")
    weight: float = Field(
        default=1.0, ge=0.1, le=2.0, description="Emphasis, 0.1 to 2.0, usually 1.0. 权重"
    )
    source: Source = Field(
        default="model",
        description="user: the user said it; measured: taken from a picture's measurements;"
        " model: added by you. 来源",
    )

    @field_validator("en", "zh")
    @classmethod
    def _is_short_and_present(cls, text: str) -> str:
        if not text:
            raise ValueError("is empty; give the keyword in both languages")
        return _at_most(MAX_KEYWORD_CHARACTERS)(text)

    def text(self, language: Literal["en", "zh"]) -> str:
        """The keyword in one language."""
        return self.en if language == "en" else self.zh


class Colour(_Part):
    """One colour of the palette."""

    hex: str = Field(description="The colour as #rrggbb. 色值")
    name_en: str = Field(description="Its name in English. 英文色名")
    name_zh: str = Field(description="Its name in Chinese. 中文色名")

    @field_validator("hex")
    @classmethod
    def _is_hex(cls, text: str) -> str:
        digits = text.removeprefix("#").lower()
        if len(digits) != 6 or set(digits) - set("0123456789abcdef"):
            raise ValueError(f'{text[:20]!r} is no colour; write it as "#c08040"')
        return f"#{digits}"

    @field_validator("name_en", "name_zh")
    @classmethod
    def _is_named(cls, text: str) -> str:
        if not text:
            raise ValueError("is empty; name the colour in both languages")
        return _at_most(MAX_KEYWORD_CHARACTERS)(text)


class Lora(_Part):
    """A small network laid over the image model."""

    name: str = Field(description="File name without its ending. 名称")
    weight: float = Field(default=1.0, ge=-2, le=2, description="Strength, -2 to 2. 权重")

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, text: str) -> str:
        if not text or set(text) & set("<>:\n"):
            raise ValueError(f"{text[:40]!r} is no name of a LoRA; leave out < > : and line breaks")
        return _at_most(MAX_TITLE_CHARACTERS)(text)


class Reference(_Part):
    """A reference picture that the image model shall follow."""

    image: str = Field(description="Its file name or SHA-256. 参考图")
    purpose: Literal["face", "style", "composition", "pose"] = Field(
        default="face", description="What is taken from it. 用途"
    )
    weight: float = Field(default=1.0, ge=0, le=2, description="Strength, 0 to 2. 权重")

    @field_validator("image")
    @classmethod
    def _is_named(cls, text: str) -> str:
        if not text:
            raise ValueError("is empty; name the picture")
        return _at_most(MAX_KEYWORD_CHARACTERS)(text)


class PromptSpec(_Part):
    """A structured text-to-image prompt. Sizes are pixels; lists keep their order.

    Raises pydantic's ValidationError; :func:`grok_agent.prompts.problems.explain` words it for
    whoever wrote the values and can mend them: a model in its next call, or a person.
    """

    title: str = Field(description="A short name for the prompt, at most 120 characters. 标题")
    subject: Text = Field(description="Who or what the picture shows, never empty. 主体")
    positive: list[Keyword] = Field(
        description="What the picture shall show, most important first, 1 to 200 keywords without"
        " repeats; the user's own words come before your additions. 正向关键词"
    )
    negative: list[Keyword] = Field(
        default=[],
        description="What it shall not show, at most 200 keywords, none of which is also"
        " positive. 负向关键词",
    )
    sentence: Text = Field(
        default=Text(), description="The whole prompt as flowing prose. 自然语言描述"
    )
    style: Text = Field(default=Text(), description="Style or genre. 风格")
    medium: str = Field(
        default="photograph",
        description="In English: photograph, oil painting, watercolour, ink wash painting,"
        " 3D render, illustration … 媒介",
    )
    camera: Text = Field(default=Text(), description="Camera, lens, aperture, film. 相机与镜头")
    light: Text = Field(default=Text(), description="Light: source, direction, quality. 光线")
    composition: Text = Field(
        default=Text(), description="Framing, shot size, angle, arrangement. 构图"
    )
    palette: list[Colour] = Field(
        default=[], description="The main colours, at most 12, largest share first. 色板"
    )
    identity: list[Keyword] = Field(
        default=[],
        description="Locked descriptors of the person, repeated word for word in every derivative;"
        " only what is known, never guessed; may be empty. 身份特征",
    )
    aspect_ratio: str = Field(
        default="",
        description='Width to height as "W:H", such as "2:3"; empty: taken from width and height.'
        " 画幅比例",
    )
    width: int = Field(
        default=1024,
        ge=64,
        le=4096,
        multiple_of=8,
        description="Width in pixels, a multiple of 8. If only aspect_ratio is given, width and"
        " height follow from it. 宽度",
    )
    height: int = Field(
        default=1024,
        ge=64,
        le=4096,
        multiple_of=8,
        description="Height in pixels, a multiple of 8. 高度",
    )
    steps: int = Field(default=30, ge=1, le=150, description="Sampling steps. 采样步数")
    sampler: Sampler = Field(default="dpmpp_2m", description="Sampler. 采样器")
    scheduler: Scheduler = Field(default="karras", description="Noise schedule. 调度器")
    cfg: float = Field(
        default=6.0, ge=0, le=30, description="Classifier-free guidance scale. 提示词引导系数"
    )
    seed: int = Field(
        default=-1, ge=-1, le=4_294_967_295, description="Seed; -1 is random. 随机种子"
    )
    loras: list[Lora] = Field(
        default=[], description="LoRA networks that the user named, at most 12. LoRA 模型"
    )
    references: list[Reference] = Field(
        default=[],
        description="Reference pictures that the image model shall follow, at most 12. 参考图",
    )
    target: Target = Field(
        default="generic", description="The image model that the prompt is meant for. 目标模型"
    )
    variants: list[Text] = Field(
        default=[],
        description="Ideas for further pictures of the same subject, at most 12, one sentence each."
        " 变体",
    )
    safety_note: str = Field(
        default="",
        description="What a person should know before using it: contradictions, things left out,"
        " doubts. Empty if nothing. 备注与安全提示",
    )
    version: int = Field(
        default=SCHEMA_VERSION,
        ge=SCHEMA_VERSION,
        le=SCHEMA_VERSION,
        description="Version of this schema, 1. 版本",
    )

    @property
    def positive_en(self) -> list[str]:
        """The positive keywords in English, in order."""
        return [keyword.en for keyword in self.positive]

    @property
    def positive_zh(self) -> list[str]:
        """The positive keywords in Chinese, in order."""
        return [keyword.zh for keyword in self.positive]

    def positive_text(self, language: Literal["en", "zh"]) -> str:
        """The positive keywords of one language, joined by that language's comma."""
        return _join(self.positive, language)

    def negative_text(self, language: Literal["en", "zh"]) -> str:
        """The negative keywords of one language, joined by that language's comma."""
        return _join(self.negative, language)

    @field_validator("title", "medium")
    @classmethod
    def _is_named(cls, text: str) -> str:
        if not text:
            raise ValueError("is empty; give a few words")
        return _at_most(MAX_TITLE_CHARACTERS)(text)

    @field_validator("subject")
    @classmethod
    def _has_subject(cls, subject: Text) -> Text:
        if not subject.en:
            raise ValueError("is empty; say who or what the picture shows, in en and zh")
        return subject

    _note_length = field_validator("safety_note")(_at_most(MAX_TEXT_CHARACTERS))

    @field_validator("positive")
    @classmethod
    def _shows_something(cls, keywords: list[Keyword]) -> list[Keyword]:
        if not keywords:
            raise ValueError("is empty; give at least one keyword")
        return keywords

    @field_validator("positive", "negative", "identity")
    @classmethod
    def _has_no_repeats(cls, keywords: list[Keyword]) -> list[Keyword]:
        if len(keywords) > MAX_KEYWORDS:
            raise ValueError(f"{len(keywords)} keywords are too many; keep {MAX_KEYWORDS}")
        seen: dict[str, int] = {}
        for index, keyword in enumerate(keywords):
            first = seen.setdefault(keyword.en.casefold(), index)
            if first != index:
                raise ValueError(f"{keyword.en!r} stands at {first} and {index}; keep one of them")
        return keywords

    @field_validator("loras", "references", "variants")
    @classmethod
    def _are_few(cls, entries: list[Any]) -> list[Any]:
        if len(entries) > 12:
            raise ValueError(f"{len(entries)} are too many; keep 12")
        return entries

    @field_validator("palette")
    @classmethod
    def _is_a_palette(cls, palette: list[Colour]) -> list[Colour]:
        if len(palette) > 12:
            raise ValueError(f"{len(palette)} colours are too many; keep the 12 largest")
        return palette

    @model_validator(mode="before")
    @classmethod
    def _size_follows_ratio(cls, values: Any) -> Any:
        """An aspect ratio without a size sets the size; a size without a ratio is handled after."""
        if not isinstance(values, dict) or "width" in values or "height" in values:
            return values
        ratio = values.get("aspect_ratio")
        if not isinstance(ratio, str) or not ratio.strip():
            return values
        width, height = size_for(ratio.strip())
        return {**values, "width": width, "height": height}

    @model_validator(mode="after")
    def _ratio_fits_size(self) -> Self:
        if not self.aspect_ratio:
            found = aspect_ratio_of(self.width, self.height)
            object.__setattr__(self, "aspect_ratio", found)
            self.__pydantic_fields_set__.add("aspect_ratio")
        elif not fits(self.aspect_ratio, self.width, self.height):
            width, height = size_for(self.aspect_ratio)
            raise ValueError(
                f"aspect_ratio {self.aspect_ratio} ({ratio_of(self.aspect_ratio):.2f}) does not"
                f" fit {self.width} x {self.height} ({self.width / self.height:.2f}); set"
                f" aspect_ratio to {aspect_ratio_of(self.width, self.height)}, or the size to"
                f" {width} x {height}"
            )
        return self

    @model_validator(mode="after")
    def _negative_is_not_positive(self) -> Self:
        wanted = _texts(self.positive) | _texts(self.identity)
        for index, keyword in enumerate(self.negative):
            if {keyword.en.casefold(), keyword.zh.casefold()} & wanted:
                raise ValueError(
                    f"negative.{index} {keyword.en!r} is positive too; remove it from one of them"
                )
        return self


def _texts(keywords: Iterable[Keyword]) -> set[str]:
    return {text.casefold() for keyword in keywords for text in (keyword.en, keyword.zh)}


def _join(keywords: Iterable[Keyword], language: Literal["en", "zh"]) -> str:
    return (", " if language == "en" else "，").join(word.text(language) for word in keywords)
