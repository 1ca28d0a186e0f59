"""What a stream can show: its size, colours that mean something, and marks, for whoever sees no colours."""

from __future__ import annotations

import os
import re
from enum import Enum
from typing import NamedTuple, TextIO

COLOURS = ("auto", "always", "never")
SUCCEEDED = re.compile(r"(?<![\d,.])[1-9][\d,]* (?:succeeded|SUCCEEDED)\b")  # counts that are not zero
FAILED = re.compile(r"(?<![\d,.])[1-9][\d,]* (?:failed|FAILED)\b")


class Tone(str, Enum):
    """What a colour means; the value is the terminal's code for it."""

    PLAIN = ""
    DONE = "32"  # green
    FAILED = "31"  # red
    REST = "2"  # grey
    COUNTS = "counts"  # those of jobs that succeeded and failed have the colours of these


class Mark(Enum):
    """What a line tells, in one letter and, where the encoding of a terminal lacks that, in plain ones."""

    letter: str
    letters: str
    tone: Tone

    def __init__(self, letter: str, letters: str, tone: Tone) -> None:
        self.letter, self.letters, self.tone = letter, letters, tone

    DONE = "✓", "ok  ", Tone.DONE
    FAILED = "✗", "FAIL", Tone.FAILED
    WARNING = "!", "!   ", Tone.PLAIN
    NONE = " ", "    ", Tone.PLAIN


class Look(NamedTuple):
    """What can be written to a stream."""

    terminal: bool
    dumb: bool  # it cannot move the cursor
    colour: bool
    letters: bool  # it takes letters beyond ASCII, such as the marks

    def painted(self, text: str, tone: Tone) -> str:
        """The text in the colour of a tone."""
        if not self.colour or tone is Tone.PLAIN:
            return text
        if tone is Tone.COUNTS:
            text = SUCCEEDED.sub(lambda found: self.painted(found[0], Tone.DONE), text)
            return FAILED.sub(lambda found: self.painted(found[0], Tone.FAILED), text)
        return f"\x1b[{tone.value}m{text}\x1b[0m"

    def marked(self, mark: Mark) -> str:
        """The mark, as it can be shown."""
        return self.painted(mark.letter if self.letters else mark.letters, mark.tone)


def look_of(stream: TextIO | None, colour: str = "auto") -> Look:
    """What can be written to a stream. `colour`: one of COLOURS."""
    terminal = stream is not None and stream.isatty()
    dumb = not terminal or os.environ.get("TERM", "dumb") in ("dumb", "unknown")
    wanted = colour == "always" or (colour == "auto" and not dumb and not os.environ.get("NO_COLOR"))
    return Look(terminal, dumb, wanted, _takes_letters(stream))


def _takes_letters(stream: TextIO | None) -> bool:
    try:
        "✓✗━─".encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def size_of(stream: TextIO | None) -> os.terminal_size | None:
    """Columns and lines of the terminal that the stream is; None if it is none, or does not say."""
    try:
        size = os.get_terminal_size(stream.fileno()) if stream is not None and stream.isatty() else None
    except (OSError, ValueError):
        return None
    return size if size and size.columns and size.lines else None
