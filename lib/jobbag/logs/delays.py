"""How long after a job's end its log is whole.

Lines arrive late: CloudWatch Logs gives no sign of the end of a stream, and no figure for its delay. So a stream is
read once its job has been over for a while, and that while follows from the delays (ingestionTime - timestamp) of the
lines that this run has seen; a reading that came too early is repeated. Where the launcher starts a job, its end mark
is the last line, and that is looked for as soon as it may be there.
"""

from __future__ import annotations

import threading

FIRST_SETTLE = 5.0  # s after a job's end, as long as nothing is known of the delays
FIRST_LOOK = 3.0  # s after a job's end, in the same case: the lines that are there by then may tell enough
FIRST_LOOK_FOR_MARK = 0.25  # s, the same for an end mark
SHORTEST_SETTLE, LONGEST_SETTLE = 1.0, 60.0  # s
EMPTY_SETTLE = 10.0  # s, at least, for a log without a line: it may have come later
MISSING_SETTLE = 20.0  # s, at least, for a stream that does not exist
MARGIN = 0.1  # s after the time at which an end mark is expected
GROWTH = 1.5  # of the time from a job's end to a look for its end mark, from one look to the next


class Delays:
    """The delays seen so far, and the seconds to wait that follow from them. Safe to share between threads."""

    def __init__(self, *, embedded: bool) -> None:
        self._embedded = embedded  # the embedded AWS ends a job after the last line of its log is in
        self._worst = 0.0  # s, the longest delay
        self._is_known = False  # it is that of lines of which even late ones had the time to come
        self._mark: float | None = None  # s after its job's end at which the latest end mark came
        self._lock = threading.Lock()

    def saw(self, delay: float, age: float) -> None:
        """Note that a line came `delay` seconds after it was written, and was read `age` seconds after that.

        Of young lines, those that come late are not there yet: they do not tell how late lines come.
        """
        with self._lock:
            self._worst = max(self._worst, delay)
            self._is_known = self._is_known or age >= FIRST_SETTLE

    def saw_mark(self, after: float) -> None:
        """Note that a log ended with the launcher's mark, which came so many seconds after the job's end."""
        self._mark = max(after, 0.0)

    def first_look(self, *, launched: bool) -> float:
        """Seconds after a job's end until its log is read for the first time. `launched`: it will have an end mark."""
        usual = self.settle()
        if launched:
            return min(usual, FIRST_LOOK_FOR_MARK if self._mark is None else self._mark + MARGIN)
        return usual if self._is_known else min(usual, FIRST_LOOK)

    def next_look(self, after: float, settled: float, *, launched: bool) -> float:
        """The same of the next time, when a reading `after` the job's end was too early.

        `settled`: s from which on a reading is taken for whole.
        """
        expected = self._worst + MARGIN
        soon = expected if expected > after else max(GROWTH * after, FIRST_LOOK_FOR_MARK)
        return min(settled, soon) if launched else settled

    def settle(self, lines: int | None = None, *, missing: bool = False) -> float:
        """Seconds after a job's end from which on a reading of its log is taken for whole.

        `lines`: how many the log has so far (None: it was not read yet); `missing`: there is no stream.
        """
        if self._embedded:
            return 0.0
        usual = 2 * self._worst + SHORTEST_SETTLE
        usual = min(usual if self._is_known else max(usual, FIRST_SETTLE), LONGEST_SETTLE)
        if lines == 0:
            return max(usual, MISSING_SETTLE if missing else EMPTY_SETTLE)
        return usual
