"""The sandbox of commands: whether there is one here, what a command may touch, how much it may
use.

A confined command writes in the workspace and in a folder of its own; it reads the system, but no
places where people keep keys; it reaches no network unless that is allowed. Landlock and seccomp
see to it (:mod:`grok_agent.tools.landlock`, :mod:`grok_agent.tools.seccomp`).
"""

import functools
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom"))

SECRETS_AT_HOME = (
    ".ssh", ".gnupg", ".password-store", ".pki", ".netrc", ".pgpass", ".my.cnf", ".mylogin.cnf",
    ".aws", ".azure", ".oci", ".kube", ".docker", ".config/containers", ".vault-token",
    ".terraform.d", ".terraformrc", ".boto", ".s3cfg", ".databrickscfg", ".snowflake",
    ".git-credentials", ".config/git/credentials", ".config/gh", ".config/hub", ".config/glab-cli",
    ".npmrc", ".yarnrc", ".yarnrc.yml", ".pypirc", ".gem/credentials", ".cargo/credentials",
    ".cargo/credentials.toml", ".m2/settings.xml", ".gradle/gradle.properties", ".nuget/NuGet",
    ".huggingface", ".cache/huggingface/token", ".cache/huggingface/stored_tokens", ".kaggle",
    ".config/gcloud", ".config/doctl", ".config/op", ".config/rclone", ".config/sops",
    ".config/age", ".config/github-copilot", ".config/google-chrome", ".config/chromium",
    ".config/BraveSoftware", ".config/microsoft-edge", ".config/Code", ".config/Cursor",
    ".config/Slack", ".config/discord", ".config/Signal", ".config/keepassxc", ".config/Bitwarden",
    ".local/share/keyrings", ".local/share/kwalletd", ".local/share/fish/fish_history",
    ".mozilla", ".thunderbird", ".electrum", ".bitcoin", ".ethereum",
    ".grok", ".claude", ".claude.json", ".codex", ".gemini", ".anthropic", ".openai", ".env",
    ".bash_history", ".zsh_history", ".python_history", ".node_repl_history", ".psql_history",
    ".mysql_history", ".sqlite_history", ".lesshst", ".viminfo",
)  # fmt: skip
"""Below the home folder; no command may read them."""

SECRETS_OF_THE_SYSTEM = (
    "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers",
    "/etc/sudoers.d", "/etc/ssh", "/etc/ssl/private", "/etc/krb5.keytab", "/etc/kubernetes",
    "/etc/NetworkManager/system-connections", "/etc/wireguard", "/run/secrets",
    "/run/credentials", "/var/lib/docker", "/var/lib/kubelet", "/var/lib/sss", "/boot",
)  # fmt: skip
"""Only of matter to root and in containers: others may not read most of them anyway."""

GIB = 1 << 30
SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Limits:
    """What one command may use.

    Without ``sandbox`` only the deadline and the limits on memory and output hold. ``readable``
    and ``writable`` are places besides those that :func:`fence` opens; they may be places of keys.
    ``network`` says whether it reaches other programs and machines; servers that it starts itself
    it always reaches. ``shared_memory`` opens ``/dev/shm``, also what other programs of the user
    keep there; Python's ``multiprocessing`` needs it for locks and queues. ``max_memory_bytes`` is
    for all its processes together, ``max_tasks`` counts their threads, and ``max_file_bytes`` is
    the size of one file.
    """

    sandbox: bool = True
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    network: bool = False
    shared_memory: bool = False
    max_memory_bytes: int = 8 * GIB
    max_tasks: int = 1024
    max_file_bytes: int = 4 * GIB
    max_output_bytes: int = 100_000_000


@dataclass(frozen=True)
class Confinement:
    """Whether commands are confined here. ``abi`` is Landlock's version, 0 when they are not;
    ``missing`` then says why, and otherwise what an older kernel leaves open ("" if nothing)."""

    abi: int
    missing: str = ""

    @property
    def confined(self) -> bool:
        """True when commands run in the sandbox."""
        return self.abi > 0


@dataclass(frozen=True)
class Fence:
    """Folders whose names a command may list, files and folders that it may read (folders with
    all below them), and those that it may write as well."""

    listable: tuple[str, ...]
    readable: tuple[str, ...]
    writable: tuple[str, ...]


def confinement(limits: Limits | None = None) -> Confinement:
    """Whether commands with these limits are confined on this machine."""
    if limits is not None and not limits.sandbox:
        return Confinement(0, "the sandbox is switched off")
    return _confinement_here()


@functools.cache
def _confinement_here() -> Confinement:
    """Asked of the kernel once."""
    if sys.platform != "linux":
        return Confinement(0, "there is no sandbox for this system yet")
    if not sys.executable:
        return Confinement(0, "the sandbox needs a Python program to start it")
    from grok_agent.tools import landlock, syscalls

    if os.uname().machine not in syscalls.ARCHITECTURES:
        return Confinement(0, f"the sandbox does not know the processor {os.uname().machine}")
    if not (abi := landlock.abi()):
        return Confinement(0, "this kernel has no Landlock, or it is switched off")
    if problem := _problem_of_a_trial(abi):
        return Confinement(0, f"the sandbox could not be set up: {problem}")
    return Confinement(abi, "" if abi >= 6 else "signals to other programs are not held back")


def fence(writable: Sequence[Path], workspace: Path, limits: Limits) -> Fence:
    """What a command may touch: it writes ``writable`` places and those of the limits, and reads
    these, the ``workspace`` and the system but for the places of keys."""
    homes = _homes()
    secrets = [home / name for home in homes for name in SECRETS_AT_HOME]
    secrets += map(Path, SECRETS_OF_THE_SYSTEM)
    with suppress(OSError):  # the folder may have gone
        if not Path.cwd().is_relative_to(workspace):
            secrets.append(Path.cwd() / ".env")
    hidden = {os.path.realpath(path) for path in secrets if os.access(path, os.R_OK)}
    readable, opened_up = _all_but({*hidden, "/dev"})
    # The names alone tell too much at home, but "cat /etc/*release" has to work.
    listable = [folder for folder in opened_up if not any(map(_touches(folder), homes))]
    shared = [SHARED_MEMORY] if limits.shared_memory else []
    readable += map(os.path.realpath, (workspace, *limits.readable))
    places = map(os.path.realpath, (*writable, *limits.writable, *shared))
    return Fence((*listable, "/dev"), tuple(readable), (*places, *DEVICES))


def _touches(folder: str) -> Callable[[Path], bool]:
    path = Path(folder)
    return lambda home: home.is_relative_to(path) or path.is_relative_to(home)


def _all_but(hidden: set[str]) -> tuple[list[str], list[str]]:
    """The largest files and folders that together hold all but ``hidden``, and the folders that
    had to be opened up for this.

    Links are left out: a rule for one would open what it leads to.
    """
    if not _real_entries("/"):  # inside another sandbox, which fences what lies below by itself
        return ["/"], []
    whole: list[str] = []
    opened_up = ["/"]
    for folder in opened_up:
        for path in _real_entries(folder) or _next_towards(hidden, folder):
            if path not in hidden:
                inside = any(place.startswith(path + "/") for place in hidden)
                (opened_up if inside else whole).append(path)
    return whole, opened_up


def _real_entries(folder: str) -> list[str]:
    """What lies directly in ``folder``, links left out; nothing where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if not entry.is_symlink()]
    except OSError:
        return []


def _next_towards(places: set[str], folder: str) -> set[str]:
    """The entries of ``folder`` that lead to one of ``places``."""
    below = folder.rstrip("/") + "/"
    inside = (place.removeprefix(below) for place in places if place.startswith(below))
    return {below + rest.split("/")[0] for rest in inside}


def _homes() -> set[Path]:
    """The home folder by HOME, and by the system's list of accounts, which may differ."""
    import pwd

    homes = set()
    with suppress(RuntimeError):
        homes.add(Path.home())
    with suppress(KeyError):
        homes.add(Path(pwd.getpwuid(os.getuid()).pw_dir))
    return homes


def _problem_of_a_trial(abi: int) -> str:
    """Run a command that does nothing in the sandbox; what went wrong, or ""."""
    from grok_agent.tools.warded import Warded

    program = shutil.which("true") or "/bin/true"
    with Path(os.devnull).open("wb") as nowhere:
        try:
            ended = Warded.start(
                [program],
                cwd=Path("/"),
                environment={},
                output=nowhere,
                deadline_s=30,
                limits=Limits(),
                fence=Fence((), ("/",), DEVICES),
                ports=Path(os.devnull),
                abi=abi,
            ).wait()
        except OSError as error:
            return str(error)
    return "" if ended and ended.exit_code == 0 else f"a trial ended with {ended}"
