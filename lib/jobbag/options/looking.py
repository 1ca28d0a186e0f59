"""The options for another terminal than that of the run, and what is wrong with how they are given."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from enum import Enum

from jobbag.errors import Problem
from jobbag.options.option import Option


class Mode(Enum):
    """What the command is to do: run jobs, only create or delete entities, or see to a run that goes on elsewhere."""

    RUN = "run"
    CREATE = "create"
    DELETE = "delete"
    STATUS = "status"
    LOGS = "logs"
    CANCEL = "cancel"


LOOKING = (
    Option(
        ("--status",),
        "Say how far the run is, what failed and why, what is waited for, and who holds it, from its journal alone: "
        "nothing is asked of AWS. Without a bag and --prefix: a line for each journal in the directory.",
    ),
    Option(("--watch",), "With --status: say it again and again, until the run ends."),
    Option(
        ("--logs",),
        "Print the output of a job of the run: from its files or, while it runs, from CloudWatch Logs. With --follow, "
        "until the job ends.",
        "job",
    ),
    Option(
        ("--cancel",),
        "Stop the run, wherever it was started: terminate its jobs, collect their output, and remove what it made. "
        "The same command without this option goes on with it.",
    ),
)
_MODES = (("status", Mode.STATUS), ("logs", Mode.LOGS), ("cancel", Mode.CANCEL))
_OTHERS = ("create", "delete", "dry-run", "print-bag", "print-schema")


def mode_of(options: argparse.Namespace) -> Mode | None:
    """Which of the three it is, of a run that was started elsewhere; None: it is none of them."""
    return next((mode for name, mode in _MODES if getattr(options, name) not in (None, False)), None)


def looking_problems(options: argparse.Namespace) -> Iterator[Problem]:
    """What is wrong with these options."""
    given = [f"--{name}" for name, _ in _MODES if getattr(options, name) not in (None, False)]
    others = [f"--{name}" for name in _OTHERS if getattr(options, name.replace("-", "_"))]
    if given and len(given) + len(others) > 1:
        yield Problem("usage", f"{' and '.join([*given, *others])} exclude each other")
    if options.logs == "":
        yield Problem("--logs", "give the name of a job")
    if options.watch and not options.status:
        yield Problem("usage", "--watch is for --status only")
    if options.cancel and not options.prefix and not (options.submit_files or options.commands or options.sweep):
        yield Problem("--cancel", "name the run to stop: give its bag, or --prefix (--status lists the runs)")
