"""Runs bags of jobs from Python (docs/api.md).

    from jobbag import api

    bag = api.Bag([api.Job("hello", "echo", ["Hello", "world"])])
    summary = api.run(bag, local=True)

Nothing is printed, no signal handler is installed unless that is asked for, and the process is never ended. All that
fails raises ToolError, or one of its kinds (`jobbag.errors`). What is said is logged to the logger `jobbag` and those
below it. boto3 is imported when a run begins.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeGuard

from jobbag.bag.in_python import Bag, Job
from jobbag.commands import dispatch
from jobbag.errors import (
    AwsError,
    CallbackError,
    Cancelled,
    ExitCode,
    InputError,
    Interrupted,
    Problem,
    SettingError,
    ToolError,
)
from jobbag.events.events import (
    Event,
    Halted,
    JobsWaiting,
    LogsWritten,
    Lost,
    NotRun,
    NotSubmitted,
    OutputSeen,
    Staged,
    StateChanged,
    Submitted,
)
from jobbag.events.outcome import Verdict
from jobbag.events.results import ResultFetched
from jobbag.hints import did_you_mean
from jobbag.options import parser
from jobbag.options.option import Option
from jobbag.options.settings import Settings
from jobbag.options.table import OPTIONS
from jobbag.preflight import offline
from jobbag.report.view import Cause, Counts, JobSummary, Summary
from jobbag.signals import Signals, Stops
from jobbag.threads import next_of, start

if TYPE_CHECKING:
    from jobbag.commands.result import Result

__all__ = [
    "EVENTS", "AwsError", "Bag", "CallbackError", "Cancelled", "Cause", "Counts", "Event", "Halted", "InputError",
    "Job", "JobSummary", "JobsWaiting", "LogsWritten", "Lost", "NotRun", "NotSubmitted", "OutputSeen", "ResultFetched",
    "Setting", "SettingError", "Staged", "StateChanged", "Submitted", "Summary", "ToolError", "Verdict", "collect",
    "run", "submit",
]  # fmt: skip

log = logging.getLogger(__name__)
logging.getLogger("jobbag").addHandler(logging.NullHandler())  # else Python prints warnings that nobody handles

Setting = str | int | float | Decimal | bool | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None
Hear = Callable[[Event], object]

EVENTS = (
    Staged, Submitted, NotSubmitted, NotRun, StateChanged, JobsWaiting, OutputSeen, LogsWritten, Lost, Halted,
    ResultFetched,
)  # fmt: skip
"""The kinds of events that a program hears of; all others are no promise."""

# Options that are not settings of a run, and what there is instead.
_LOGGED = "what is said goes to the loggers of Python, below `jobbag`"
_NO_SETTINGS = {
    **dict.fromkeys(("log_level", "log_file", "progress", "quiet", "color"), _LOGGED),
    **dict.fromkeys(("commands", "sweep", "input", "output", "name", "print_bag", "print_schema"), "make a Bag"),
    **dict.fromkeys(("create", "delete", "yes", "dry_run", "json", "status", "watch", "logs", "cancel"), ""),
    "detach": "submit() does that",
}
_ONE = (str, int, float, Decimal, os.PathLike)  # types of settings that have one value
_OPTIONS = {option.dest: option for option in OPTIONS if option.dest not in _NO_SETTINGS}


def run(bag: Bag, *, on_event: Hear | None = None, handle_signals: bool = False, **settings: Setting) -> Summary:
    """Run the jobs of a bag to their end, or go on with an unfinished run, as the command does. Gives what came of it.

    `settings` are the options of the command, with underscores: `merge_logs="all"`, `files=["a", "b"]`, `local=True`.
    `on_event` hears of the events of the kinds in EVENTS, one at a time, in the thread of the run, which is not the
    caller's unless `handle_signals` is true. If it raises an exception, the run ends with a CallbackError: jobs run on
    in AWS, and the same call goes on with them.

    `handle_signals`: SIGINT, SIGTERM and SIGHUP stop the run as they stop the command, and a second one ends the
    process; for the main thread alone. Without it, what interrupts the caller, such as a KeyboardInterrupt, stops the
    run as SIGINT would, and is raised when it has ended; a second one does not wait for that.

    Jobs that fail are no exception. Raises InputError with all that is wrong before anything is done, which is
    SettingError for settings; AwsError and other ToolErrors for what ends the run; Cancelled if it was stopped from
    elsewhere before it had begun.
    """
    return _run(bag, settings, on_event, handle_signals=handle_signals)


def submit(bag: Bag, *, on_event: Hear | None = None, handle_signals: bool = False, **settings: Setting) -> Summary:
    """Submit the jobs of a bag and leave them running, for `collect`; as `run`, and `--detach` of the command.

    Gives what is known by then. Raises InputError if they are submitted already, and not all have ended.
    """
    return _run(bag, settings, on_event, handle_signals=handle_signals, detach=True)


def collect(bag: Bag, *, on_event: Hear | None = None, handle_signals: bool = False, **settings: Setting) -> Summary:
    """Wait for the jobs of a bag that was submitted with the same settings, and bring their outputs home; as `run`.

    Raises InputError if there is no unfinished run of it.
    """
    return _run(bag, settings, on_event, handle_signals=handle_signals, collects=True)


def _run(
    bag: Bag,
    given: Mapping[str, Setting],
    on_event: Hear | None,
    *,
    handle_signals: bool,
    detach: bool = False,
    collects: bool = False,
) -> Summary:
    if handle_signals and threading.current_thread() is not threading.main_thread():
        raise SettingError([Problem("handle_signals", "only the main thread can do that")])
    settings = replace(_settings(bag, given, detach=detach), collects=collects)
    for warning in settings.warnings:
        log.warning("%s", warning)
    task = offline.task_of(settings, bag)
    hear = _Callback(on_event)

    def work(stops: Stops) -> Result:
        from jobbag.commands.front import Program  # it imports what is slow

        return dispatch.run(settings, task, Program(stops, hear))

    try:
        if handle_signals:
            with Signals() as signals:
                result = work(signals)
        else:
            result = _beside(work)
    except Interrupted as interrupted:
        cancelled = Cancelled(interrupted.told)
        cancelled.exit_code = interrupted.exit_code
        raise cancelled from None
    except OSError as error:
        raise ToolError(str(error)) from error
    if result.ended is None:
        raise InputError.of(str(settings.journal), "its jobs are submitted already; collect() waits for them")
    return Summary.of(result.ended)


def _beside(work: Callable[[Stops], Result]) -> Result:
    """Do the work in a thread of its own: what interrupts this one cannot break it off at any point."""
    stops = Stops()
    ended: queue.SimpleQueue[Result | BaseException] = queue.SimpleQueue()

    def do() -> None:
        try:
            ended.put(work(stops))
        except BaseException as error:
            ended.put(error)

    thread = threading.Thread(target=copy_context().run, args=(do,), name="run", daemon=True)
    try:
        start([thread])
        result = next_of(ended)
    except BaseException:
        if thread in threading.enumerate():  # else the system allows none
            stops.stop(Interrupted(ExitCode.SIGINT))
            ended.get()
        raise
    if isinstance(result, BaseException):
        raise result
    return result


class _Callback:
    """A consumer of events that tells a program of them, until its function fails."""

    def __init__(self, on_event: Hear | None) -> None:
        self._on_event = on_event

    def __call__(self, event: Event) -> None:
        if self._on_event is None or not isinstance(event, EVENTS):
            return
        try:
            self._on_event(event)
        except BaseException as error:
            self._on_event = None
            raise CallbackError(f"on_event raised {type(error).__name__}: {error}") from error


# -- settings


def _settings(bag: Bag, given: Mapping[str, Setting], *, detach: bool) -> Settings:
    """The settings of a run, checked as those of a command line. Raises SettingError, and InputError."""
    if not isinstance(bag, Bag):
        raise SettingError([Problem("bag", f"must be a jobbag.api.Bag, not {type(bag).__name__}")])
    if not isinstance(bag.name, str) or not bag.name:
        raise SettingError([Problem("bag", f"its name must be a string that is not empty, not {bag.name!r:.100}")])
    unknown = [Problem(name, _unknown(name)) for name in given if name not in _OPTIONS]
    if unknown:
        raise SettingError(unknown)
    words = [word for name, value in given.items() for word in _words(_OPTIONS[name], value)]
    settings = parser.load([*words, *(["--detach"] if detach else [])], bag.name)
    files = given.get("files")
    if isinstance(files, Sequence) and not isinstance(files, str):  # a comma in a name is no matter here
        settings = replace(settings, files=tuple(os.fspath(file) for file in files))
    return replace(settings, submit_files=() if bag.file is None else (bag.file,), words=())


def _unknown(name: str) -> str:
    if name in _NO_SETTINGS:
        return f"is an option of the command alone{f': {_NO_SETTINGS[name]}' if _NO_SETTINGS[name] else ''}"
    return f"there is no such setting{did_you_mean(name, _OPTIONS)}"


def _words(option: Option, value: Setting) -> Iterator[str]:
    """The words of a command line that stand for a setting. Raises SettingError for a type that it cannot have."""
    if value is None:
        return
    if isinstance(value, bool) and (option.metavar is None or option.optional):
        yield from [option.long] if value else []
    elif option.takes == "files" and _are_paths(value):
        yield f"{option.long}={','.join(os.fspath(item) for item in value)}"
    elif option.metavar is None or isinstance(value, bool) or not isinstance(value, _ONE):
        what = "must be a string or a number, not" if option.metavar else "must be True or False, not"
        what = "must be a string, a path, or a list of them, not" if option.takes == "files" else what
        raise SettingError([Problem(option.dest, f"{what} {value!r:.100}")])
    else:
        yield f"{option.long}={_word(value)}"


def _word(value: object) -> str:
    """A string, path or number as a command line has it: no exponent, as of 1e-05."""
    if isinstance(value, (float, Decimal)):
        return format(Decimal(str(float(value))) if isinstance(value, float) else value, "f")  # of others' floats, too
    return str(os.fspath(value) if isinstance(value, os.PathLike) else value)


def _are_paths(value: object) -> TypeGuard[Sequence[str | os.PathLike[str]]]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return False
    return all(isinstance(one, (str, os.PathLike)) for one in value)
