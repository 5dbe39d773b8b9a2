"""Rectangles among the flat areas of a screen or a diagram."""

from dataclasses import dataclass

import numpy as np

from grok_agent.vision.flat import MIXED
from grok_agent.vision.regions import Regions

SMALLEST_WIDTH, SMALLEST_HEIGHT = 14, 8  # px at the working size
_WHOLE_FRAME = 0.9
_COMPLETE = 0.82  # of a box's outline that must be its own: rounded corners miss some
_RIPPLES = 3  # px that JPEG adds around an area
_SAME_BOX = 4  # px between an outline and what it encloses
_THICKEST = 4  # px of an outline


@dataclass(frozen=True)
class Box:
    """A rectangle; ``right`` and ``bottom`` are the first pixel outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """In pixels."""
        return (self.right - self.left) * (self.bottom - self.top)

    def holds(self, other: "Box") -> bool:
        """Whether the other lies inside, borders included."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )

    def is_near(self, other: "Box") -> bool:
        """Whether it is the same box, up to its outline."""
        mine = (self.left, self.top, self.right, self.bottom)
        others = (other.left, other.top, other.right, other.bottom)
        return max(abs(a - b) for a, b in zip(mine, others, strict=True)) <= _SAME_BOX


def find_boxes(regions: Regions, size: tuple[int, int]) -> list[Box]:
    """Rectangles by falling area, an outline and what it encloses as one."""
    wide, high = regions.right - regions.left, regions.bottom - regions.top
    large = (wide >= SMALLEST_WIDTH) & (high >= SMALLEST_HEIGHT)
    large &= wide * high < _WHOLE_FRAME * size[0] * size[1]
    found = []
    for number in np.flatnonzero(large):
        edges = (regions.left, regions.top, regions.right, regions.bottom)
        around = [int(edge[number]) for edge in edges]
        box = _outlined(regions.of_pixel, int(number), Box(*around))
        if box is not None:
            found.append(_with_outline(regions, box))
    kept: list[Box] = []
    for box in sorted(found, key=lambda each: (-each.area, each.top, each.left)):
        if not any(box.is_near(other) for other in kept):
            kept.append(box)
    return kept


def _outlined(of_pixel: np.ndarray, number: int, box: Box) -> Box | None:
    """The box, less what ripples at its edges add, if the area is there all along its outline."""
    for inset in range(_RIPPLES + 1):
        left, top, right, bottom = box.left + inset, box.top + inset, box.right, box.bottom
        part = of_pixel[top : bottom - inset, left : right - inset] == number
        if min(part.shape) < SMALLEST_HEIGHT:
            return None
        sides = (part[0], part[-1], part[:, 0], part[:, -1])
        if all(float(side.mean()) >= _COMPLETE for side in sides):
            return Box(left, top, right - inset, bottom - inset)
    return None


def _with_outline(regions: Regions, box: Box) -> Box:
    """The box with the line of another colour around it, if that ends before the background."""
    own = regions.value[regions.of_pixel[box.top, box.left : box.right]]
    line = _colour_around(regions, box, 1)
    if line is None or line == int(np.bincount(own - MIXED).argmax()) + MIXED:
        return box
    for thickness in range(2, _THICKEST + 2):
        if _colour_around(regions, box, thickness) != line:
            more = thickness - 1
            return Box(box.left - more, box.top - more, box.right + more, box.bottom + more)
    return box


def _colour_around(regions: Regions, box: Box, distance: int) -> int | None:
    """The colour of all four sides at a distance outside the box, or None."""
    left, top = box.left - distance, box.top - distance
    right, bottom = box.right + distance - 1, box.bottom + distance - 1
    height, width = regions.of_pixel.shape
    if min(left, top) < 0 or right >= width or bottom >= height:
        return None
    of_pixel = regions.of_pixel
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    sides = [of_pixel[top, columns], of_pixel[bottom, columns]]
    sides += [of_pixel[rows, left], of_pixel[rows, right]]
    found = set()
    for side in sides:
        counts = np.bincount(regions.value[side] - MIXED)
        if counts.max() < _COMPLETE * len(side):
            return None
        found.add(int(counts.argmax()) + MIXED)
    return found.pop() if len(found) == 1 else None
