"""What a message can say of what to do: the nearest of the names that there are, and a command that is installed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

LIKE = 0.75  # how much a name must be like another to be taken for it, as difflib counts
MANY = 20_000  # names, among which to look for the nearest would take long
SHORTEST = 3  # letters of what is taken for the begin of a name
SHOWN = 5  # names of a list
MOST = 3  # names that may be as well
_BESIDE = re.compile(r"[\W_]+")


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """The known name that somebody may have meant, or several that may be as well; none where that is a guess.

    Letter case, and what stands between letters and digits, count for nothing; a word may be the begin of a name.
    """
    names = {name: bare_of(name) for name in dict.fromkeys(known)}
    bare = bare_of(word)
    if not bare or word in names or len(names) > MANY:
        return []
    same = [name for name, other in names.items() if other == bare]
    begun = [name for name, other in names.items() if len(bare) >= SHORTEST and other.startswith(bare)]
    if same or 0 < len(begun) <= MOST:
        return same or begun
    from difflib import get_close_matches  # slow to import, and mostly nobody asks

    close = get_close_matches(bare, set(names.values()), MOST + 1, LIKE)
    best = [one for one in close if _likeness(one, bare) == _likeness(close[0], bare)]
    found = [name for name, other in names.items() if other in best]
    return found if len(found) <= MOST else []


def same_but_for_spelling(word: str, known: Iterable[str]) -> list[str]:
    """The known names that have the same letters and digits, whatever their case and what stands between them."""
    bare = bare_of(word)
    return [name for name in known if bare_of(name) == bare and name != word]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message: `; did you mean this?`, or nothing."""
    found = nearest(word, known)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def some_of(names: Collection[str], word: str = "", most: int = SHOWN) -> str:
    """`a, b, c and 12 more`, those first that are the most like the word."""
    bare = bare_of(word)
    ordered = sorted(names)
    if word and len(names) <= MANY:
        ordered.sort(key=lambda name: -_likeness(bare_of(name), bare))
    more = f" and {len(ordered) - most:,} more" if len(ordered) > most else ""
    return f"{', '.join(ordered[:most])}{more}"


def file_like(path: Path) -> str:
    """The end of a message on a file that does not exist: `; did you mean that?`, or nothing."""
    if path.exists():
        return ""
    try:
        names = os.listdir(path.parent)
    except (OSError, ValueError):
        return ""
    found = nearest(path.name, names)
    return f"; did you mean {' or '.join(str(path.with_name(name)) for name in found)}?" if found else ""


def command_of_aws(words: str) -> str | None:
    """A command line for the aws command, for a message; None if that is not installed here."""
    import shutil

    return f"`aws {words}`" if shutil.which("aws") else None


def _likeness(name: str, word: str) -> float:
    from difflib import SequenceMatcher

    return SequenceMatcher(None, name, word).ratio()


def bare_of(name: str) -> str:
    """The letters and digits of a name, whatever their case."""
    return _BESIDE.sub("", name).casefold()
