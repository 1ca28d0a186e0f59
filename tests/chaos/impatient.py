"""The command with short waits, for an AWS on this machine: `impatient.py FACTOR PYTHON SCRIPT WORD ...`.

How long it waits for late log lines, and for jobs that AWS does not show yet, is multiplied by the factor.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lib"))

from jobbag import cli, logs, monitor, schedule, streams, submission


def hurry(factor: float) -> None:
    """Shorten the waits."""
    waits = {
        streams: ("FIRST_SETTLE", "SHORTEST_SETTLE", "EMPTY_SETTLE", "MISSING_SETTLE"),
        monitor: ("TICK",),
        logs: ("TICK",),
        schedule: ("FIRST", "LONGEST", "MARGIN"),
    }
    for module, names in waits.items():
        for name in names:
            setattr(module, name, getattr(module, name) * factor)
    submission.LOOKS = tuple(look * factor for look in submission.LOOKS)  # type: ignore[assignment]
    monitor.CALLS_PER_SECOND = 20.0


if __name__ == "__main__":
    hurry(float(sys.argv[1]))
    sys.exit(cli.main(sys.argv[4:]))
