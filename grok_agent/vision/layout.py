"""The boxes of a screen or a diagram: where they are, what they line up with, how far apart."""

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from grok_agent.vision.boxes import SMALLEST_HEIGHT, Box, find_boxes
from grok_agent.vision.flat import flat_colours
from grok_agent.vision.group import Group
from grok_agent.vision.regions import find_regions
from grok_agent.vision.type_lines import type_heights

WORKING_SIDE_PX = 1600
MOST_BOXES = 40

_ALIGNED = 3  # px
_UNITS = (24, 20, 16, 12, 10, 8, 6, 5, 4)


class LayoutBox(BaseModel):
    """A rectangle, in pixels of the upright source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: int
    y: int
    width: int
    height: int
    inside: int | None = Field(default=None, description="Index of the box around it, from 0")


class LayoutGroup(Group):
    """Measured on flat colours; lengths are pixels of the upright source."""

    boxes: list[LayoutBox] = Field(default_factory=list, description="The largest first")
    n_boxes: int | None = None
    columns: int | None = Field(default=None, description="Most boxes side by side")
    rows: int | None = Field(default=None, description="Most boxes one above the other")
    aligned_x: list[int] = Field(
        default_factory=list, description="Left or right edges that boxes share"
    )
    aligned_y: list[int] = Field(
        default_factory=list, description="Upper or lower edges that boxes share"
    )
    alignment: float | None = Field(
        default=None, description="Boxes with an edge that another box shares, 0-1"
    )
    gaps: list[int] = Field(default_factory=list, description="Common distances, often first")
    spacing_unit: int | None = Field(
        default=None, description="The length that all common distances are multiples of"
    )
    type_sizes: list[int] = Field(
        default_factory=list, description="Heights of lines of type, ascender to descender"
    )


def measure_layout(image: Image.Image, source_width: int) -> LayoutGroup:
    """Rectangles, alignment, spacing and sizes of type of a screen or diagram.

    ``image`` is the upright picture, ``source_width`` the width of its source in pixels. A box is a
    connected area of one colour (Shiloach & Vishkin 1982) that fills the outline of its own
    bounding box; type is what is too small to be a box, run together along its lines (Wong, Casey &
    Wahl 1982).
    """
    scale = min(1.0, WORKING_SIDE_PX / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    working = image if size == image.size else image.resize(size, Image.Resampling.BOX)
    if min(size) < 2 * SMALLEST_HEIGHT:
        return LayoutGroup(available=False, reason="the picture is too small for boxes")
    regions = find_regions(flat_colours(np.asarray(working)))
    boxes = find_boxes(regions, size)
    back = source_width / size[0]
    heights = type_heights(regions, size)
    if not boxes and not heights:
        return LayoutGroup(available=False, reason="no boxes and no lines of type were found")
    return _described(boxes, heights, back, size)


def _described(
    boxes: Sequence[Box], heights: Sequence[int], back: float, size: tuple[int, int]
) -> LayoutGroup:
    def px(length: float) -> int:
        return round(length * back)

    parents = [_parent(number, boxes) for number in range(len(boxes))]
    across = _gaps([(b.left, b.right, b.top, b.bottom) for b in boxes], parents)
    down = _gaps([(b.top, b.bottom, b.left, b.right) for b in boxes], parents)
    gaps = _common([px(gap) for gap in (*across, *down)])
    lines_x = _shared([(b.left, b.right) for b in boxes])
    lines_y = _shared([(b.top, b.bottom) for b in boxes])
    return LayoutGroup(
        method="flat connected areas that fill their outline (Shiloach & Vishkin 1982); "
        "type by run-length smearing (Wong, Casey & Wahl 1982)",
        confidence=0.7 if len(boxes) > 1 else 0.4,
        n_pixels=size[0] * size[1],
        boxes=[
            LayoutBox(
                x=px(box.left),
                y=px(box.top),
                width=px(box.right - box.left),
                height=px(box.bottom - box.top),
                inside=parent if parent is not None and parent < MOST_BOXES else None,
            )
            for box, parent in zip(boxes[:MOST_BOXES], parents, strict=False)
        ],
        n_boxes=len(boxes),
        columns=_most_in_line([(b.top, b.bottom) for b in boxes], parents),
        rows=_most_in_line([(b.left, b.right) for b in boxes], parents),
        aligned_x=[px(line) for line in lines_x],
        aligned_y=[px(line) for line in lines_y],
        alignment=_alignment(boxes, lines_x, lines_y),
        gaps=gaps,
        spacing_unit=_unit(gaps),
        type_sizes=_common([px(height) for height in heights]),
    )


def _parent(number: int, boxes: Sequence[Box]) -> int | None:
    """The smallest box around this one; boxes come by falling area."""
    around = (i for i in range(number - 1, -1, -1) if boxes[i].holds(boxes[number]))
    return next(around, None)


def _gaps(spans: Sequence[tuple[int, int, int, int]], parents: Sequence[int | None]) -> list[int]:
    """Distances to the next box of the same parent: begin, end; begin and end across."""
    found = []
    for i, (_, end, low, high) in enumerate(spans):
        after = [
            begin - end
            for j, (begin, _, other_low, other_high) in enumerate(spans)
            if parents[i] == parents[j]
            and begin >= end
            and min(high, other_high) > max(low, other_low)
        ]
        if after and min(after) > 0:
            found.append(min(after))
    return found


def _common(lengths: Iterable[int]) -> list[int]:
    """At most five lengths, the commonest first; those a pixel apart are one."""
    counts: dict[int, int] = {}
    for length in sorted(lengths):
        near = next((known for known in counts if abs(known - length) <= 1), length)
        counts[near] = counts.get(near, 0) + 1
    return sorted(counts, key=lambda length: (-counts[length], length))[:5]


def _unit(gaps: Sequence[int]) -> int | None:
    """The greatest usual unit that every common gap is a multiple of, within a pixel."""
    if not gaps:
        return None
    fits = (
        unit for unit in _UNITS if all(abs(gap - round(gap / unit) * unit) <= 1 for gap in gaps)
    )
    return next((unit for unit in fits if unit <= min(gaps) + 1), None)


def _shared(edges: Sequence[tuple[int, int]]) -> list[int]:
    """Places where edges of at least two boxes meet, from the left or the top."""
    places = sorted((place, number) for number, pair in enumerate(edges) for place in pair)
    lines: list[list[tuple[int, int]]] = []
    for place, number in places:
        if lines and place - lines[-1][0][0] <= _ALIGNED:
            lines[-1].append((place, number))
        else:
            lines.append([(place, number)])
    return [line[0][0] for line in lines if len({number for _, number in line}) > 1]


def _alignment(
    boxes: Sequence[Box], lines_x: Sequence[int], lines_y: Sequence[int]
) -> float | None:
    if len(boxes) < 2:
        return None

    def on(place: int, lines: Sequence[int]) -> bool:
        return any(0 <= place - line <= _ALIGNED for line in lines)

    aligned = [
        any(on(x, lines_x) for x in (box.left, box.right))
        or any(on(y, lines_y) for y in (box.top, box.bottom))
        for box in boxes
    ]
    return round(sum(aligned) / len(boxes), 2)


def _most_in_line(spans: Sequence[tuple[int, int]], parents: Sequence[int | None]) -> int | None:
    """The most boxes of one parent that begin and end at the same places."""
    if not spans:
        return None
    return max(
        sum(
            parents[i] == parents[j] and max(abs(a - c), abs(b - d)) <= _ALIGNED
            for j, (c, d) in enumerate(spans)
        )
        for i, (a, b) in enumerate(spans)
    )
