"""Files that are replaced whole, numbered files, and files with the names that jobs have."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO, TextIO, TypeVar

Made = TypeVar("Made")

STDIN = Path("-")  # where a file is to be read, and this is given

# What a file system says that cannot do something at all, and not only now.
_UNSUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_NO_DIRECTORIES = {*_UNSUPPORTED, errno.EBADF, errno.EISDIR, errno.EACCES, errno.EPERM}  # of syncing a directory
_NO_RENAME = {*_UNSUPPORTED, errno.EXDEV, errno.EPERM, errno.EBUSY}
_said: set[str] = set()  # of what it was said that it is not supported


class WriteError(OSError):
    """A file could not be written: the disk is full, or a quota is used up."""

    def __str__(self) -> str:
        return f"cannot write {self.filename}: {self.strerror}"


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Raises WriteError for an OSError that does not say about which file it is: about the file at `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise WriteError(error.errno, error.strerror or str(error), str(path)) from error


def opened(path: Path) -> BinaryIO:
    """The bytes of a file, or of stdin for STDIN; they can be read again from the start. Raises OSError."""
    if path == STDIN:
        return io.BytesIO(sys.stdin.buffer.read())
    file = path.open("rb")
    if file.seekable():
        return file
    with file:  # a pipe, such as <(command) of a shell
        return io.BytesIO(file.read())


def stem_of(path: Path) -> str:
    """What the name of the file of a bag gives to what is named after it."""
    return "bag" if path == STDIN else path.stem.lstrip(".") or "bag"


def named(name: str) -> Path:
    """The path of the file with this name in UTF-8, whatever the encoding of the locale is."""
    return Path(os.fsdecode(name.encode()))


def with_directory(path: Path, make: Callable[[], Made]) -> Made:
    """What `make` gives, which makes the file at `path`; its directory, too, if that is not there."""
    try:
        return make()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return make()


def beside(path: Path) -> Path:
    """Where the new content of the file at `path` is written until it is whole."""
    return path.with_name(f"{path.name}.part")


def put_in_place(path: Path) -> None:
    """Let what was written `beside` it take the place of the file at `path`, whole."""
    part = beside(path)
    try:
        os.replace(part, path)
    except OSError as error:
        if error.errno not in _NO_RENAME or not part.exists():
            raise
        _say_once(
            f"cannot rename ({error.strerror}): a file that is half written when the run is killed stays so", path
        )
        import shutil  # slow to import, and --help does not need it

        shutil.copyfile(part, path)
        part.unlink()


def fsync(file: int, path: Path) -> None:
    """Have what was written to the open file at `path` on disk, as far as its file system can promise that.

    Raises OSError.
    """
    try:
        with naming(path):
            os.fsync(file)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        _say_once(f"has no fsync ({error.strerror}): what is written last may be lost with this machine", path)


def sync(path: Path) -> None:
    """The same for the content of the file at `path`, or for the names in that directory."""
    try:
        file = os.open(path, os.O_RDONLY)
        try:
            fsync(file, path)
        finally:
            os.close(file)
    except OSError as error:
        if error.errno not in _NO_DIRECTORIES or not path.is_dir():
            raise
        _say_once(f"syncs no directories ({error.strerror}): a new file may be lost with this machine", path)


def _say_once(what: str, path: Path) -> None:
    if what not in _said:
        import logging  # slow to import, and --help does not need it

        _said.add(what)
        logging.getLogger(__name__).warning("the file system of %s %s", path, what)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Where to write the new content of the file at `path`, which is put in its place at the end.

    After an error, the old file is there as it was, and nothing beside it.
    """
    try:
        yield beside(path)
        put_in_place(path)
    except BaseException:
        beside(path).unlink(missing_ok=True)
        raise


@contextmanager
def replaced(path: Path) -> Iterator[TextIO]:
    """A new content of the file at `path`, as text, which takes the place of the old one durably."""
    target = path.resolve()  # a link stays one
    with replacing(target) as part, naming(path), part.open("w", encoding="utf-8") as file:
        yield file
        file.flush()
        fsync(file.fileno(), path)


def first_free(path: Path, make: Callable[[Path], object]) -> Path:
    """The first of FILE.000, FILE.001, … that is not there yet.

    `make` makes a file, or raises FileExistsError where there is one.
    """
    numbers = count()
    while True:
        free = path.with_name(f"{path.name}.{next(numbers):03d}")
        with suppress(FileExistsError):
            make(free)
            return free
