"""Files that are replaced as a whole, and files with the names of jobs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def named(name: str) -> Path:
    """The path of the file with this name in UTF-8, whatever the encoding of the locale is."""
    return Path(os.fsdecode(name.encode()))


@contextmanager
def replaced(path: Path) -> Iterator[TextIO]:
    """A file to write the new content of `path` to: it replaces the old one, by rename, unless there is an error.

    Raises OSError.
    """
    target = path.resolve()  # a link stays one
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
