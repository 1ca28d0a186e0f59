"""The public fetch-and-run protocol: a script, or a program in a zip file, fetched from S3 and run."""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Download = Callable[[str, str, Path], None]
"""Download that bucket's object to the file; raises OSError if that cannot be."""


class FetchError(Exception):
    """Why nothing could be fetched or run; goes to the job's log. `status` is the exit status of the job."""

    status = 1


class UsageError(FetchError):
    """What the job asks for cannot be meant."""

    status = 2

    def __str__(self) -> str:
        usage = "Usage: BATCH_FILE_TYPE is script or zip, BATCH_FILE_S3_URL is s3://bucket/key"
        return f"* {super().__str__()}\n\n{usage}, and the first word of a zip's command is the program inside"


def is_wanted(env: Mapping[str, str]) -> bool:
    """Whether the environment asks for the protocol."""
    return bool(env.get("BATCH_FILE_TYPE") or env.get("BATCH_FILE_S3_URL"))


def fetch(
    command: Sequence[str], env: Mapping[str, str], work: Path, scratch: Path, download: Download
) -> tuple[list[str], Path]:
    """Fetch what the environment names into the empty scratch directory; the words to execute, and where."""
    kind, url = env.get("BATCH_FILE_TYPE"), env.get("BATCH_FILE_S3_URL")
    if not kind:
        raise UsageError(f"BATCH_FILE_TYPE not set, unable to determine type (zip/script) of URL {url}")
    if not url:
        raise UsageError("BATCH_FILE_S3_URL not set. No object to download.")
    if not url.startswith("s3:"):
        raise UsageError(f"BATCH_FILE_S3_URL must be for an S3 object; expecting s3://bucket/key, not {url!r}")
    if kind not in ("script", "zip"):
        raise UsageError(f"BATCH_FILE_TYPE must be 'script' or 'zip', not {kind!r}")
    if kind == "zip" and not command:
        raise UsageError("zip format requires at least one argument - the script to run from inside")
    fetched = scratch / "batch-file-temp"
    _download(url, fetched, download)
    if kind == "script":
        return [*_executable(fetched, str(fetched)), *command[1:]], work
    _unpack(fetched, scratch, url)
    program = scratch / command[0]
    if not program.is_file():
        raise FetchError(f"Did not find specified script './{command[0]}' in zip from {url}")
    return [*_executable(program, f"./{command[0]}"), *command[1:]], scratch


def _download(url: str, target: Path, download: Download) -> None:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    try:
        if not bucket or not key:
            raise OSError("this names no object")
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


def _executable(program: Path, name: str) -> list[str]:
    """Make it executable; the words to start it with, by that name. A text without a `#!` line is for the shell."""
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with program.open("rb") as file:
        head = file.read(256)
    return [name] if head.startswith(b"#!") or b"\0" in head else [shutil.which("bash") or "/bin/sh", name]
