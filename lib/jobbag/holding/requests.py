"""What others ask of the run that holds a journal: that it stop, in order. A file beside the journal says so.

It works wherever the journal can be seen, where a signal would need the same machine. It names the start that it is
for, by the id in the file of the lock: any other one passes it over, so that it never stops a later start.
"""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from pathlib import Path

from jobbag.files import naming


def path_of(journal: Path) -> Path:
    """The file with the request."""
    return journal.with_name(f"{journal.name}.cancel")


def ask(journal: Path, holder: str) -> None:
    """Ask the start with this id to stop. Raises OSError."""
    path = path_of(journal)
    new = path.with_name(f"{path.name}.{secrets.token_hex(16)}")
    try:
        with naming(path):
            new.write_text(json.dumps({"holder": holder}))
            new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def is_asked(journal: Path, holder: str) -> bool:
    """Whether the start with this id is asked to stop, and has not heard it yet."""
    try:
        content = json.loads(path_of(journal).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("holder") == holder


def heard(journal: Path, holder: str) -> bool:
    """The same for the holder itself, which thereby says that it knows; or for others, when that has ended."""
    if not is_asked(journal, holder):
        return False
    with suppress(OSError):
        path_of(journal).unlink()
    return True
