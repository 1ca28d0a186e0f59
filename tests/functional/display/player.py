"""Plays a run to the display, as the lines of stdin say: `python -m functional.display.player TICK HOW`."""

from __future__ import annotations

import logging
import shlex
import sys
import threading
from pathlib import Path

from jobbag.bag.job import Bag, Job
from jobbag.display import views
from jobbag.display.progress import Progress
from jobbag.events.events import Making, Staged, StagingBegun, StateChanged, Submitted, Uploading
from jobbag.events.observation import Observation, now_ms
from jobbag.tool_log import ToolLog

log = logging.getLogger("jobbag.player")


def play(progress: Progress, jobs: tuple[Job, ...], words: list[str]) -> None:
    """What one line of stdin means."""
    match words:
        case ["job", first, last, state]:
            for one in jobs[int(first) - 1 : int(last)]:
                progress(StateChanged(one, str(one.number), Observation(state)))
        case ["submit", first, last]:
            for one in jobs[int(first) - 1 : int(last)]:
                progress(Submitted(one, str(one.number)))
        case ["files", number, size]:
            progress(StagingBegun(int(number), int(size)))
        case ["upload", item, size]:
            progress(Uploading(item, int(size)))
        case ["sent", item, size]:
            progress(Staged(item, item, int(size), 0, True))
        case ["make", kind, name]:
            progress(Making(kind, name))
        case ["log", text]:
            log.info("%s", text)
        case ["flood", threads, lines]:
            floods = [threading.Thread(target=flood, args=(number, int(lines))) for number in range(int(threads))]
            for thread in floods:
                thread.start()
            for thread in floods:
                thread.join()
        case _:
            raise SystemExit(f"what is {words}?")


def flood(number: int, lines: int) -> None:
    """Many lines at once."""
    for line in range(lines):
        log.info("line %d of %d", line, number)


def main() -> None:
    views.TICK, views.IDLE, views.SELDOM = float(sys.argv[1]), 60.0, float(sys.argv[1])
    jobs = tuple(Job(n, f"job {n}", "/bin/true", (), {}, (), {}, Path("bag.in")) for n in range(1, 5001))
    progress = Progress(Bag(jobs, ()), now_ms(), lambda: None)
    with ToolLog("info", None) as tool_log, views.shown(sys.argv[2], "bag", progress, tool_log):
        for line in sys.stdin:
            play(progress, jobs, shlex.split(line))


if __name__ == "__main__":
    main()
