"""The jobs' output on stdout while they run (`--follow`)."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from jobbag.errors import ToolError
from jobbag.events.events import Event, OutputSeen
from jobbag.text import plain
from jobbag.threads import join, start
from jobbag.tool_log import Writable


class JobLines:
    """A consumer of events that writes the lines of the jobs, each behind the name of its job."""

    def __init__(self, out: Writable) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        if isinstance(event, OutputSeen):
            name = plain(f"{event.job.name} ({event.source})" if event.source else event.job.name)
            self._out.write("".join(f"{name}: {plain(line)}\n" for line in event.lines))


class Stdout:
    """stdout, written in a thread of its own, as its reader may be slow, or not read at all."""

    def __init__(self) -> None:
        self._texts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._is_read = True

    def write(self, text: str) -> None:
        """Take text, to be written soon."""
        if self._is_read:
            self._texts.put(text)
            if not self._threads:
                self.finish()

    def start(self) -> None:
        """Begin to write. Where the system allows no thread, each text is written when it comes."""
        with suppress(ToolError):
            self._threads = start([threading.Thread(target=self._run, name="stdout", daemon=True)])

    def finish(self) -> None:
        """Write what is left."""
        self._texts.put(None)
        if self._threads:
            join(self._threads, None)
        else:
            self._run()

    def _run(self) -> None:
        encoding = sys.stdout.encoding or "utf-8"
        try:
            while (text := self._texts.get()) is not None:
                sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
                sys.stdout.flush()
        except OSError:  # nobody reads it any more, which is no reason to stop the run
            self._is_read = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def lines_on(display: Writable | None) -> Iterator[Writable]:
    """What to write lines to: the live display, if there is one and stdout is a terminal, too; else stdout."""
    if display is not None and sys.stdout.isatty():
        yield display
        return
    out = Stdout()
    out.start()
    yield out
    out.finish()  # not after an exception such as a signal: the reader may not read any more
