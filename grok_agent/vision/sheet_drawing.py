"""What is drawn over a picture, as SVG in the picture's own pixels."""

import math
from collections.abc import Iterable, Sequence

from grok_agent.vision.face_mesh import NAMED, NOSE_RIDGE, OUTLINES, POINTS

Shares = tuple[float, float, float, float]


def draw_face(points: Sequence[Sequence[float]]) -> str:
    """All landmarks (478, in pixels) as dots, the outlines as lines, the irises as rings."""
    size = math.dist(points[NAMED["right_cheekbone"]][:2], points[NAMED["left_cheekbone"]][:2])
    dot = size / 120
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{dot:.2f}"/>' for x, y, *_ in points[:POINTS]
    )
    lines = "".join(_line(points, outline, closed=True) for outline in OUTLINES.values())
    lines += _line(points, NOSE_RIDGE, closed=False)
    irises = "".join(_iris(points, centre) for centre in ("right_iris", "left_iris"))
    return (
        f'<g class="dots">{dots}</g>'
        f'<g class="lines" stroke-width="{dot * 1.2:.2f}">{lines}{irises}</g>'
    )


def draw_arrow(
    azimuth: float, elevation: float, width: int, height: int, boxes: Sequence[Shares]
) -> str:
    """An arrow that shows where the light comes from and falls, in the plane of the picture.

    Degrees: ``azimuth`` 0 from the camera, + from the picture's right; ``elevation`` + from above.
    It ends at the first of ``boxes``, else in the middle, and is shorter the nearer the light is to
    the camera.
    """
    side = math.cos(math.radians(elevation)) * math.sin(math.radians(azimuth))
    up = math.sin(math.radians(elevation))
    left, top, wide, high = boxes[0] if boxes else (0.4, 0.4, 0.2, 0.2)
    at_x, at_y = (left + wide / 2) * width, (top + high / 2) * height
    reach = max(wide * width, high * height)
    strength = math.hypot(side, up)
    if strength < 0.05:  # out of the camera: a ring
        return f'<g class="light"><circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="{reach / 4:.1f}"/></g>'
    toward = (side / strength, -up / strength)
    near, far = reach * 0.55, reach * (0.55 + 0.9 * strength)
    tip = (at_x + toward[0] * near, at_y + toward[1] * near)
    tail = (at_x + toward[0] * far, at_y + toward[1] * far)
    head = reach * 0.12
    across = (-toward[1] * head / 2, toward[0] * head / 2)
    back = (tip[0] + toward[0] * head, tip[1] + toward[1] * head)
    corners = (
        tip,
        (back[0] + across[0], back[1] + across[1]),
        (back[0] - across[0], back[1] - across[1]),
    )
    return (
        f'<g class="light"><line x1="{tail[0]:.1f}" y1="{tail[1]:.1f}" x2="{back[0]:.1f}" '
        f'y2="{back[1]:.1f}" stroke-width="{reach / 30:.2f}"/>'
        f'<polygon points="{_points(corners)}"/></g>'
    )


def _line(points: Sequence[Sequence[float]], indices: Sequence[int], *, closed: bool) -> str:
    kind = "polygon" if closed else "polyline"
    return f'<{kind} points="{_points([points[index][:2] for index in indices])}"/>'


def _iris(points: Sequence[Sequence[float]], centre: str) -> str:
    at = points[NAMED[centre]]
    rim = points[NAMED[centre] + 1]
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{math.dist(at[:2], rim[:2]):.1f}"/>'


def _points(pairs: Iterable[Sequence[float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)
