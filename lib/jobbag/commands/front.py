"""Who asks for a run: the command on its terminal, or a program. All that a run needs of either."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from jobbag.display.event_lines import AllEnds, log_event
from jobbag.display.progress import Progress
from jobbag.display.question import asking
from jobbag.display.views import Ground, Plain, showing
from jobbag.events.consumers import Consumer
from jobbag.events.state import RunState
from jobbag.options.settings import Settings
from jobbag.signals import Signals, Stops
from jobbag.terminal import size_of
from jobbag.tool_log import ToolLog

Hearing = AbstractContextManager[list[Consumer]]


class Front(Protocol):
    """What a run needs of who asks for it."""

    @property
    def stops(self) -> Stops:
        """By which the run is stopped."""

    @property
    def may_ask(self) -> bool:
        """Whether somebody may be asked for a code of MFA."""

    @property
    def size(self) -> os.terminal_size | None:
        """Of the terminal on which the end is told; None: there is none."""

    def open_log(self) -> Path | None:
        """Open the log file; None: there is none. Raises InputError."""

    def showing(
        self, settings: Settings, progress: Progress, state: RunState
    ) -> AbstractContextManager[list[Consumer]]:
        """Show the run during this context. Gives who is to hear of its events, after the state has."""

    def asking(self, settings: Settings, state: RunState) -> AbstractContextManager[object]:
        """A context, inside the one of `showing`, in which SIGINT asks."""


class Terminal:
    """The command."""

    may_ask = True

    def __init__(self, tool_log: ToolLog, signals: Signals) -> None:
        self.stops = signals
        self._signals = signals
        self._tool_log = tool_log
        self._ground: Ground = Plain()

    @property
    def size(self) -> os.terminal_size | None:
        return size_of(sys.stderr)

    def open_log(self) -> Path | None:
        return self._tool_log.open()

    @contextmanager
    def showing(self, settings: Settings, progress: Progress, state: RunState) -> Iterator[list[Consumer]]:
        with showing(settings, progress, state, self._tool_log) as shown:
            self._ground = shown.ground
            yield shown.consumers

    def asking(self, settings: Settings, state: RunState) -> AbstractContextManager[object]:
        return asking(settings, self._signals, self._ground, state)


class Program:
    """A Python program: nothing is shown, but logged, and it may hear of the events itself."""

    may_ask = False
    size = None

    def __init__(self, stops: Stops, hear: Consumer) -> None:
        self.stops = stops
        self._hear = hear

    def open_log(self) -> Path | None:
        return None

    def showing(self, _: Settings, progress: Progress, __: RunState) -> Hearing:
        return nullcontext([log_event, AllEnds(), progress, self._hear])

    def asking(self, _: Settings, __: RunState) -> AbstractContextManager[object]:
        return nullcontext()
