"""The files of the project, as git or an unpacked archive has them."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_MADE_HERE = {".venv", ".venv-clients", ".git", "build", "dist", "data", "node_modules"}


def tracked_files() -> list[Path]:
    """Return every file that belongs to the project."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout:
        found = [ROOT / name for name in done.stdout.split("\0") if name]
        return [path for path in found if path.is_file()]
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not _MADE_HERE & set(path.relative_to(ROOT).parts) and "__pycache__" not in path.parts
    ]


def text_files() -> list[Path]:
    """Return every tracked file that holds text."""
    return [path for path in tracked_files() if b"\0" not in path.read_bytes()[:8192]]


def name(path: Path) -> str:
    """Return *path* as seen from the top of the project."""
    return path.relative_to(ROOT).as_posix()
