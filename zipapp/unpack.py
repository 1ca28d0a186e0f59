"""Unpacks the modules of the single-file command into a private directory, once.

They do not run from inside the file: botocore reads its data from real files, and Python keeps bytecode of real
files only; without it, each start would compile 200 modules.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from zipimport import zipimporter

NAME = "pegasus-aws-batch"
UNUSED = 30 * 86400  # s; a version that nobody has started for so long is removed


def modules(archive: zipimporter) -> str:
    """The directory with the modules of the archive, all there. Leaves with words and status 3 where none can be."""
    version, *lines = archive.get_data("manifest").decode().splitlines()
    sizes = {name: int(size) for size, _, name in (line.partition(" ") for line in lines)}
    for home in _homes():
        place = os.path.join(home, version)
        if _is_private(home) and _is_whole(place, sizes):
            _touch(place)
            return place
    failures = []
    for home in _homes():
        place = os.path.join(home, version)
        try:
            os.makedirs(home, mode=0o700, exist_ok=True)
            if not _is_private(home):
                raise PermissionError(f"{home} is not a directory that is yours alone (mode 700)")
            _unpack(archive.get_data("modules.zip"), place, sizes)
        except OSError as error:
            failures.append(str(error))
        else:
            _remove_unused(home)
            return place
    for failure in failures:
        print(f"{NAME}: cannot unpack its modules: {failure}", file=sys.stderr)
    print(f"{NAME}: name a directory of yours that has 20 MB of room: XDG_CACHE_HOME=/some/directory", file=sys.stderr)
    sys.exit(3)


def _homes() -> Iterator[str]:
    """Where the modules may be, the best place first."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(cache):  # a user without a home has "~"
        yield os.path.join(cache, NAME)

    import tempfile  # few need it; it writes a file to find out where it can

    yield os.path.join(tempfile.gettempdir(), f"{NAME}-{os.geteuid()}")


def _is_private(home: str) -> bool:
    """Whether nobody else can put modules there."""
    try:
        status = os.lstat(home)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077


def _is_whole(place: str, sizes: Mapping[str, int]) -> bool:
    """Whether all files are there in full: a directory may be half unpacked, or half cleaned up as old files."""

    def size(name: str) -> int:
        try:
            return os.stat(f"{place}/{name}").st_size
        except OSError:
            return -1

    return all(size(name) == right for name, right in sizes.items())


def _unpack(packed: bytes, place: str, sizes: Mapping[str, int]) -> None:
    """Write what is missing, each file by a rename: other starts may be at it too, or run what is there."""
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(packed)) as source:
        for name, size in sizes.items():
            if _is_whole(place, {name: size}):
                continue
            path = f"{place}/{name}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            mine = f"{path}.{os.urandom(8).hex()}"
            try:
                with open(mine, "xb") as file:
                    file.write(source.read(name))
                os.replace(mine, path)
            except OSError:
                if os.path.exists(mine):
                    os.unlink(mine)
                raise
    _touch(place)


def _touch(place: str) -> None:
    """Note that this version is in use."""
    with suppress(OSError):  # a read-only home, unpacked at another time
        os.utime(place)


def _remove_unused(home: str) -> None:
    import shutil

    with suppress(OSError):  # another start is at it
        for entry in os.scandir(home):
            if entry.stat(follow_symlinks=False).st_mtime < time.time() - UNUSED:
                shutil.rmtree(entry.path, ignore_errors=True)
