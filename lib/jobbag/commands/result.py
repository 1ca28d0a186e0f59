"""What a command ends with."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, replace

from jobbag.console import complain, say
from jobbag.errors import ExitCode
from jobbag.text import plain
from jobbag.tool_log import ToolLog


@dataclass(frozen=True)
class Result:
    """What the command ends with: its exit status, and what it says on stdout and on stderr."""

    exit_code: ExitCode
    lines: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    level: int = logging.INFO  # at which the log has the lines too

    def say(self) -> None:
        """Say it. Raises ToolError if stdout cannot take it."""
        say(sys.stdout, *map(plain, self.lines))
        complain(*self.errors)

    def untold(self, tool_log: ToolLog) -> Result:
        """The result without the lines that the log has just shown on the terminal."""
        return replace(self, lines=()) if tool_log.shows(self.level) else self
