"""The command: parse, run, and the one boundary where an error becomes words and an exit status."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobbag.console import complain, open_standard_streams, say
from jobbag.errors import ExitCode, ToolError, interruption_in, told_of
from jobbag.signals import Signals

if TYPE_CHECKING:
    from jobbag.options.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    open_standard_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # as stderr's: jobs say what the locale may have no letters for
    try:
        with Signals(for_good=argv is None) as signals:
            code = _main(sys.argv[1:] if argv is None else argv, signals)
            say(sys.stdout)
            say(sys.stderr)  # what the log could not
            return code
    except ToolError as error:  # the command line itself is wrong
        complain(*error.lines)
        return error.exit_code
    except BaseException as error:
        if (interrupted := interruption_in(error)) is None:
            raise
        if sys.stderr.isatty():
            say(sys.stderr, "")  # which shows ^C on the line of the cursor
        complain(interrupted.told)
        return interrupted.exit_code


def _main(argv: Sequence[str], signals: Signals) -> ExitCode:
    from jobbag.options import parser  # slow to import, and a signal is heeded from here on

    return _execute(parser.load(argv), signals)


def _execute(settings: Settings, signals: Signals) -> ExitCode:
    import logging  # slow to import, and neither --help nor a usage error needs what is from here on

    from jobbag.tool_log import ToolLog

    log = logging.getLogger(__name__)
    with ToolLog(settings.log_level, settings.log_file, quiet=settings.quiet, colour=settings.color) as tool_log:
        try:
            for warning in settings.warnings:
                log.warning("%s", warning)
            from jobbag.commands.dispatch import execute

            result = execute(settings, tool_log, signals)
        except Exception as error:
            if not isinstance(error, ToolError | OSError) and interruption_in(error) is not None:
                raise
            log.debug("the run ends with an error", exc_info=error)
            lines, code = told_of(error)
        else:
            result.say()
            return result.exit_code
        tool_log.error(lines)
        complain(*lines)
        return code
