"""Shows how far a run is while it lasts: at the bottom of the terminal, or in the log."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from jobbag.display.event_lines import EventLines
from jobbag.display.job_lines import JobLines, lines_on
from jobbag.display.progress import Progress, Snapshot
from jobbag.errors import ToolError
from jobbag.events.consumers import Consumer
from jobbag.options.settings import Settings
from jobbag.threads import join, start
from jobbag.tool_log import ToolLog

if TYPE_CHECKING:
    from jobbag.display.live import Screen

log = logging.getLogger(__name__)

TICK = 0.25  # s between two frames, when something has changed
IDLE = 1.0  # s between two frames, when only time has passed
SELDOM = 30.0  # s between two lines in the log, at least


class View(Protocol):
    """A way to show how far a run is."""

    def show(self, now: Snapshot) -> None:
        """Show it, if it is new. Called again and again by one thread."""

    def close(self, last: Snapshot) -> None:
        """Show the end."""


class Lines:
    """A view: a line in the log whenever something has changed."""

    def __init__(self) -> None:
        self._told = (0, "")

    def show(self, now: Snapshot) -> None:
        if (now.changes, now.waits_for) != self._told:
            self._told = now.changes, now.waits_for
            log.info("%s", now)

    def close(self, last: Snapshot) -> None:
        pass  # the end is told anyway


class Live:
    """A view: a frame at the bottom of the terminal. Text written to it appears above, with the next frame."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._above: deque[str] = deque()
        self._drawn = 0, float("-inf")  # changes, and when (time.monotonic())

    def write(self, text: str) -> None:
        """Take whole lines, from any thread."""
        self._above.append(text)

    def show(self, now: Snapshot) -> None:
        changes, when = self._drawn
        if self._above or now.changes != changes or time.monotonic() - when >= IDLE:
            self._drawn = now.changes, time.monotonic()
            self._screen.show(now, "".join(self._above.popleft() for _ in range(len(self._above))))

    def close(self, last: Snapshot) -> None:
        self._drawn = -1, 0.0
        self.show(last)
        self._screen.close()


@contextmanager
def shown(how: str, title: str, progress: Progress, tool_log: ToolLog) -> Iterator[Live | None]:
    """Show how far a run is during this context. `how`: as --progress says. Gives the live display, or None."""
    if how == "auto" and sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
        from jobbag.display.live import Screen  # rich is slow to import

        live = Live(Screen(sys.stderr, title))
        with tool_log.through(live), _ticking(live, TICK, progress):
            yield live
    elif how == "off":
        yield None
    else:
        with _ticking(Lines(), SELDOM, progress):
            yield None


@contextmanager
def _ticking(view: View, pause: float, progress: Progress) -> Iterator[None]:
    """Show the progress each `pause` seconds in a thread, as the main thread may be waiting for AWS."""
    over = threading.Event()

    def work() -> None:
        try:
            while not over.wait(pause):
                view.show(progress.snapshot())
        except OSError:  # the terminal is gone
            return
        except Exception as error:  # a run does not end because it cannot be shown
            log.warning("the progress is not shown any more: %s: %s", type(error).__name__, error)

    started: list[threading.Thread] = []
    with suppress(ToolError):  # the system allows no thread: there is nothing to be seen, but the end
        started = start([threading.Thread(target=work, name="display", daemon=True)])
    try:
        yield
    finally:
        over.set()
        join(started, None)
        progress.end()
        with suppress(OSError):
            view.close(progress.snapshot())


@contextmanager
def showing(settings: Settings, progress: Progress, tool_log: ToolLog) -> Iterator[list[Consumer]]:
    """Show a run while it lasts. Gives what is to be told of its events for that."""
    with shown(settings.progress, settings.prefix or "", progress, tool_log) as live:
        # A terminal has no room for a line on each of thousands that succeed; the display counts them.
        event_lines = EventLines(success=logging.DEBUG if live is not None and tool_log.on_terminal else logging.INFO)
        if not settings.follow:
            yield [event_lines, progress]
            return
        with lines_on(live) as out:
            yield [event_lines, progress, JobLines(out)]
