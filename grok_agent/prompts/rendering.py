"""A prompt as plain text for people, both languages side by side."""

from collections.abc import Iterable

from grok_agent.prompts.clip import CHUNK_TOKENS, clip_tokens
from grok_agent.prompts.schema import Keyword, PromptSpec, Text


def render(spec: PromptSpec) -> str:
    """``spec`` as plain text, a label in both languages on each line; empty fields are left out."""
    return "\n".join(
        [
            spec.title,
            *_statement("Subject 主体", spec.subject),
            *_words("Positive 正向", spec.positive),
            *_words("Negative 负向", spec.negative),
            *_statement("Sentence 描述", spec.sentence),
            *_statement("Style 风格", spec.style),
            f"Medium 媒介: {spec.medium}",
            *_statement("Camera 相机", spec.camera),
            *_statement("Light 光线", spec.light),
            *_statement("Composition 构图", spec.composition),
            *_palette(spec),
            *_words("Identity 身份特征", spec.identity),
            f"Size 尺寸: {spec.width} x {spec.height} px ({spec.aspect_ratio})",
            f"Sampling 采样: {spec.steps} steps, {spec.sampler}, {spec.scheduler},"
            f" CFG {spec.cfg:g}, seed {'random' if spec.seed < 0 else spec.seed}",
            f"Target 目标模型: {spec.target}",
            *(line for idea in spec.variants for line in _statement("Variant 变体", idea)),
            f"CLIP tokens 令牌: {_clip(spec)}",
            *([f"Note 备注: {spec.safety_note}"] if spec.safety_note else []),
        ]
    )


def _clip(spec: PromptSpec) -> str:
    size = clip_tokens(spec.positive_text("en"))
    return f"{size.tokens} of {CHUNK_TOKENS} in a chunk, {size.chunks} chunk(s)"


def _statement(label: str, text: Text) -> list[str]:
    return [f"{label}: {text.en}", f"  {text.zh}"] if text.en else []


def _words(label: str, keywords: Iterable[Keyword]) -> list[str]:
    listed = list(keywords)
    if not listed:
        return []
    english = ", ".join(_weighted(word.en, word.weight) for word in listed)
    chinese = "，".join(_weighted(word.zh, word.weight) for word in listed)
    return [f"{label}: {english}", f"  {chinese}"]


def _weighted(text: str, weight: float) -> str:
    return text if weight == 1 else f"{text} x{weight:g}"


def _palette(spec: PromptSpec) -> list[str]:
    colours = [f"{each.hex} {each.name_en} {each.name_zh}" for each in spec.palette]
    return [f"Palette 色板: {', '.join(colours)}"] if colours else []
