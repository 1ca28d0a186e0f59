"""Shows how far a run is while it lasts: at the bottom of the terminal, or in the log."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jobbag.display.event_lines import AllEnds, FewEnds, log_event
from jobbag.display.job_lines import JobLines, lines_on
from jobbag.display.progress import Progress, Snapshot
from jobbag.errors import ToolError
from jobbag.events.consumers import Consumer
from jobbag.events.state import RunState
from jobbag.options.settings import Settings
from jobbag.terminal import Tone
from jobbag.threads import join, start
from jobbag.tool_log import ToolLog, style

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

    def close(self) -> None:
        """Show nothing any more; the end is told elsewhere."""


class Lines:
    """A view: a line in the log whenever something has changed."""

    def __init__(self) -> None:
        self._told = (0, "")

    def show(self, now: Snapshot) -> None:
        if (now.changes, now.waits_for) != self._told:
            self._told = now.changes, now.waits_for
            log.info("%s", now, extra=style(tone=Tone.COUNTS))

    def close(self) -> None:
        pass


class Ground(Protocol):
    """Where text for stderr goes while a run lasts, and where a question can stand that nothing covers."""

    def write(self, text: str, /) -> None:
        """Take whole lines, from any thread."""

    def ask(self, question: str) -> None:
        """Write a question, and nothing behind it until it is answered. The same again if the user has not understood,
        or the terminal was another's meanwhile."""

    def answered(self, *, by_line: bool) -> None:
        """Go on, below the question. `by_line`: the user has ended its line."""

    def resumed(self) -> None:
        """Others may have written to the terminal: the process was stopped for a while."""


class Plain:
    """stderr as it is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[str] | None = None  # while a question stands there

    def write(self, text: str, /) -> None:
        with self._lock:
            if self._kept is None:
                sys.stderr.write(text)
                sys.stderr.flush()
            else:
                self._kept.append(text)

    def ask(self, question: str) -> None:
        with self._lock:
            self._kept = self._kept or []
            sys.stderr.write(f"\r{question}")  # over the ^C that the terminal shows
            sys.stderr.flush()

    def answered(self, *, by_line: bool) -> None:
        with self._lock:
            sys.stderr.write("".join((*([] if by_line else ["\n"]), *(self._kept or ()))))
            sys.stderr.flush()
            self._kept = None

    def resumed(self) -> None:
        pass


class Live:
    """A view: a frame at the bottom of the terminal. Text written to it appears above, with the next frame."""

    def __init__(self, new_screen: Callable[[], Screen]) -> None:
        """`new_screen` begins to draw, below what the terminal shows."""
        self._new_screen = new_screen
        self._screen = new_screen()
        self._above: deque[str] = deque()
        self._drawn = 0, float("-inf")  # changes, and when (time.monotonic())
        self._lock = threading.Lock()
        self._asks = False

    def write(self, text: str, /) -> None:
        self._above.append(text)

    def show(self, now: Snapshot) -> None:
        with self._lock:
            changes, when = self._drawn
            if self._asks or not (self._above or now.changes != changes or time.monotonic() - when >= IDLE):
                return
            self._drawn = now.changes, time.monotonic()
            self._screen.show(now, self._take())

    def ask(self, question: str) -> None:
        with self._lock:
            if not self._asks:
                self._screen.clear(self._take())
            self._asks = True
            self._screen.write(f"\r{question}")

    def answered(self, *, by_line: bool) -> None:
        with self._lock:
            self._screen.write("" if by_line else "\n")
            self._asks = False
            self._drawn = 0, float("-inf")

    def resumed(self) -> None:
        with self._lock:
            self._screen.write("\r")
            self._screen = self._new_screen()

    def close(self) -> None:
        with self._lock:
            self._screen.clear(self._take())
            self._screen.close()

    def _take(self) -> str:
        return "".join(self._above.popleft() for _ in range(len(self._above)))


@contextmanager
def shown(how: str, title: str, progress: Progress, tool_log: ToolLog) -> Iterator[Live | Plain]:
    """Show how far a run is during this context. `how`: as --progress says. Gives what stderr is meanwhile."""
    if how == "auto" and not tool_log.look.dumb:
        from jobbag.display.live import Screen  # rich is slow to import

        live = Live(lambda: Screen(sys.stderr, title, tool_log.look))
        with tool_log.through(live), _ticking(live, TICK, progress):
            yield live
        return
    plain = Plain()
    with tool_log.through(plain):
        if how == "off":
            yield plain
        else:
            with _ticking(Lines(), SELDOM, progress):
                yield plain


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
        with suppress(OSError):
            view.close()


@dataclass(frozen=True)
class Shown:
    """A run that is shown: what is to be told of its events for that, and where a question can stand."""

    consumers: list[Consumer]
    ground: Ground


@contextmanager
def showing(settings: Settings, progress: Progress, state: RunState, tool_log: ToolLog) -> Iterator[Shown]:
    """Show a run while it lasts. `state` hears of each event before what is given here."""
    how = "off" if settings.quiet else settings.progress
    with shown(how, settings.prefix or "", progress, tool_log) as ground:
        ends = AllEnds() if tool_log.keeps_all else FewEnds(state, tool_log.look if tool_log.is_short else None)
        consumers: list[Consumer] = [log_event, ends, progress]
        if not settings.follow:
            yield Shown(consumers, ground)
            return
        with lines_on(ground if isinstance(ground, Live) else None) as out:
            yield Shown([*consumers, JobLines(out)], ground)
