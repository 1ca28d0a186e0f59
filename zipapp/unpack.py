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
LEFT = 3600  # s; what is still being written after so long was left by a start that was killed
PROOF = "verified."  # the file which says that all is there; the id of the boot follows

Files = Mapping[str, tuple[int, int]]  # by path below the directory: size and CRC-32


def modules(archive: zipimporter) -> str:
    """The directory with the modules of the archive, all there. Leaves with words and status 3 where none can be."""
    version, *lines = archive.get_data("manifest").decode().splitlines()
    files = {name: (int(size), int(crc)) for size, crc, name in (line.split(" ", 2) for line in lines)}
    for home in _homes():
        place = os.path.join(home, version)
        if _is_private(home) and _is_proved(place, files):
            _touch(place)
            return place
    failures = []
    for home in _homes():
        place = os.path.join(home, version)
        try:
            os.makedirs(home, mode=0o700, exist_ok=True)
            if not _is_private(home):
                raise PermissionError(f"{home} is not a directory that is yours alone (mode 700)")
            _unpack(archive.get_data("modules.zip"), place, files)
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


def _is_proved(place: str, files: Files) -> bool:
    """Whether all files are there in full, and none has changed since all were read, in this boot.

    A directory may be half unpacked, or half cleaned up as old files; and after a power cut, a file may be all zeros.
    """
    try:
        proved = os.stat(_proof(place)).st_ctime_ns
        found = ((os.stat(f"{place}/{name}"), size) for name, (size, _) in files.items())
        return all(status.st_size == size and status.st_ctime_ns <= proved for status, size in found)
    except OSError:
        return False


def _proof(place: str) -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{place}/{PROOF}{file.read().strip()}"
    except OSError:  # not Linux
        return f"{place}/{PROOF}"


def _unpack(packed: bytes, place: str, files: Files) -> None:
    """Write what is missing or wrong, each file by a rename: other starts may be at it too, or run what is there."""
    import fcntl
    import io
    import zipfile

    os.makedirs(place, exist_ok=True)
    lock = os.open(place, os.O_RDONLY)
    try:
        alone = True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # others are at it, or the file system has no locks
            alone = False
        _remove_left(place, files, time.time() - (0 if alone else LEFT))
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        with zipfile.ZipFile(io.BytesIO(packed)) as source:
            for name, (size, crc) in files.items():
                if not _is_right(f"{place}/{name}", size, crc):
                    _write(f"{place}/{name}", source.read(name))
    finally:
        os.close(lock)
    _touch(place)
    with suppress(OSError), open(_proof(place), "wb") as file:  # a read-only home: each start reads all files
        os.utime(file.fileno())


def _is_right(path: str, size: int, crc: int) -> bool:
    from zlib import crc32

    try:
        with open(path, "rb") as file:
            content = file.read(size + 1)
    except OSError:
        return False
    return len(content) == size and crc32(content) == crc


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    mine = f"{path}.{os.urandom(8).hex()}"
    try:
        with open(mine, "xb") as file:
            file.write(content)
        os.replace(mine, path)
    except OSError:
        if os.path.exists(mine):
            os.unlink(mine)
        raise


def _remove_left(place: str, files: Files, before: float) -> None:
    """Remove what starts that were killed were writing then, and the proofs of boots that are long over."""
    for folder, _, names in os.walk(place):
        for name in names:
            path = os.path.join(folder, name)
            whole, _, ending = os.path.relpath(path, place).rpartition(".")
            with suppress(OSError):
                modified = os.stat(path).st_mtime
                if whole in files and len(ending) == 16 and not set(ending) - set("0123456789abcdef"):
                    if modified <= before:
                        os.unlink(path)
                elif folder == place and name.startswith(PROOF) and modified < time.time() - UNUSED:
                    os.unlink(path)


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
