"""What starting costs: CPU seconds of whole processes, beside a plain LangChain model.

Run with ``make bench``. Each figure is the median of several runs, user plus system time of the
child process. "to the first request" ends when the first POST reaches a loopback server, which
then stops the child.
"""

import os
import resource
import signal
import statistics
import subprocess
import sys
import sysconfig
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

RUNS = 7
ROOT = Path(__file__).resolve().parent.parent

PEER = """
from langchain_openai import ChatOpenAI
ChatOpenAI(model="m", api_key="k", base_url={url!r}, max_retries=0).invoke("hello")
"""
OURS = """
from grok_agent import ChatGrokBuild
ChatGrokBuild(model="grok-build-0.1", api_key="k", base_url={url!r}).invoke("hello")
"""
CONSTRUCT = """
import time
from grok_agent.chat_model import ChatGrokBuild
ChatGrokBuild(api_key="k", base_url="http://127.0.0.1:9/v1")
best = []
for _ in range(20):
    start = time.perf_counter()
    ChatGrokBuild(api_key="k", base_url="http://127.0.0.1:9/v1")
    best.append(time.perf_counter() - start)
print(sorted(best)[10] * 1000)
"""


def main() -> None:
    python = sys.executable
    bare = cpu_seconds([python, "-c", "pass"])
    rows = [
        (
            "import grok_agent, over bare Python",
            cpu_seconds([python, "-c", "import grok_agent"]) - bare,
        ),
        ("grok-agent --help", cpu_seconds([python, "-m", "grok_agent", "--help"])),
    ]
    with FirstRequest() as server:
        rows += [
            (
                "ChatGrokBuild to the first request",
                server.cpu([python, "-c", OURS.format(url=server.url)]),
            ),
            (
                "ChatOpenAI to the first request",
                server.cpu([python, "-c", PEER.format(url=server.url)]),
            ),
            (
                "grok-agent ask to the first request",
                server.cpu([python, "-m", "grok_agent", *ask(server.url)]),
            ),
        ]
    print(f"Python {sys.version.split()[0]}, median of {RUNS} runs")
    for what, seconds in rows:
        print(f"{what:44} {seconds:7.3f} CPU s")
    print(f"{'constructing ChatGrokBuild, after import':44} {construction_ms():7.2f} ms")
    print(f"{'site-packages of this environment':44} {site_packages_mb():7.0f} MB")


def ask(url: str) -> list[str]:
    return ["ask", "--base-url", url, "--repo", str(ROOT / "examples"), "what is this"]


def cpu_seconds(command: list[str]) -> float:
    """Median CPU seconds of ``command`` run to its end."""
    return statistics.median(one_run(command) for _ in range(RUNS))


def one_run(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    return spent_since(before)


def spent_since(before: resource.struct_rusage) -> float:
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


class FirstRequest:
    """A loopback server that stops the child at its first POST."""

    def __enter__(self) -> "FirstRequest":
        arrived = self.arrived = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                arrived.set()
                time.sleep(1)  # the child is stopped meanwhile

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()

    def cpu(self, command: list[str]) -> float:
        return statistics.median(self.one(command) for _ in range(RUNS))

    def one(self, command: list[str]) -> float:
        self.arrived.clear()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        quiet = subprocess.DEVNULL
        environment = {**os.environ, "GROK_API_KEY": "k"}
        with subprocess.Popen(
            command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet
        ) as child:
            if not self.arrived.wait(timeout=60):
                raise SystemExit(f"no request came from: {command}")
            child.send_signal(signal.SIGKILL)
        return spent_since(before)


def construction_ms() -> float:
    done = subprocess.run(
        [sys.executable, "-c", CONSTRUCT], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def site_packages_mb() -> float:
    folder = Path(sysconfig.get_path("purelib"))
    return sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


if __name__ == "__main__":
    main()
