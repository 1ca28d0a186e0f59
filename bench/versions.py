"""On what the figures were measured."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .measure import ROOT, SCRIPTS
from .peers.environments import REQUIREMENTS
from .transfers import s5cmd_binary

PACKAGES = ("boto3", "awscli", "uvloop")
VERSION = re.compile(r"v?(\d[\w.+-]*)")


def versions() -> dict[str, str]:
    """What was measured, and with what, by name."""
    found = {"tool": _tool(), "python": platform.python_version()}
    found |= {name: _package(name) for name in PACKAGES}
    found |= _pinned()
    found |= {"s5cmd": _program(s5cmd_binary()), "rclone": _program(SCRIPTS / "rclone")}
    return found | {"machine": f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}"}


def _pinned() -> dict[str, str]:
    """The versions of the clients that come from PyPI, and of their plugins."""
    lines = (line for file in sorted(REQUIREMENTS.glob("*.txt")) for line in file.read_text().splitlines())
    return {name: pin for name, _, pin in (line.partition("==") for line in lines) if pin}


def _tool() -> str:
    own = re.search(r'__version__ = "(.+)"', (ROOT / "lib/jobbag/__init__.py").read_text())
    commit = _said(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    return " ".join(filter(None, [own[1] if own else "?", commit and f"({commit})"]))


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _program(path: Path) -> str:
    found = VERSION.search(_said([str(path), "version"]))
    return found[1] if found else "not installed"


def _said(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout.strip()
    except OSError:
        return ""
