"""Contact sheets: pictures with what was measured drawn on them, as one page of HTML.

A sheet holds everything it shows, small copies of the pictures included, and runs no script. What
comes from files and their metadata is text to it.
"""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from grok_agent.errors import ToolError
from grok_agent.vision.compare_groups import ComparedFace, FaceComparison, Likeness
from grok_agent.vision.compare_seen import SeenPicture
from grok_agent.vision.compare_style import measure_look
from grok_agent.vision.decode import decode
from grok_agent.vision.features import extract
from grok_agent.vision.groups import ImageFeatures
from grok_agent.vision.sheet_drawing import draw_arrow, draw_face
from grok_agent.vision.sheet_page import Card, Row, View, fragment, page
from grok_agent.vision.sheet_rows import degrees, feature_rows

SHOWN_PX = 640  # longest side of the copies in a sheet
QUALITY = 82
CLOSE_UP_BELOW, ROOM = 0.3, 1.6  # shares of the width; a close-up is so much larger than the face

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Sheet:
    """A contact sheet; notebooks display it, :meth:`write` makes a file of it."""

    title: str
    cards: tuple[Card, ...]

    def _repr_html_(self) -> str:
        return fragment(self.title, self.cards)

    def document(self) -> str:
        """The whole page as HTML."""
        return page(self.title, self.cards)

    def write(self, path: Path) -> None:
        """Write the page as UTF-8. Raises ToolError where that is not possible."""
        try:
            path.write_text(self.document(), encoding="utf-8")
        except OSError as error:
            raise ToolError(
                f"{path} cannot be written: {error.strerror or error}.",
                next_step="Name another file.",
            ) from error


def contact_sheet(pictures: object, *, title: str = "Features 图像特征") -> Sheet:
    """A card for each picture: landmarks, light and palette drawn, figures beside them.

    ``pictures`` is one source or a list of them, as for :func:`grok_agent.vision.features.extract`.
    Without the extra ``[face]`` the cards show everything but the faces. Raises ToolError for what
    is no picture.
    """
    many = pictures if isinstance(pictures, list | tuple) else [pictures]
    return Sheet(title, tuple(_measured_card(one) for one in many))


def comparison_sheet(
    references: Sequence[SeenPicture],
    derived: Iterable[tuple[SeenPicture, FaceComparison]],
    *,
    title: str = "Faces compared 人脸对比",
) -> Sheet:
    """The references, then each derived picture with its scores and the judgement."""
    cards = [_reference_card(one) for one in references]
    cards += [_derived_card(seen, comparison) for seen, comparison in derived]
    return Sheet(title, tuple(cards))


def _measured_card(source: object) -> Card:
    decoded = decode(source)
    return _features_card(decoded.label, decoded.image, extract(source))


def _features_card(name: str, image: Image.Image, features: ImageFeatures) -> Card:
    width, height = image.size
    boxes = [face.box for face in features.faces.faces]
    drawn = [draw_face(points) for points in features.faces.drawn]
    light = features.light_direction
    if light.azimuth_deg is not None and light.elevation_deg is not None:
        drawn.append(draw_arrow(light.azimuth_deg, light.elevation_deg, width, height, boxes[:1]))
    largest = None
    if boxes:
        left, top, wide, high = boxes[0]
        largest = (left * width, top * height, wide * width, high * height)
    return Card(
        name=name,
        views=_views(image, "".join(drawn), largest),
        swatches=tuple(
            (one.hex, one.share, f"{one.name_en} {one.name_zh}") for one in features.palette.colours
        ),
        rows=tuple(feature_rows(features)),
    )


def _reference_card(seen: SeenPicture) -> Card:
    return _seen_card(seen, badge="reference 参考", tone="plain", rows=())


def _derived_card(seen: SeenPicture, comparison: FaceComparison) -> Card:
    score = f"{comparison.cosine:.2f} " if comparison.cosine is not None else ""
    band, band_zh = comparison.band or "not judged", comparison.band_zh or "未判断"
    rows = [row for one in comparison.references for row in _likeness_rows(one)]
    rows += [Row("note", "备注", note) for note in comparison.notes]
    return _seen_card(
        seen,
        badge=f"{score}{band} {band_zh}",
        tone=comparison.band or "plain",
        rows=rows,
        sentences=(comparison.sentence, comparison.sentence_zh),
        compared=comparison.derived,
    )


def _seen_card(
    seen: SeenPicture,
    *,
    badge: str,
    tone: str,
    rows: Sequence[Row],
    sentences: tuple[str, ...] = (),
    compared: ComparedFace | None = None,
) -> Card:
    overlay, box = "", None
    own = []
    if seen.face:
        pose, box = seen.face.pose, seen.face.detection.box
        overlay = draw_face(seen.face.landmarks.tolist())
        own.append(Row("face", "人脸宽度", f"{seen.face.detection.box[2]:.0f} px"))
        own.append(
            Row("yaw, pitch, roll", "偏航、俯仰、滚转", degrees(pose.yaw, pose.pitch, pose.roll))
        )
    if compared and compared.unfit:
        own.append(Row("not judged", "未判断", compared.unfit))
    return Card(
        name=seen.label,
        views=_views(seen.picture, overlay, box),
        swatches=tuple(
            (one.hex, one.share, f"{one.name.en} {one.name.zh}")
            for one in measure_look(seen.picture).palette.colours
        ),
        badge=badge,
        tone=tone,
        sentences=sentences,
        rows=(*own, *rows),
    )


def _likeness_rows(one: Likeness) -> list[Row]:
    rows = [Row("against", "对比", one.reference.name)]
    if one.cosine is not None:
        rows.append(Row("similarity", "相似度", f"{one.cosine:.3f}"))
    if one.shape is not None:
        rows.append(Row("shape, % of eye distance", "形状差（眼距%）", f"{one.shape:.1f}"))
    if one.yaw is not None and one.pitch is not None and one.roll is not None:
        rows.append(Row("head turned by", "头部转动", degrees(one.yaw, one.pitch, one.roll)))
    if one.skin is not None:
        rows.append(Row("skin ΔE00", "肤色差 ΔE00", f"{one.skin:.1f}"))
    rows.append(Row("palette ΔE00", "配色差 ΔE00", f"{one.style.palette:.1f}"))
    rows.append(Row("style", "风格", f"{one.style.words} / {one.style.words_zh}"))
    return rows


def _views(image: Image.Image, overlay: str, face: Box | None) -> tuple[View, ...]:
    """The whole picture, and a close-up of the same shape where the face is small in it."""
    whole = View(_copy(image), (0, 0, *image.size), overlay)
    if face is None or face[2] > CLOSE_UP_BELOW * image.width:
        return (whole,)
    left, top, wide, high = face
    scale = min(1.0, max(ROOM * wide / image.width, ROOM * high / image.height))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    corner = [
        round(min(max(0.0, middle - length / 2), full - length))
        for middle, length, full in zip(
            (left + wide / 2, top + high / 2), size, image.size, strict=True
        )
    ]
    box = (corner[0], corner[1], *size)
    part = image.crop((box[0], box[1], box[0] + size[0], box[1] + size[1]))
    return (whole, View(_copy(part), box, overlay))


def _copy(image: Image.Image) -> str:
    """A small JPEG as a data URL."""
    small = image.copy()
    small.thumbnail((SHOWN_PX, SHOWN_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
