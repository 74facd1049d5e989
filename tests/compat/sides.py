"""Virtual environments, and programs run in them under plain python and under the launcher, each within a time limit.

Everything is kept in one folder: environments, sources, pip's cache, temporary files, the home of the programs. It is
`target/compat`, or what COMPAT_WORK names, so that two runs can go on at once. No
process outlives its run: each has a session of its own which is killed as a group, and whatever has left that group
comes back to this process as its child and is killed, too.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = Path(os.environ.get("COMPAT_WORK", ROOT / "target" / "compat")).resolve()
SIDES = ("plain", "ours")
PR_SET_CHILD_SUBREAPER = 36
LAST_LINES = 15


@dataclass(frozen=True)
class Ended:
    """How a program ended: its code, None if its time was over, and what it wrote."""

    code: int | None
    output: str

    def last_lines(self) -> str:
        return "\n".join(self.output.rstrip().splitlines()[-LAST_LINES:])


def adopt_orphans() -> None:
    """Makes this process the parent of every descendant whose own parent has ended; SIGTERM ends it in good order."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # A shell's background job ignores SIGINT, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def surroundings() -> dict[str, str]:
    """The environment of all that is run: nothing is written outside the folder."""
    folders = {"TMPDIR": "tmp", "HOME": "home", "PIP_CACHE_DIR": "cache"}
    for folder in folders.values():
        (WORK / folder).mkdir(parents=True, exist_ok=True)
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "VIRTUAL_ENV"))
    }
    return kept | {name: str(WORK / folder) for name, folder in folders.items()}


def run(command: list[str], folder: Path, limit: float, more: dict[str, str] | None = None) -> Ended:
    """Runs `command` in `folder` for at most `limit` seconds; nothing that it has started lives on."""
    output = WORK / "output"
    WORK.mkdir(parents=True, exist_ok=True)
    with output.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=surroundings() | (more or {}),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            end_all(process)
    return Ended(code, output.read_text(encoding="utf-8", errors="replace"))


def end_all(process: subprocess.Popen[bytes]) -> None:
    """Kills the group of `process`, and then every child that this process has or gets by it."""
    # A leader that was waited for keeps its group's number as long as a member lives.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    while children := own_children():
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def own_children() -> list[int]:
    return [
        int(child)
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text(encoding="ascii").split()
    ]


class Environment:
    """A virtual environment with the wheel in it."""

    def __init__(self, name: str, python: str, wheel: Path) -> None:
        self.folder = WORK / "environments" / name
        self.python = self.folder / "bin" / "python"
        shutil.rmtree(self.folder, ignore_errors=True)
        # Without pip, which some systems' Python has not: the one that runs this program serves all environments.
        made = run([python, "-m", "venv", "--without-pip", str(self.folder)], ROOT, 120)
        if made.code != 0:
            raise SystemExit(f"{python} made no virtual environment:\n{made.last_lines()}")
        self.install([str(wheel)], 300)

    def install(self, what: list[str], limit: float) -> None:
        """Installs, or raises RuntimeError with pip's last words."""
        ended = self.try_install(what, limit)
        if ended.code != 0:
            raise RuntimeError(f"could not install {' '.join(what)}:\n{ended.last_lines()}")

    def try_install(self, what: list[str], limit: float) -> Ended:
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "--disable-pip-version-check", "install"]
        return run([*pip, "--quiet", "--no-input", "--no-compile", "--prefer-binary", *what], ROOT, limit)

    def command(self, side: str, arguments: list[str]) -> list[str]:
        """The command that runs python's `arguments` on one side."""
        if side == "plain":
            return [str(self.python), *arguments]
        return [str(self.folder / "bin" / "manyhands"), "run", *arguments]

    def module_folder(self) -> Path:
        return next((self.folder / "lib").glob("python3*")) / "site-packages"


def copy_checkout(checkouts: Path, name: str, version: str) -> Path:
    """A fresh copy of the folder `name` in `checkouts`, for a library whose source distribution holds no tests."""
    if not (checkouts / name).is_dir():
        raise RuntimeError(f"no tests in the source distribution, and no folder {checkouts / name}")
    copy = WORK / "sources" / f"{name}-{version}" / "checkout"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(checkouts / name, copy, symlinks=True)
    (WORK / "sources" / "pytest.ini").write_text("[pytest]\n", encoding="ascii")
    return copy


def fetch_source(name: str, version: str) -> Path:
    """Downloads the source distribution of a library and returns the folder in which it is unpacked afresh."""
    # What stands above the sources, this project's own settings, is not for their tests.
    sources = WORK / "sources" / f"{name}-{version}"
    sources.mkdir(parents=True, exist_ok=True)
    (WORK / "sources" / "pytest.ini").write_text("[pytest]\n", encoding="ascii")
    archives = sources / "archive"
    if not archives.is_dir() or not any(archives.iterdir()):
        archives.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-input"]
        ended = run([*pip, "--no-binary", name, "--no-deps", "--dest", str(archives), f"{name}=={version}"], ROOT, 300)
        if ended.code != 0:
            raise RuntimeError(f"could not download {name} {version}:\n{ended.last_lines()}")
    archive = next(archives.iterdir())
    unpacked = sources / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(unpacked)
    else:
        with tarfile.open(archive) as packed:
            packed.extractall(unpacked, filter="data")
    return next(unpacked.iterdir())
