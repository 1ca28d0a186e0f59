"""Events of a log stream → the lines that the container wrote.

Mostly an event is a line. With a multiline option of the awslogs driver it is several, each with its newline; and of a
line that is too long for an event, the pieces follow one another, with one timestamp.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Bytes at which a line is cut: by the driver, by whoever reads the container's output, and by old versions of both.
_EVENT, _BUFFER, _OLD_BUFFER = 262_118, 262_144, 16_384


class Lines:
    """Takes the events of a stream in their order, and gives the lines of it."""

    def __init__(self) -> None:
        self._pieces: list[str] = []  # of a line that may go on
        self._size = 0  # bytes of the events that they came with
        self._at = 0  # their timestamp
        self._is_old = True  # no event was too long for the old size

    def take(self, event: Mapping[str, Any]) -> Iterator[str]:
        """The lines that are whole with the next event."""
        text, at = event["message"], event["timestamp"]
        if self._pieces and at != self._at:
            yield from self.rest()
        size = _bytes(text)
        self._is_old = self._is_old and size <= _OLD_BUFFER
        self._size, self._at = self._size + size, at
        *whole, last = text.removesuffix("\n").split("\n")
        for line in whole:
            self._pieces.append(line)
            yield "".join(self._pieces)
            self._pieces = []
        self._pieces.append(last)
        if text.endswith("\n") or not self._may_go_on():
            yield from self.rest()

    def rest(self) -> Iterator[str]:
        """The line that might have gone on, if there is one."""
        pieces, self._pieces, self._size = self._pieces, [], 0
        if pieces:
            yield "".join(pieces)

    def _may_go_on(self) -> bool:
        size = self._size
        cut = size % _BUFFER in (0, _EVENT) or size % _EVENT == 0 or (self._is_old and size % _OLD_BUFFER == 0)
        return size > 0 and cut


def _bytes(text: str) -> int:
    """The size in UTF-8; only a lower bound of it where that is too little for a piece."""
    return len(text) if len(text) * 4 < _OLD_BUFFER else len(text.encode(errors="replace"))
