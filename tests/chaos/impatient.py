"""The command with short waits, for an AWS on this machine: `impatient.py FACTOR PYTHON SCRIPT WORD ...`.

How long it waits for late log lines, for what AWS does not show yet, and between two attempts of a call is multiplied
by the factor.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import is_zipfile
from zipimport import zipimporter


def modules(script: str) -> str:
    """Where the modules of the command are."""
    if is_zipfile(script):  # of `make zipapp`
        sys.path.insert(0, script)
        found: str = import_module("unpack").modules(zipimporter(script))
        return found
    return str(Path(__file__).resolve().parents[2] / "lib")


sys.path.insert(0, modules(sys.argv[3]))

from jobbag import cli  # noqa: E402
from jobbag.aws import client  # noqa: E402
from jobbag.entities import creation, waiting  # noqa: E402
from jobbag.jobs import monitor, poll_schedule, submission  # noqa: E402
from jobbag.logs import delays, fetcher  # noqa: E402
from jobbag.run import abandon  # noqa: E402
from jobbag.s3 import uploads  # noqa: E402


def hurry(factor: float) -> None:
    """Shorten the waits."""
    waits: dict[Any, tuple[str, ...]] = {
        delays: ("FIRST_SETTLE", "SHORTEST_SETTLE", "EMPTY_SETTLE", "MISSING_SETTLE"),
        monitor: ("TICK",),
        fetcher: ("TICK",),
        monitor.Monitor: ("leaving",),
        fetcher.LogFetcher: ("leaving",),
        poll_schedule: ("FIRST", "LONGEST", "MARGIN"),
        uploads: ("LEAVING",),
        waiting: ("FIRST_PAUSE", "LONGEST_PAUSE"),
    }
    for owner, names in waits.items():
        for name in names:
            setattr(owner, name, getattr(owner, name) * factor)
    for looking in (submission, creation, abandon):
        looking.LOOKS = tuple(look * factor for look in looking.LOOKS)  # type: ignore[attr-defined]
    submission.AGAIN = tuple(pause * factor for pause in submission.AGAIN)  # type: ignore[assignment]
    calls: Any = client
    pauses = calls.wait_random_exponential
    calls.wait_random_exponential = lambda multiplier, max: pauses(multiplier=multiplier * factor, max=max * factor)
    monitor.CALLS_PER_SECOND = 20.0


def main() -> int:
    """Run the command, as the process that it is: signals that come after its end are ignored."""
    hurry(float(sys.argv[1]))
    del sys.argv[1:4]
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
