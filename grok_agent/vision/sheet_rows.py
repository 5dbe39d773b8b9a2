"""The figures that a contact sheet shows beside a picture, in English and Chinese."""

from collections.abc import Iterator

from grok_agent.vision.face_groups import Face
from grok_agent.vision.groups import ImageFeatures
from grok_agent.vision.sheet_page import Row


def feature_rows(features: ImageFeatures) -> Iterator[Row]:
    """A row for each measurement that is available."""
    yield from _whole(features)
    yield from _light(features)
    faces = features.faces
    for number, face in enumerate(faces.faces, start=1):
        yield from _face(face, str(number) if len(faces.faces) > 1 else "")
    if not faces.faces:
        yield Row("faces", "人脸", faces.reason or "none 无")
    if features.metadata.generator:
        yield Row("generator", "生成工具", features.metadata.generator)


def _whole(features: ImageFeatures) -> Iterator[Row]:
    size, file, kind = features.size, features.file, features.kind
    yield Row(
        "picture", "图片", f"{file.format}, {size.width} × {size.height} px, {size.aspect_ratio}"
    )
    if kind.kind:
        yield Row("kind", "类型", _both(kind.kind, kind.kind_zh))
    for colour in features.palette.colours:
        yield Row(colour.hex, f"{colour.share:.0%}", _both(colour.name_en, colour.name_zh))
    composition = features.composition
    if composition.shot:
        yield Row("shot", "景别", _both(composition.shot, composition.shot_zh))
    sharpness = features.sharpness
    if sharpness.rating:
        yield Row("sharpness", "清晰度", _both(sharpness.rating, sharpness.rating_zh))


def _light(features: ImageFeatures) -> Iterator[Row]:
    light, warmth = features.light, features.colour_temperature
    yield Row("key", "影调", f"{_both(light.key, light.key_zh)}, {light.brightness:.2f}")
    if warmth.cct_k is not None:
        doubt = ", uncertain 不确定" if warmth.disagree else ""
        yield Row("light colour", "光色", f"{warmth.cct_k} K{doubt}")
    direction = features.light_direction
    if direction.azimuth_deg is not None:
        yield Row(
            "light from",
            "光源方向",
            f"{_side(direction.azimuth_deg, 'right 右', 'left 左')}, "
            f"{_side(direction.elevation_deg or 0, 'above 上', 'below 下')}, R² {direction.r2}",
        )
    if direction.key_fill_stops is not None:
        yield Row("right over left", "右侧比左侧", f"{direction.key_fill_stops:+.1f} stops 档")
    if direction.pattern:
        yield Row("pattern", "布光", _both(direction.pattern, direction.pattern_zh))


def _face(face: Face, number: str) -> Iterator[Row]:
    pose, shape, look = face.pose, face.shape, face.expression
    yield Row(f"face {number}", f"人脸{number}", f"{face.width_px} px, {face.score:.2f}")
    yield Row(
        "yaw, pitch, roll",
        "偏航、俯仰、滚转",
        degrees(pose.yaw, pose.pitch, pose.roll),
    )
    yield Row(
        "shape", "脸型", f"{_both(shape.name, shape.name_zh)}, margin 差距 {shape.margin:.2f}"
    )
    yield Row(
        "mouth, smile", "嘴、笑容", f"{look.mouth} {look.mouth_zh}; {look.smile} {look.smile_zh}"
    )
    yield Row("eyes", "眼睛", _both(look.eyes, look.eyes_zh))
    if face.skin:
        yield Row("skin as photographed", "画面肤色", f"{face.skin.hex}, ITA {face.skin.ita:.0f}°")


def degrees(*angles: float) -> str:
    """Signed whole degrees; none of them is called minus zero."""
    return ", ".join(f"{round(angle):+d}°" for angle in angles)


def _side(angle: int, more: str, less: str) -> str:
    return f"{abs(angle)}° {more if angle >= 0 else less}"


def _both(en: str, zh: str | None) -> str:
    return f"{en} {zh}" if zh else en
