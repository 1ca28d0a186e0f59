"""How long after a job's end its log is whole."""

from __future__ import annotations

import threading

FIRST_SETTLE = 5.0  # s after a job's end to read its log, as long as nothing is known of the delays
SHORTEST_SETTLE, LONGEST_SETTLE = 1.0, 60.0  # s
EMPTY_SETTLE = 10.0  # s; a log without a line shows no delay
MISSING_SETTLE = 20.0  # s; the log driver makes the stream before the container starts


class Delays:
    """How long after a job's end its log is whole, by the delays seen so far. Shared by the readers."""

    def __init__(self, *, embedded: bool) -> None:
        self._embedded = embedded  # the embedded AWS ends a job after the last line of its log is in
        self._worst: float | None = None  # s
        self._marked = False
        self._lock = threading.Lock()

    def saw(self, delay: float) -> None:
        """A line came `delay` seconds after it was written."""
        with self._lock:
            self._worst = max(self._worst or 0.0, delay)

    def saw_mark(self) -> None:
        """A log ended with the launcher's mark; those of other jobs may do so, too."""
        self._marked = True

    def first_look(self) -> float:
        """Seconds after a job's end when its log is worth a first look."""
        return min(self.settle(), SHORTEST_SETTLE) if self._marked else self.settle()

    def settle(self, lines: int | None = None, *, missing: bool = False) -> float:
        """Seconds to wait after the end of a job whose log has so many lines so far (None: not looked yet)."""
        if self._embedded:
            return 0.0
        worst = self._worst
        usual = FIRST_SETTLE if worst is None else min(max(2 * worst + 1, SHORTEST_SETTLE), LONGEST_SETTLE)
        if lines == 0:
            return max(usual, MISSING_SETTLE if missing else EMPTY_SETTLE)
        return usual
