"""A run that Ctrl-C asks about, and that says what it was told: `python -m functional.display.asker HOW`.

SIGUSR1 makes it say something; SIGUSR2 lets another process group have the terminal, as a shell does.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import sys

from jobbag.bag.job import Bag
from jobbag.display import views
from jobbag.display.progress import Progress
from jobbag.display.question import Question
from jobbag.errors import Interrupted
from jobbag.events.observation import now_ms
from jobbag.signals import Signals
from jobbag.threads import next_of
from jobbag.tool_log import ToolLog

log = logging.getLogger("jobbag.asker")


def to_background() -> None:
    """Let another process group have the terminal."""
    other = subprocess.Popen(["sleep", "60"], preexec_fn=os.setpgrp)
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, other.pid)
    signal.signal(signal.SIGTTOU, before)


def main() -> None:
    heard: queue.SimpleQueue[Interrupted | None] = queue.SimpleQueue()
    signal.signal(signal.SIGUSR1, lambda *_: heard.put(None))
    signal.signal(signal.SIGUSR2, lambda *_: to_background())
    progress = Progress(Bag((), ()), now_ms(), lambda: None)
    with (
        Signals() as signals,
        ToolLog("info", None) as tool_log,
        views.shown(sys.argv[1], "bag", progress, tool_log) as ground,
    ):
        signals.deliver_to(heard.put)
        with Question(signals, ground, lambda: 40, detach=True):
            log.info("ready")
            while (told := next_of(heard)) is None:  # SIGUSR1 may go to another thread
                log.info("said meanwhile")
        log.info("%s, jobs %s", told.exit_code.name, "go on" if told.leaves_jobs else "end")


if __name__ == "__main__":
    main()
