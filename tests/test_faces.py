"""Faces: found where they are, measured the same from every side, and nobody's gender guessed."""

import importlib.machinery
import importlib.util
import json
import shutil
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from grok_agent.errors import ToolError
from grok_agent.vision import face_models, faces
from grok_agent.vision.face_graph import with_true_inputs
from grok_agent.vision.face_groups import Face, FacesGroup
from grok_agent.vision.face_mesh import canonical_mesh, mirror_indices, normals_of, skin_indices
from grok_agent.vision.face_pose import fit_similarity, measure_pose
from grok_agent.vision.face_ratios import SHAPES, Ratios, classify_shape
from grok_agent.vision.face_skin import measure_skin
from grok_agent.vision.faces import measure_faces
from grok_agent.vision.features import extract, render

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait.jpg"
HOPPER = Path(__file__).parent / "pictures" / "hopper.jpg"

needs_opencv = pytest.mark.skipif(
    importlib.util.find_spec("cv2") is None, reason="OpenCV, the extra [face], is not installed"
)


def opened(path: Path = PORTRAIT) -> Image.Image:
    return Image.open(path).convert("RGB")


def only_face(picture: Image.Image) -> Face:
    group = measure_faces(picture)
    assert group.available
    assert group.found == 1
    return group.faces[0]


# On photographs


@needs_opencv
def test_a_portrait_is_measured() -> None:
    face = only_face(opened())
    left, top, width, height = face.box
    assert 0.33 < left < 0.37
    assert 0.10 < top < 0.15
    assert face.score > 0.9
    assert face.landmark_count == 478
    for x, y in face.key_points.values():
        assert left - 0.02 < x < left + width + 0.02
        assert top - 0.02 < y < top + height + 0.02
    assert face.key_points["right_iris"][0] < face.key_points["left_iris"][0]
    assert (face.expression.smile, face.expression.eyes) == ("clear", "open")
    assert face.expression.mouth == "parted"
    assert face.landmarks is None
    assert abs(face.pose.yaw) < 5


@needs_opencv
def test_a_closed_mouth_does_not_smile() -> None:
    face = only_face(opened(HOPPER))
    assert (face.expression.smile, face.expression.mouth) == ("none", "closed")


@needs_opencv
def test_a_mirror_turns_the_signs_and_nothing_else() -> None:
    plain, mirrored = only_face(opened()), only_face(ImageOps.mirror(opened()))
    assert plain.pose.yaw == pytest.approx(-mirrored.pose.yaw, abs=1.5)
    assert plain.pose.roll == pytest.approx(-mirrored.pose.roll, abs=1.5)
    assert plain.pose.pitch == pytest.approx(mirrored.pose.pitch, abs=1.5)
    for name, value in plain.ratios.model_dump().items():
        assert value == pytest.approx(getattr(mirrored.ratios, name), abs=0.02), name
    assert plain.skin
    assert mirrored.skin
    assert plain.skin.ita == pytest.approx(mirrored.skin.ita, abs=2)
    assert (plain.shape.name, plain.shape.next) == (mirrored.shape.name, mirrored.shape.next)
    assert plain.shape.margin == pytest.approx(mirrored.shape.margin, abs=0.05)
    for name, (x, y) in plain.key_points.items():
        side, _, rest = name.partition("_")
        other = {"right": "left", "left": "right"}.get(side)
        twin = f"{other}_{rest}" if other else name
        twin = {"mouth_right": "mouth_left", "mouth_left": "mouth_right"}.get(name, twin)
        assert mirrored.key_points[twin] == pytest.approx((1 - x, y), abs=0.006), name


@needs_opencv
@pytest.mark.parametrize("degrees", [-30, 20])
def test_a_turned_picture_tilts_the_head_only(degrees: int) -> None:
    plain, turned = only_face(opened()), only_face(opened().rotate(degrees))
    assert turned.pose.roll - plain.pose.roll == pytest.approx(-degrees, abs=2.5)
    assert turned.ratios.jaw == pytest.approx(plain.ratios.jaw, abs=0.02)
    assert turned.ratios.eye_spacing == pytest.approx(plain.ratios.eye_spacing, abs=0.02)


@needs_opencv
@pytest.mark.parametrize("side", [256, 1500])
def test_the_size_of_the_picture_does_not_matter(side: int) -> None:
    plain, other = only_face(opened()), only_face(opened().resize((side, side)))
    assert other.box == pytest.approx(plain.box, abs=0.03)
    for name, value in plain.ratios.model_dump().items():
        assert value == pytest.approx(getattr(other.ratios, name), abs=0.03), name


@needs_opencv
def test_a_face_that_fills_the_picture_is_found() -> None:
    assert only_face(opened().crop((170, 60, 280, 190)).resize((1000, 1180))).width_px > 700


@needs_opencv
def test_shade_on_one_side_is_measured_in_stops() -> None:
    plain = extract(opened()).light_direction
    pixels = (np.asarray(opened()) / 255) ** 2.2
    pixels[:, 224:] *= 0.25  # the picture's right half, from the nose on
    shaded = Image.fromarray(np.rint(pixels ** (1 / 2.2) * 255).astype(np.uint8))
    dark = extract(shaded).light_direction
    assert plain.key_fill_stops is not None
    assert dark.key_fill_stops == pytest.approx(plain.key_fill_stops - 2, abs=0.4)


@needs_opencv
def test_the_light_comes_from_the_other_side_in_a_mirror() -> None:
    plain = extract(opened()).light_direction
    mirrored = extract(ImageOps.mirror(opened())).light_direction
    assert plain.surface == mirrored.surface == "face mesh"
    assert plain.azimuth_deg is not None
    assert plain.azimuth_deg < -10
    assert mirrored.azimuth_deg == pytest.approx(-plain.azimuth_deg, abs=6)


@needs_opencv
def test_a_darker_picture_moves_the_skin_which_is_why_it_is_not_trusted() -> None:
    dark = Image.fromarray((np.asarray(opened()) * 0.5).astype(np.uint8))
    light_skin, dark_skin = only_face(opened()).skin, only_face(dark).skin
    assert light_skin
    assert dark_skin
    assert dark_skin.ita < light_skin.ita - 10
    assert light_skin.confidence <= 0.4
    assert "No statement on origin" in light_skin.caveat


@needs_opencv
def test_faces_are_counted_and_the_largest_come_first() -> None:
    portrait, other = opened(), opened(HOPPER)
    row = Image.new("RGB", (512 + 300, 512), "white")
    row.paste(portrait, (0, 0))
    row.paste(other, (512, 0))
    group = measure_faces(row)
    assert group.found == 2
    assert group.faces[0].width_px > group.faces[1].width_px
    assert group.faces[0].box[0] > 0.6

    crowd = Image.new("RGB", (1020, 680), "white")
    for number in range(6):
        crowd.paste(other, (340 * (number % 3), 340 * (number // 3)))
    many = measure_faces(crowd)
    assert (many.found, len(many.faces)) == (6, faces.MOST_FACES)
    assert "largest" in many.reason


@needs_opencv
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (16, 16), (3, 900), (900, 3), (200, 300)])
def test_no_face_is_a_result(size: tuple[int, int]) -> None:
    group = measure_faces(Image.new("RGB", size, "#a08060"))
    assert group.available
    assert (group.found, group.faces) == (0, [])
    assert "no face" in group.reason


@needs_opencv
def test_a_drawn_screen_has_no_faces() -> None:
    screen = Image.new("RGB", (800, 600), "white")
    draw = ImageDraw.Draw(screen)
    for row in range(5):
        draw.rounded_rectangle((40, 40 + 100 * row, 760, 120 + 100 * row), 12, "#eef", "#336")
        draw.ellipse((60, 55 + 100 * row, 110, 105 + 100 * row), "#c86")
    assert measure_faces(screen).found == 0


@needs_opencv
@settings(max_examples=12)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**16))
def test_noise_never_breaks_it(width: int, height: int, seed: int) -> None:
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert measure_faces(Image.fromarray(levels)).available


@needs_opencv
def test_a_face_cut_by_the_edge_stays_inside_the_picture() -> None:
    cut = opened().crop((0, 0, 228, 512))
    for face in measure_faces(cut).faces:
        left, top, width, height = face.box
        assert 0 <= left <= left + width <= 1
        assert 0 <= top <= top + height <= 1


# The typed result


@needs_opencv
def test_the_same_picture_gives_the_same_figures_and_leaves_opencv_as_it_was() -> None:
    cv2 = importlib.import_module("cv2")
    cv2.setNumThreads(2)
    assert measure_faces(opened()) == measure_faces(opened())
    assert cv2.getNumThreads() == 2


@needs_opencv
def test_several_threads_do_not_disturb_each_other() -> None:
    pictures = [opened(), opened(HOPPER), ImageOps.mirror(opened())]
    alone = [measure_faces(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(measure_faces, pictures * 3)) == alone * 3


@needs_opencv
def test_all_landmarks_come_when_asked_for() -> None:
    group = measure_faces(opened(), all_landmarks=True)
    landmarks = group.faces[0].landmarks
    assert landmarks
    assert len(landmarks) == len(group.drawn[0]) == 478
    again = FacesGroup.model_validate_json(group.model_dump_json())
    assert again == group
    assert again.drawn == ()


@needs_opencv
def test_hair_is_handed_to_the_model() -> None:
    features = extract(PORTRAIT)
    assert "hair" in features.faces.left_to_model
    text = render(features)
    assert "hair" in text
    assert features.faces.faces[0].shape.name in text


def test_the_schema_knows_no_gender_age_or_origin() -> None:
    names = json.dumps(list(_names(FacesGroup.model_json_schema()))).lower()
    assert "key_points" in names
    for word in ("gender", "sex", "age", "ethnic", "race", "origin", "emotion", "name_of"):
        assert f'"{word}' not in names


def _names(schema: object) -> list[str]:
    if isinstance(schema, list):
        return [name for part in schema for name in _names(part)]
    if not isinstance(schema, dict):
        return []
    own = list(schema.get("properties", {}))
    return own + [name for part in schema.values() for name in _names(part)]


# What may be missing


def test_without_the_extra_the_group_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "is_installed", lambda: False)
    group = measure_faces(opened())
    assert not group.available
    assert "grok-agent[face]" in group.reason
    assert not extract(PORTRAIT).faces.available


def test_an_opencv_that_cannot_be_used_costs_only_the_faces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = types.ModuleType("cv2")
    old.__version__ = "4.14.0"  # type: ignore[attr-defined]
    old.__spec__ = importlib.machinery.ModuleSpec("cv2", None)
    monkeypatch.setitem(sys.modules, "cv2", old)
    features = extract(PORTRAIT)
    assert "4.14.0 is too old" in features.faces.reason
    assert "pip install" in features.faces.reason
    assert features.palette.available


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_wrong_model_file_is_refused(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(Path(face_models.__file__).parent / "models", folder)
    file = folder / face_models.DETECTOR.name
    if damage == "changed":
        file.write_bytes(file.read_bytes()[:-1] + b"!")
    else:
        file.unlink()
    monkeypatch.setattr(face_models, "_folder", lambda _: folder)
    with pytest.raises(ToolError, match="SHA-256" if damage == "changed" else "missing") as caught:
        face_models.read_model(face_models.DETECTOR)
    assert "pip install" in str(caught.value)


def test_every_shipped_model_is_the_tested_one_and_has_its_licence() -> None:
    for file in (face_models.DETECTOR, face_models.LANDMARKS, face_models.MESH):
        assert face_models.read_model(file)
    folder = Path(face_models.__file__).parent / "models"
    notice = (folder / "NOTICE.md").read_text(encoding="utf-8")
    for path in folder.iterdir():
        assert path.name in notice or path.name == "NOTICE.md"


# Geometry, on made-up heads


angles = st.floats(-40, 40)


@settings(max_examples=30)
@given(angles, angles, angles, st.floats(5, 900), st.floats(-500, 500))
def test_the_pose_of_a_turned_mesh_is_found(
    yaw: float, pitch: float, roll: float, scale: float, shift: float
) -> None:
    y, p, r = np.radians([yaw, pitch, -roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    head = np.vstack([canonical_mesh().points, np.zeros((10, 3))])
    seen = (head @ (about_y @ about_x @ about_z).T * scale + shift) * [1, -1, -1]
    pose = measure_pose(seen)
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=0.01)
    assert pose.misfit < 1e-6


def test_a_fit_never_mirrors() -> None:
    points = canonical_mesh().points
    rotation, _, _ = fit_similarity(points, points * [-1, 1, 1])
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_the_mesh_bulges_towards_the_camera_and_is_its_own_mirror() -> None:
    mesh = canonical_mesh()
    normals = normals_of(mesh.points, mesh.triangles)
    assert normals[1, 2] > 0.9  # the tip of the nose
    twins = mirror_indices()
    assert (twins[twins] == np.arange(478)).all()
    assert mesh.points[twins[:468]] == pytest.approx(mesh.points * [-1, 1, 1], abs=1e-3)
    assert not {33, 263, 13, 105} & set(skin_indices().tolist())


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_is_its_own_class(name: str) -> None:
    height, forehead, jaw = SHAPES[name]  # type: ignore[index]
    rest = dict.fromkeys(("eye_spacing", "eye_width", "nose_width", "nose_length"), 0.2)
    ratios = Ratios(height, forehead, jaw, **rest, mouth_width=0.4, lip_fullness=0.3,
                    lower_third=0.4)  # fmt: skip
    found = classify_shape(ratios)
    assert found.name == name
    assert found.margin == 1


@pytest.mark.parametrize(
    ("colour", "expected"), [("#f3d7c4", "very light"), ("#c58c6a", "tan"), ("#3b251b", "dark")]
)
def test_skin_of_one_colour_is_that_colour(colour: str, expected: str) -> None:
    flat = np.vstack([canonical_mesh().points, np.zeros((10, 3))]) * [20, -20, -20] + [250, 250, 0]
    skin = measure_skin(Image.new("RGB", (500, 500), colour), flat)
    assert skin
    assert (skin.hex, skin.name) == (colour, expected)
    outside = measure_skin(Image.new("RGB", (500, 500), colour), flat + np.array([2000, 0, 0]))
    assert outside is None


def test_the_graph_keeps_the_inputs_that_are_read_and_no_constants() -> None:
    def field(number: int, body: bytes) -> bytes:
        return bytes([number << 3 | 2, len(body)]) + body

    node = field(1, field(1, b"data") + field(1, b"weight"))
    constant = field(5, field(8, b"weight"))
    inputs = [field(11, field(1, name)) for name in (b"data", b"weight", b"orphan")]
    model = b"\x08\x07" + field(7, node + constant + b"".join(inputs)) + b"\x10\x01"
    repaired = with_true_inputs(model)
    assert repaired == b"\x08\x07" + field(7, node + constant + inputs[0]) + b"\x10\x01"
    assert with_true_inputs(repaired) == repaired
