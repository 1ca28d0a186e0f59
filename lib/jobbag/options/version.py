"""The version of the command and of its libraries, and where it runs from, without importing boto3."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from zipimport import zipimporter

from jobbag import __version__
from jobbag.errors import PROG

_LIBRARIES = ("boto3", "botocore")


def archive() -> Path | None:
    """The single file of `make zipapp` that the command was started from, if it was."""
    loader = getattr(sys.modules["__main__"], "__loader__", None)
    return Path(loader.archive).absolute() if isinstance(loader, zipimporter) else None


def versions() -> str:
    """What --version prints, without a newline at the end."""
    file = archive()
    unpacked = f" (unpacked from {file})" if file else ""
    return "\n".join(
        (
            f"{PROG} {__version__}",
            f"in {Path(__file__).parents[2]}{unpacked}",
            f"samples in {Path(__file__).parents[1] / 'samples'}",
            f"Python {platform.python_version()} ({sys.executable})",
            ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES),
        )
    )


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "is missing"
