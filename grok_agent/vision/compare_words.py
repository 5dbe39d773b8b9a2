"""The judgement on a comparison in one sentence, in English and in Chinese."""

from grok_agent.vision.compare_groups import Band, Bands, Likeness, StyleDifference

VERDICTS: dict[Band, tuple[str, str]] = {
    "consistent": ("The face is consistent", "面部一致"),
    "likely": (
        "Probably the same face, degraded or stylised",
        "很可能是同一张脸，但画质下降或经过风格化",
    ),
    "different": (
        "A different face, or one changed beyond recognition",
        "不是同一张脸，或改动过大而无法辨认",
    ),
}
TURNED = 10.0  # degrees from which a difference of the head's pose is named


def judgement(best: Likeness, band: Band, bands: Bands, n_references: int) -> tuple[str, str]:
    """English and Chinese; ``best`` is the likeness with the highest cosine."""
    assert best.cosine is not None
    en, zh = VERDICTS[band]
    needed = bands.consistent if band == "consistent" else bands.likely
    side, side_zh = ("below", "低于") if band == "different" else ("at least", "达到")
    most = " at best" if n_references > 1 else ""
    most_zh = "最高" if n_references > 1 else ""
    parts = [
        f"similarity {best.cosine:.2f}{most} ({side} {needed:.2f})",
        f"shape {best.shape or 0:.1f} % of the eye distance apart",
        _pose(best),
        f"picture {best.style.words}",
    ]
    parts_zh = [
        f"相似度{most_zh} {best.cosine:.2f}（{side_zh} {needed:.2f}）",
        f"形状相差眼距的 {best.shape or 0:.1f}%",
        _pose_zh(best),
        f"画面{best.style.words_zh}",
    ]
    return f"{en}: {', '.join(parts)}.", f"{zh}：{'，'.join(parts_zh)}。"


def refusal(reason: str, reason_zh: str, style: StyleDifference | None) -> tuple[str, str]:
    """What is said where the faces cannot be judged."""
    en = f"Not judged: {reason}" + (f"; picture {style.words}." if style else ".")
    zh = f"未作判断：{reason_zh}" + (f"；画面{style.words_zh}。" if style else "。")
    return en, zh


def _pose(best: Likeness) -> str:
    turned = [
        *_turn(best.yaw, "turned to the picture's right", "turned to the picture's left"),
        *_turn(best.pitch, "raised", "lowered"),
        *_turn(best.roll, "tilted clockwise", "tilted counter-clockwise"),
    ]
    return f"head {' and '.join(turned)}" if turned else "head posed alike"


def _pose_zh(best: Likeness) -> str:
    turned = [
        *_turn_zh(best.yaw, "向画面右侧转", "向画面左侧转"),
        *_turn_zh(best.pitch, "上抬", "下俯"),
        *_turn_zh(best.roll, "顺时针倾斜", "逆时针倾斜"),
    ]
    return f"头部{'、'.join(turned)}" if turned else "头部姿态相近"


def _turn(degrees: float | None, more: str, less: str) -> list[str]:
    if degrees is None or abs(degrees) < TURNED:
        return []
    return [f"{abs(degrees):.0f}° further {more if degrees > 0 else less}"]


def _turn_zh(degrees: float | None, more: str, less: str) -> list[str]:
    if degrees is None or abs(degrees) < TURNED:
        return []
    return [f"{more if degrees > 0 else less} {abs(degrees):.0f}°"]
