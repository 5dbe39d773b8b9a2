"""Is the face in a derived picture still the face of the reference?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grok_agent.errors import ToolError
from grok_agent.vision.colour import Floats, delta_e_2000
from grok_agent.vision.compare_groups import (
    BANDS_ZH,
    Bands,
    ComparedFace,
    FaceComparison,
    Likeness,
)
from grok_agent.vision.compare_seen import SeenFace, SeenPicture, see_face
from grok_agent.vision.compare_style import Look, difference, measure_look
from grok_agent.vision.compare_words import judgement, refusal
from grok_agent.vision.face_groups import PosePart
from grok_agent.vision.face_identity import METHOD, cosine
from grok_agent.vision.face_mesh import LEFT_EYE, POINTS, RIGHT_EYE
from grok_agent.vision.face_pose import fit_similarity

__all__ = ["Bands", "FaceComparison", "compare_faces", "compare_seen"]


@dataclass(frozen=True)
class _Unfit:
    """Why a face is not judged; both empty where it is."""

    en: str = ""
    zh: str = ""


def compare_faces(
    references: object,
    derivative: object,
    *,
    bands: Bands | None = None,
    reference_face: int = 1,
    face: int = 1,
) -> FaceComparison:
    """Compare the face of ``derivative`` with that of one reference, or of a list of them.

    Each is a path, bytes, a data URL, a Pillow image, or what notebooks display as a picture.
    Where a picture has several faces the largest is taken; ``reference_face`` and ``face`` choose
    another, by falling size from 1. Faces narrower than 45 px or far off the front are not judged,
    and the result says so. Cosine of SFace (Zhong et al. 2021) over picture and mirror, landmark
    distance after Procrustes (Gower 1975). What stands for a face is dropped at the end.

    Raises ToolError for what is no picture, for a face number that does not exist, and where the
    extra ``[face]`` is missing: its text says what to do.
    """
    many = references if isinstance(references, list | tuple) else [references]
    if not many:
        raise ToolError("There is no reference picture.", next_step="Give at least one.")
    seen = [see_face(one, number=reference_face) for one in many]
    return compare_seen(seen, see_face(derivative, number=face), bands or Bands())


def compare_seen(
    references: Sequence[SeenPicture], derived: SeenPicture, bands: Bands
) -> FaceComparison:
    """The same for pictures that were looked at before; at least one reference."""
    look = measure_look(derived.picture)
    unfit = _unfit(derived, bands)
    likenesses = [
        _likeness(reference, derived, bands, look, judged=not unfit.en) for reference in references
    ]
    judged = [one for one in likenesses if one.cosine is not None]
    compared = _compared(derived, unfit)
    if not judged:
        why = unfit if unfit.en else _unfit(references[0], bands)
        sentence, sentence_zh = refusal(why.en, why.zh, likenesses[0].style)
        return FaceComparison(
            derived=compared,
            references=likenesses,
            judged=False,
            reason=why.en,
            notes=_notes(references, derived),
            sentence=sentence,
            sentence_zh=sentence_zh,
            method=METHOD,
        )
    best = max(judged, key=lambda one: one.cosine or -1.0)
    scores = [one.cosine for one in judged if one.cosine is not None]
    band = bands.of(max(scores))
    sentence, sentence_zh = judgement(best, band, bands, len(judged))
    return FaceComparison(
        derived=compared,
        references=likenesses,
        judged=True,
        cosine=max(scores),
        cosine_mean=round(float(np.mean(scores)), 3),
        band=band,
        band_zh=BANDS_ZH[band],
        confidence=_confidence(references, derived, max(scores), bands),
        notes=_notes(references, derived),
        sentence=sentence,
        sentence_zh=sentence_zh,
        method=METHOD,
    )


def _likeness(
    reference: SeenPicture, derived: SeenPicture, bands: Bands, look: Look, *, judged: bool
) -> Likeness:
    unfit = _unfit(reference, bands)
    style = difference(measure_look(reference.picture), look)
    first, second = reference.face, derived.face
    if unfit.en or not judged or first is None or second is None:
        return Likeness(
            reference=_compared(reference, unfit),
            cosine=None,
            shape=None,
            yaw=None,
            pitch=None,
            roll=None,
            skin=None,
            style=style,
        )
    return Likeness(
        reference=_compared(reference, unfit),
        cosine=round(cosine(first.embedding, second.embedding), 3),
        shape=round(shape_distance(first.pose.frontal, second.pose.frontal), 1),
        yaw=round(second.pose.yaw - first.pose.yaw, 1),
        pitch=round(second.pose.pitch - first.pose.pitch, 1),
        roll=round(second.pose.roll - first.pose.roll, 1),
        skin=_skin_difference(first, second),
        style=style,
    )


def shape_distance(first: Floats, second: Floats) -> float:
    """RMS distance of two faces' landmarks after Procrustes, in % of the distance of the eyes.

    Both are landmarks turned to the front; their depth, which is a guess, is left out.
    """
    target = second[:POINTS, :2]
    turn, scale, shift = fit_similarity(first[:POINTS, :2], target)
    moved = first[:POINTS, :2] @ turn.T * scale + shift
    eyes = [target[list(outline)].mean(axis=0) for outline in (RIGHT_EYE, LEFT_EYE)]
    apart = float(np.sqrt(((moved - target) ** 2).sum(axis=1).mean()))
    return 100 * apart / max(float(np.linalg.norm(eyes[0] - eyes[1])), 1e-9)


def _skin_difference(first: SeenFace, second: SeenFace) -> float | None:
    if first.skin is None or second.skin is None:
        return None
    return round(float(delta_e_2000(np.array(first.skin.lab), np.array(second.skin.lab))), 1)


def _unfit(seen: SeenPicture, bands: Bands) -> _Unfit:
    face = seen.face
    name_zh = "图片" if seen.label == "the picture" else f"{seen.label} "
    if face is None:
        return _Unfit(f"no face was found in {seen.label}", f"{name_zh}中未找到人脸")
    width, pose = round(face.detection.box[2]), face.pose
    if width < bands.least_width_px:
        return _Unfit(
            f"the face in {seen.label} is {width} px wide, at least {bands.least_width_px} needed",
            f"{name_zh}中的人脸宽仅 {width} 像素，至少需要 {bands.least_width_px} 像素",
        )
    aside, upwards = abs(pose.yaw), abs(pose.pitch)
    if aside > bands.most_yaw or upwards > bands.most_pitch:
        return _Unfit(
            f"the face in {seen.label} is turned {aside:.0f}° aside and {upwards:.0f}° up or down, "
            "too far off the front",
            f"{name_zh}中的人脸侧转 {aside:.0f}°、俯仰 {upwards:.0f}°，偏离正面过多",
        )
    return _Unfit()


def _compared(seen: SeenPicture, unfit: _Unfit) -> ComparedFace:
    face = seen.face
    if face is None:
        return ComparedFace(name=seen.label, found=0, unfit=unfit.en)
    left, top, width, height = (round(side, 1) for side in face.detection.box)
    pose = face.pose
    return ComparedFace(
        name=seen.label,
        found=face.found,
        number=face.number,
        box=(left, top, width, height),
        width_px=round(face.detection.box[2]),
        pose=PosePart(yaw=round(pose.yaw, 1), pitch=round(pose.pitch, 1), roll=round(pose.roll, 1)),
        skin_hex=face.skin.hex if face.skin else None,
        blurred=face.blurred,
        unfit=unfit.en,
    )


def _notes(references: Sequence[SeenPicture], derived: SeenPicture) -> list[str]:
    notes = []
    for seen in (*references, derived):
        if seen.face is None:
            notes.append(f"{seen.label}: no face found")
            continue
        if seen.face.found > 1:
            which = "the largest" if seen.face.number == 1 else f"number {seen.face.number}"
            notes.append(f"{seen.label}: {seen.face.found} faces, {which} was taken")
        if seen.face.blurred:
            notes.append(f"{seen.label}: the face is blurred, which lowers the similarity")
    return notes


def _confidence(
    references: Sequence[SeenPicture], derived: SeenPicture, best: float, bands: Bands
) -> float:
    """By the distance to the next border of a band; less where a face is blurred."""
    border = min(abs(best - bands.consistent), abs(best - bands.likely))
    faces = [seen.face for seen in (*references, derived) if seen.face]
    clear = 0.7 if any(face.blurred for face in faces) else 1.0
    return round(clear * min(1.0, 0.5 + 2.5 * border) * min(f.detection.score for f in faces), 2)
