"""The Python environments of the clients that come from PyPI, each in one of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ..measure import ROOT, Failed

PLACE = ROOT / "build" / "peers"
REQUIREMENTS = Path(__file__).with_name("requirements")
TIMEOUT = 1800.0  # s
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement")


def programs(name: str) -> Path:
    """The programs of the environment with what `requirements/NAME.txt` wants; it is made if there is none. Raises
    Failed."""
    wanted, where = REQUIREMENTS / f"{name}.txt", PLACE / name
    made_from = where / "requirements.txt"
    if not made_from.exists() or made_from.read_text() != wanted.read_text():
        _run([sys.executable, "-m", "venv", "--clear", where])
        _run([where / "bin" / "python", *PIP, wanted])
        shutil.copyfile(wanted, made_from)
    return where / "bin"


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(f"no environment of its own: {said[-1] if said else 'it said nothing'}")
