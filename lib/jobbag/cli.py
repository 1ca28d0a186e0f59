"""The command: parse, run, and the one boundary where an error becomes words and an exit status."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Sequence
from errno import EIO, EPIPE
from typing import TextIO

from jobbag.errors import PROG, ExitCode, Interrupted, ToolError
from jobbag.signals import Signals
from jobbag.text import plain
from jobbag.tool_log import ToolLog

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # as stderr's: jobs say what the locale may have no letters for
    with Signals(for_good=argv is None) as signals:
        try:
            code = _main(sys.argv[1:] if argv is None else argv, signals)
            _say(sys.stdout)
            _say(sys.stderr)  # what the log could not
            return code
        except Interrupted as interrupted:
            _complain(interrupted.told)
            return interrupted.exit_code
        except ToolError as error:  # the command line itself is wrong
            _complain(*error.lines)
            return error.exit_code


def _main(argv: Sequence[str], signals: Signals) -> ExitCode:
    from jobbag.options import parser  # slow to import, and a signal is heeded from here on

    settings = parser.load(argv)
    with ToolLog(settings.log_level, settings.log_file) as tool_log:
        try:
            from jobbag.commands.dispatch import execute  # slow to import, and a usage error does not need it

            result = execute(settings, tool_log, signals)
        except ToolError as error:
            log.debug("the run ends with an error", exc_info=error)
            lines, code = error.lines, error.exit_code
        except OSError as error:
            log.debug("the run ends with an error", exc_info=error)
            lines, code = [str(error)], ExitCode.AWS_ERROR
        except Exception as error:
            log.debug("the run ends with an error", exc_info=error)
            what = f"{type(error).__name__}: {error}"
            lines, code = [f"internal error: {what} (--log-level debug tells more)"], ExitCode.USAGE
        else:
            _say(sys.stdout, *map(plain, result.lines))
            _complain(*result.errors)
            return result.exit_code
        tool_log.error(lines)
        _complain(*lines)
        return code


def _complain(*lines: str) -> None:
    _say(sys.stderr, *(f"{PROG}: {plain(line)}" for line in lines))


def _say(stream: TextIO | None, *lines: str) -> None:
    """Write lines, and all that waits to be written. Raises ToolError, but not where nobody reads it any more.

    The end of the process would try again, and have an exit status of its own.
    """
    if stream is None:  # it was closed when the command was started
        return
    try:
        for line in lines:
            print(line, file=stream)
        stream.flush()
    except OSError as error:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), stream.fileno())
        if stream is sys.stdout and error.errno not in (EPIPE, EIO):  # of a pipe, and of a terminal
            raise ToolError(f"cannot write to stdout: {error.strerror}") from None
