"""The public fetch-and-run protocol: a script, or a program in a zip file, fetched from S3 and run."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Download = Callable[[str, str, Path], None]
"""Download that bucket's object to the file; raises OSError if that cannot be."""


class FetchError(Exception):
    """Why nothing could be fetched or run; goes to the job's log."""


def is_wanted(env: Mapping[str, str]) -> bool:
    """Whether the environment asks for the protocol."""
    return bool(env.get("BATCH_FILE_TYPE") or env.get("BATCH_FILE_S3_URL"))


def fetch(
    command: Sequence[str], env: Mapping[str, str], work: Path, scratch: Path, download: Download
) -> tuple[list[str], Path]:
    """Fetch what the environment names into the empty scratch directory; the words to execute, and where."""
    kind, url = env.get("BATCH_FILE_TYPE"), env.get("BATCH_FILE_S3_URL")
    if not kind:
        raise FetchError(f"BATCH_FILE_TYPE not set, unable to determine type (zip/script) of URL {url}")
    if not url:
        raise FetchError("BATCH_FILE_S3_URL not set. No object to download.")
    if kind not in ("script", "zip"):
        raise FetchError(f"BATCH_FILE_TYPE must be 'script' or 'zip', not {kind!r}")
    fetched = scratch / "fetched"
    _download(url, fetched, download)
    if kind == "script":
        return [*_executable(fetched), *command[1:]], work
    if not command:
        raise FetchError("zip format requires at least one argument - the script to run from inside")
    inside = scratch / "unpacked"
    _unpack(fetched, inside, url)
    program = inside / command[0]
    if not program.is_file():
        raise FetchError(f"Did not find specified script '{command[0]}' in zip from {url}")
    return [*_executable(program), *command[1:]], inside


def _download(url: str, target: Path, download: Download) -> None:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or not key:
        raise FetchError(f"BATCH_FILE_S3_URL must be for an S3 object; expecting s3://bucket/key, not {url!r}")
    try:
        download(bucket, key, target)
    except OSError as error:
        raise FetchError(f"Failed to download {url}: {error}") from error


def _unpack(archive: Path, target: Path, url: str) -> None:
    """Unpack with the files' permissions, which zipfile leaves out."""
    try:
        with zipfile.ZipFile(archive) as source:
            for item in source.infolist():
                path = Path(source.extract(item, target))
                mode = stat.S_IMODE(item.external_attr >> 16)
                if mode and not item.is_dir():
                    path.chmod(mode | stat.S_IRUSR | stat.S_IWUSR)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise FetchError(f"Failed to unpack {url}: {error}") from error


def _executable(program: Path) -> list[str]:
    """Make it executable; a text without a `#!` line is for the shell."""
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with program.open("rb") as file:
        head = file.read(256)
    return [str(program)] if head.startswith(b"#!") or b"\0" in head else ["/bin/sh", str(program)]
