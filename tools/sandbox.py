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
from collections.abc import Iterator, Sequence
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


@dataclass(frozen=True)
class Limits:
    """How much one command may use; ``network`` says whether it reaches the internet.

    ``max_memory_bytes`` is for all its processes together, ``max_tasks`` counts their threads,
    ``max_file_bytes`` is the size of one file.
    """

    network: bool = False
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
    """Files and folders that a command may read, and those that it may write as well."""

    readable: tuple[str, ...]
    writable: tuple[str, ...]


@functools.cache
def confinement() -> Confinement:
    """Whether this machine can confine commands; asked of the kernel once."""
    if sys.platform != "linux":
        return Confinement(0, "there is no sandbox for this system yet")
    if not sys.executable:
        return Confinement(0, "the sandbox needs a Python program to start it")
    from grok_agent.tools import landlock, seccomp

    if os.uname().machine not in seccomp.ARCHITECTURES:
        return Confinement(0, f"the sandbox does not know the processor {os.uname().machine}")
    if not (abi := landlock.abi()):
        return Confinement(0, "this kernel has no Landlock, or it is switched off")
    if problem := _problem_of_a_trial(abi):
        return Confinement(0, f"the sandbox could not be set up: {problem}")
    return Confinement(abi, "" if abi >= 6 else "signals to other programs are not held back")


def fence(writable: Sequence[Path], workspace: Path) -> Fence:
    """What a command may touch: it writes ``writable`` places, and reads these, the ``workspace``
    and the system but for the places of keys."""
    homes = {Path.home(), _home_of_the_account()}
    secrets = [home / name for home in homes for name in SECRETS_AT_HOME]
    secrets += map(Path, SECRETS_OF_THE_SYSTEM)
    if not Path.cwd().is_relative_to(workspace):
        secrets.append(Path.cwd() / ".env")
    hidden = {os.path.realpath(path) for path in secrets if os.access(path, os.R_OK)}
    places = tuple(map(str, writable))
    return Fence((*_all_but({*hidden, "/dev"}), str(workspace)), (*places, *DEVICES))


def _all_but(hidden: set[str], folder: str = "/") -> Iterator[str]:
    """The largest folders, and files, that together hold all below ``folder`` but ``hidden``.

    Links are left out: a rule for one would open what it leads to.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink() or entry.path in hidden:
                continue
            if any(path.startswith(entry.path + "/") for path in hidden):
                yield from _all_but(hidden, entry.path)
            else:
                yield entry.path


def _home_of_the_account() -> Path:
    """The home folder by the system's list of accounts, whatever HOME says."""
    import pwd

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path.home()


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
                fence=Fence(("/",), DEVICES),
                abi=abi,
            ).wait()
        except OSError as error:
            return str(error)
    return "" if ended and ended.exit_code == 0 else f"a trial ended with {ended}"
