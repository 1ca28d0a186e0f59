"""The page of a run while it lasts: written anew now and then, beside the run, which it neither delays nor fails."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobbag.errors import Cancelled, ToolError
from jobbag.files import replacing
from jobbag.report import page
from jobbag.report.summary import Ended
from jobbag.threads import join, start

log = logging.getLogger(__name__)

FIRST = 5.0  # s from the start: a run that is over by then has its page at once
PAUSE = 60.0  # s between two pages, at least
SHARE = 50  # and so many times as long as the last one took
PARTS, BREATH = 100, 0.02  # after so many jobs, whose part takes about as long, other threads get so many seconds


@contextmanager
def kept_up(path: Path | None, so_far: Callable[[int], Ended]) -> Iterator[None]:
    """Write the page of a run to the file at `path`, if there is to be one, again and again during this context.

    `so_far` gives the run as it is at the moment; it is told in how many seconds it will be asked again.
    """
    over = threading.Event()
    threads: list[threading.Thread] = []
    if path is not None:
        with suppress(ToolError):  # the system allows no thread: the page comes at the end
            threads = start([threading.Thread(target=_keep_up, args=(path, so_far, over), name="report", daemon=True)])
    try:
        yield
    finally:
        over.set()
        join(threads, None)  # it is at most in a single write, and the last page takes the same way


def _keep_up(path: Path, so_far: Callable[[int], Ended], over: threading.Event) -> None:
    pause, told = FIRST, False
    while not over.wait(pause):
        began = time.monotonic()
        pause = max(PAUSE, pause)
        try:
            _write(path, so_far(round(pause)), over)
        except Cancelled:
            return
        except Exception as error:
            if not told:
                why = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
                log.warning("the report %s is not written while the run lasts: %s", path, why)
            told = True
        else:
            if not told:
                log.info("the report %s shows the run so far, and is written anew each minute at most", path)
            told = True
        pause = max(PAUSE, SHARE * (time.monotonic() - began))


def _write(path: Path, end: Ended, over: threading.Event) -> None:
    """Put the page into the file, whole, by rename. Raises Cancelled when the run is over."""
    with replacing(path.resolve()) as part, part.open("w", encoding="utf-8") as file:
        for number, text in enumerate(page.of(path, end)):
            if over.is_set() or (number % PARTS == PARTS - 1 and over.wait(BREATH)):
                raise Cancelled
            file.write(text)
