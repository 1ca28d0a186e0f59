"""The end of a run, whatever ended it: its summary as a file, as a page, and in one screen."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from jobbag.bag.job import Bag
from jobbag.errors import ExitCode, Interrupted, told_of
from jobbag.events.observation import now_ms
from jobbag.events.state import RunState
from jobbag.hints import some_of
from jobbag.logs.outputs import JobFiles, Outputs, of_no_attempt
from jobbag.options.settings import Settings
from jobbag.report import page, summary
from jobbag.report.details import Details
from jobbag.report.summary import Ended, overview
from jobbag.tool_log import style

log = logging.getLogger(__name__)

OTHER_ROWS = 2  # of a terminal, for the name of the log and the prompt
FEWEST_ROWS = 12  # in which the end is told, however small the terminal is
WRITERS = {"report": page.write, "summary": summary.write}


@dataclass(frozen=True)
class Ending:
    """What the end of a run needs to know of it. `calls` counts the requests to AWS so far; `console`: see Ended;
    `idle`: there was nothing to do, so that the time of the run is that of an earlier start. `over` is told how it
    ended, whenever it has, and the last time counts."""

    settings: Settings
    run: str
    region: str
    state: RunState
    details: Details
    outputs: Outputs
    log_file: Path | None
    calls: Callable[[], Mapping[str, Mapping[str, int]]]
    console: str | None = None
    idle: bool = False
    over: Callable[[Ended], None] = lambda _: None
    size: os.terminal_size | None = None  # of the terminal on which the end is told

    def so_far(self, again: int) -> Ended:
        """The run as it is at this moment, for another thread than its own; to be told anew in `again` seconds."""
        return replace(self._ended(ExitCode.OK, None, ()), state=self.state.as_it_is_now(), goes_on=again)

    def reached(self, stopped: Interrupted | None, failures: list[str]) -> tuple[Ended, bool]:
        """Tell how this start ended; gives that, and whether the run is finished: no later start goes on with it.

        `stopped`: the signal that cut it short; `failures`: of the clean-up.
        """
        from jobbag.commands import detached  # these import boto3, which is slow, and an empty bag does not need it
        from jobbag.run.shutdown import policy_of

        state = self.state
        leaves = self.settings.detach if stopped is None else policy_of(self.settings).detaches(stopped)
        if leaves and not state.complete and not state.broken:
            log.info("%s", detached.left(state, self.settings.words), extra=style(told=True))
            end = self.write(stopped.exit_code if stopped else ExitCode.OK, stopped, failures)
            if stopped is not None:  # else this start was not to see the end
                self.over(end)
            return end, False
        code = ExitCode.AWS_ERROR if failures else state.exit_code
        code = code if stopped is None or (stopped.unheld and failures) else stopped.exit_code
        home = self.settings.results is None or (state.results.looked_for and not state.errors)
        whole = state.complete and state.settled and state.all_logs_whole and home
        finished = whole and (stopped is None or stopped.cancelled) and not failures
        return self.tell(code, stopped, failures, finished=finished)

    def tell(
        self, code: ExitCode, stopped: Interrupted | None, failures: list[str], *, finished: bool
    ) -> tuple[Ended, bool]:
        """Write the files and log the screen.

        `finished`: no later start is to go on with this run. Gives how it ended, and whether that is still so: it is
        not if a file could not be written.
        """
        from jobbag.display import end_screen  # rich is slow to import, and bad input does not need it

        end = self.write(code, stopped, failures)
        finished = finished and not end.unwritten
        files = {what: str(file) for what, file in self._files.items() if what not in end.unwritten}
        columns, rows = self.size or (None, end_screen.ROWS + OTHER_ROWS)
        lines = end_screen.lines(
            overview(end), self._following(finished=finished), files, columns, max(rows - OTHER_ROWS, FEWEST_ROWS),
            timed=not self.idle,
        )  # fmt: skip
        for line in lines:
            level = logging.ERROR if line.wrong else logging.INFO
            log.log(level, "%s", line.text, extra=style(tone=line.tone, told=True))
        self.over(end)
        return end, finished

    def write(self, code: ExitCode, stopped: Interrupted | None = None, failures: list[str] | None = None) -> Ended:
        """Write the files that are wanted. That one cannot be written is an error of the run."""
        end = replace(self._ended(code, stopped, tuple(failures or ())), notes=self._notes())
        for what, file in self._files.items():
            try:
                WRITERS[what](file, end)
            except OSError as error:
                unwritten = f"cannot write the {what} {file}: {error.strerror or error}"
                log.error("%s", unwritten)
                worse = ExitCode.AWS_ERROR if code in (ExitCode.OK, ExitCode.TASK_FAILED) else code
                missing = (*end.unwritten, what)
                end = replace(end, exit_code=worse, errors=(*end.errors, unwritten), unwritten=missing)
        return end

    def write_after(self, error: Exception | Interrupted) -> None:
        """Write the files of a run that an error ends, which is told elsewhere."""
        if isinstance(error, Interrupted):
            self.over(self.write(error.exit_code, error))
        else:
            lines, code = told_of(error)
            self.over(self.write(code, None, lines))

    def _notes(self) -> tuple[str, ...]:
        try:
            found = of_no_attempt(self.state)
        except OSError:  # what cannot be written there is told
            return ()
        return (f"not of this run, but from before it: {some_of(found)}",) if found else ()

    @property
    def _files(self) -> dict[str, Path]:
        """The files that tell the whole, as far as they are wanted."""
        wanted = {"report": self.settings.report, "summary": self.settings.summary}
        return {what: file for what, file in wanted.items() if file is not None}

    def _ended(self, code: ExitCode, stopped: Interrupted | None, failures: tuple[str, ...]) -> Ended:
        return Ended(
            state=self.state,
            details=self.details,
            run=self.run,
            submit_files=self.settings.bag_files,
            region=self.region,
            outputs=self.outputs,
            results=self.settings.results,
            log_file=self.log_file,
            jobstate_log=self.settings.jobstate_log,
            ended=now_ms(),
            exit_code=code,
            stopped=stopped,
            errors=failures,
            calls=self.calls(),
            console=self.console,
            tables=tuple(path for path in (self.settings.commands, self.settings.sweep) if path is not None),
        )

    def _following(self, *, finished: bool) -> str | None:
        """What the user does next, if anything."""
        if not finished:
            goes_on = (
                "with --update it keeps what succeeded" if self.settings.local else "it goes on where this one ended"
            )
            return f"start the same command again, {goes_on}"
        return "the same command with --retry-failed runs again what did not succeed" if self.state.failed else None


def of_empty_bag(settings: Settings, bag: Bag) -> Ending:
    """The end of a run that had nothing to do."""
    state = RunState(bag, now_ms())
    return Ending(settings, "", settings.region or "", state, Details(state), JobFiles(), None, dict)
