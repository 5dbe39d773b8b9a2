"""What preparing and measuring pictures costs, beside plain Pillow, OpenCV and pyvips.

Run ``python benchmarks/images.py [--peers PYTHON]``. ``--peers`` is the interpreter of an
environment with ``opencv-python-headless``, ``pyvips`` and ``pyvips-binary``, as far as they are to
be compared. Each candidate makes the same thing of a noisy 40-megapixel photograph: an upright JPEG
of quality 88 at the size the model sees. CPU is the process's own time for it, the least of the
runs, without imports; memory the peak of a fresh process, with them. PSNR compares with the whole
picture, decoded and shrunk by Lanczos in one go.
"""

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from grok_agent.vision.features import extract
from grok_agent.vision.measure import measure
from grok_agent.vision.prepare import prepare

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait.jpg"
FULL, SEEN = (7302, 5477), (1791, 1344)
NAMES = ("photo.jpg", "photo.png", "alpha.png", "photo.webp")

COMMON = """
import io, json, sys, time
from pathlib import Path
path, out, size, runs = sys.argv[1], sys.argv[2], tuple(json.loads(sys.argv[3])), int(sys.argv[4])
"""
FINISH = """
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
spent = []
for _ in range(runs):
    begin = time.process_time()
    made = work()
    spent.append(time.process_time() - begin)
Path(out).write_bytes(made)
print(json.dumps([min(spent) * 1000, peak()]))
"""
CANDIDATES = {
    "grok-agent": """
from grok_agent.vision import prepare as module
def work():
    module._prepared = module.Kept(0)  # nothing from memory
    return module.prepare(Path(path)).jpeg
""",
    "Pillow, draft": """
from PIL import Image, ImageOps
Image.MAX_IMAGE_PIXELS = None
def work():
    with Image.open(path) as image:
        image.draft("RGB", size)
        image = ImageOps.exif_transpose(image)
        if image.mode == "RGBA":
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
        small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=88, subsampling="4:2:0")
    return buffer.getvalue()
""",
    "OpenCV": """
import cv2
cv2.setNumThreads(1)
def work():
    image = cv2.imread(path, cv2.IMREAD_COLOR)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
""",
    "pyvips": """
import pyvips
def work():
    small = pyvips.Image.thumbnail(path, size[0], height=size[1])
    if small.hasalpha():
        small = small.flatten(background=255)
    return small.jpegsave_buffer(Q=88, keep="none")
""",
}


def main() -> None:
    """Print three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable, help="interpreter with the others")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=1000, help="for the growth of memory")
    parser.add_argument("--only", choices=("prepare", "features", "memory"))
    asked = parser.parse_args()
    if asked.only in (None, "prepare"):
        compare(asked.peers, asked.runs)
    if asked.only in (None, "features"):
        time_features(asked.runs * 4)
    if asked.only in (None, "memory"):
        watch_memory(asked.pictures)


def compare(peers: str, runs: int) -> None:
    """Each candidate on each file."""
    print(f"{'file':12}{'candidate':16}{'cpu ms':>8}{'peak MiB':>10}{'PSNR dB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        sources = make_sources(Path(folder))
        for path, truth in sources.items():
            for name in CANDIDATES:
                python = sys.executable if name == "grok-agent" else peers
                print(f"{path.name:12}{name:16}{_row(name, python, path, truth, runs)}")


def _row(name: str, python: str, path: Path, truth: np.ndarray, runs: int) -> str:
    out = path.with_suffix(".out")
    figures = []
    for times in (runs, 1):  # the second process tells the memory of one picture
        code = COMMON + CANDIDATES[name] + FINISH
        command = [python, "-c", code, str(path), str(out), json.dumps(SEEN), str(times)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return "    " + done.stderr.strip().splitlines()[-1][:60]
        figures.append(json.loads(done.stdout.splitlines()[-1]))
    made = np.asarray(Image.open(out).convert("RGB"), dtype=np.float64)
    if made.shape != truth.shape:
        made = np.asarray(
            Image.open(out).convert("RGB").resize(SEEN, Image.Resampling.LANCZOS), dtype=np.float64
        )
    psnr = 10 * np.log10(255**2 / np.mean((made - truth) ** 2))
    return f"{figures[0][0]:8.0f}{figures[1][1]:10.0f}{psnr:9.1f}"


def make_sources(folder: Path) -> dict[Path, np.ndarray]:
    """The files, each with what it should look like."""
    smooth = Image.open(PORTRAIT).convert("RGB").resize(FULL, Image.Resampling.BICUBIC)
    random = np.random.default_rng(1)
    levels = np.asarray(smooth)
    noisy = np.empty_like(levels)
    for top in range(0, FULL[1], 256):
        rows = levels[top : top + 256]
        noise = random.integers(-12, 13, (len(rows), FULL[0], 1), dtype=np.int16)
        noisy[top : top + 256] = np.clip(rows + noise, 0, 255)
    photo = Image.fromarray(noisy)
    photo.save(folder / "photo.jpg", quality=92)
    photo.save(folder / "photo.png", compress_level=1)
    photo.save(folder / "photo.webp", quality=80, method=0)
    clear = photo.copy()
    clear.putalpha(Image.linear_gradient("L").resize(FULL))
    clear.save(folder / "alpha.png", compress_level=1)
    truths = {}
    for name in NAMES:
        with Image.open(folder / name) as image:
            if image.mode == "RGBA":
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            small = image.convert("RGB").resize(SEEN, Image.Resampling.LANCZOS)
        truths[folder / name] = np.asarray(small, dtype=np.float64)
    return truths


def time_features(runs: int) -> None:
    """All default features of a portrait of 1,024 px, warm."""
    portrait = Image.open(PORTRAIT).resize((1024, 1024), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    portrait.save(buffer, "JPEG", quality=92)
    source = buffer.getvalue()
    features = extract(source)
    spent = []
    for _ in range(runs):
        begin = time.process_time()
        extract(source)
        spent.append((time.process_time() - begin) * 1000)
    with_faces = "with faces" if features.faces.available else "without the extra for faces"
    print(f"\nAll default features of a 1,024 px portrait, {with_faces}:")
    print(f"{min(spent):.0f} ms CPU at least, {statistics.median(spent):.0f} in the middle")


def watch_memory(count: int) -> None:
    """Growth of the process over ``count`` different pictures, prepared and measured."""
    random = np.random.default_rng(2)
    base = Image.open(PORTRAIT).convert("RGB")

    def one() -> None:
        left, top = random.integers(0, 100, 2)
        cut = base.crop((left, top, left + 400, top + 400))
        buffer = io.BytesIO()
        cut.save(buffer, "JPEG", quality=int(random.integers(60, 95)))
        prepare(buffer.getvalue())
        measure(cut, prepare(cut).original)

    for _ in range(count // 10):
        one()
    before = _resident()
    for _ in range(count):
        one()
    print(f"\n{count} pictures prepared and measured: memory grew by {_resident() - before:.1f} MB")


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    main()
