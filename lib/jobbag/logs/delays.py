"""How long after a job's end its log is whole.

Lines arrive late: CloudWatch Logs gives no sign of the end of a stream, and no figure for its delay. So a stream is
read once its job has been over for a while, and that while follows from the delays (ingestionTime - timestamp) of the
lines that this run has seen; a reading that came too early is repeated.
"""

from __future__ import annotations

import threading

FIRST_SETTLE = 5.0  # s after a job's end, as long as nothing is known of the delays
SHORTEST_SETTLE, LONGEST_SETTLE = 1.0, 60.0  # s
EMPTY_SETTLE = 10.0  # s, at least, for a log without a line: it may have come later
MISSING_SETTLE = 20.0  # s, at least, for a stream that does not exist


class Delays:
    """The delays seen so far, and the seconds to wait that follow from them. Safe to share between threads."""

    def __init__(self, *, embedded: bool) -> None:
        self._embedded = embedded  # the embedded AWS ends a job after the last line of its log is in
        self._worst: float | None = None  # s, the longest delay
        self._marked = False  # a log had the launcher's end mark
        self._lock = threading.Lock()

    def saw(self, delay: float) -> None:
        """Note that a line came `delay` seconds after it was written."""
        with self._lock:
            self._worst = max(self._worst or 0.0, delay)

    def saw_mark(self) -> None:
        """Note that a log ended with the launcher's mark: those of other jobs may, too, and need no wait."""
        self._marked = True

    def first_look(self) -> float:
        """Seconds after a job's end until its log is read for the first time."""
        return min(self.settle(), SHORTEST_SETTLE) if self._marked else self.settle()

    def settle(self, lines: int | None = None, *, missing: bool = False) -> float:
        """Seconds after a job's end from which on a reading of its log is taken for whole.

        `lines`: how many the log has so far (None: it was not read yet); `missing`: there is no stream.
        """
        if self._embedded:
            return 0.0
        worst = self._worst
        usual = FIRST_SETTLE if worst is None else min(max(2 * worst + 1, SHORTEST_SETTLE), LONGEST_SETTLE)
        if lines == 0:
            return max(usual, MISSING_SETTLE if missing else EMPTY_SETTLE)
        return usual
