"""What a command ends with."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobbag.console import complain, say
from jobbag.errors import ExitCode
from jobbag.text import plain

if TYPE_CHECKING:
    from jobbag.report.summary import Ended


@dataclass(frozen=True)
class Result:
    """What the command ends with: its exit status, and what it says on stdout and on stderr.

    `ended`: how a run did, if it was one that has not only looked at jobs that run on.
    """

    exit_code: ExitCode
    lines: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    ended: Ended | None = None

    def say(self) -> None:
        """Say it. Raises ToolError if stdout cannot take it."""
        say(sys.stdout, *map(plain, self.lines))
        complain(*self.errors)
