"""Files that are replaced whole, and files with the names that jobs have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def named(name: str) -> Path:
    """The file whose name is this one in UTF-8, also in a locale that has no letters for it."""
    return Path(os.fsdecode(name.encode()))


@contextmanager
def replaced(path: Path) -> Iterator[TextIO]:
    """A new content of the file at `path`, which takes the place of the old one at the end, if there was no error."""
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
