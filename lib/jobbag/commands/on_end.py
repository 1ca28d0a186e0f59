"""`--on-end`: a command of the user's, which the shell runs when a run has ended."""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from jobbag.errors import JournalLost
from jobbag.options.settings import Settings
from jobbag.report import summary
from jobbag.report.summary import Ended, counts
from jobbag.signals import Stops

if TYPE_CHECKING:
    from typing_extensions import Self

log = logging.getLogger(__name__)

LONGEST = 60.0  # s
SHORTEST = 3.0  # s, where SIGKILL is to be expected, and the time of the run is over
GRACE = 2.0  # s from SIGTERM to SIGKILL
TICK = 0.1  # s between two looks at it
SHOWN = 64 * 1024  # bytes of its output


class OnEnd:
    """Runs the command of the settings at the end of this context, if there is one, and a run has ended meanwhile."""

    def __init__(self, settings: Settings, stops: Stops) -> None:
        self._settings = settings
        self._stops = stops
        self._end: Ended | None = None

    def __enter__(self) -> Self:
        return self

    def hear(self, end: Ended) -> None:
        """The run has ended like this, and its files are written."""
        self._end = end

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if self._settings.on_end is None or self._end is None or isinstance(error, JournalLost):
            return  # of the last: the end of the run is that of another start
        try:
            trouble = self._run(self._settings.on_end, self._end)
        except Exception as failed:  # whatever it is, the exit status is that of the run
            trouble = f"the command could not be run to its end: {failed}"
        if trouble is not None:
            log.warning("--on-end: %s", trouble)

    def _run(self, command: str, end: Ended) -> str | None:
        with _summary_of(end, self._settings.summary) as path:
            running = _Command(command, {**os.environ, **self._variables(end, path)})
            self._stops.only_call(running.end)
            self._stops.last_words, self._stops.last_act = "", running.kill
            return running.run(_seconds(end, self._settings.grace))

    def _variables(self, end: Ended, path: Path | None) -> dict[str, str]:
        files = {"SUMMARY": path, "REPORT": None if "report" in end.unwritten else self._settings.report}
        told = {
            "EXIT_STATUS": int(end.exit_code),
            "NAME": self._settings.prefix or "",
            **{word.upper(): number for word, number in counts(end).items()},
            **{name: file.absolute() if file is not None else "" for name, file in files.items()},
        }
        return {f"PEGASUS_AWS_BATCH_{name}": str(value) for name, value in told.items()}


def _seconds(end: Ended, grace: float) -> float:
    """How long the command may take: after SIGTERM no longer than the run itself."""
    if end.stopped is None or not end.stopped.is_hurried:
        return LONGEST
    return min(max(end.stopped.at + grace - time.monotonic(), SHORTEST), LONGEST)


@contextmanager
def _summary_of(end: Ended, wanted: Path | None) -> Iterator[Path | None]:
    """A file with the summary: the one that was wanted, or one for the time of this context. None: there is no room."""
    with ExitStack() as stack:
        path = None if "summary" in end.unwritten else wanted
        try:
            if path is None:
                place = stack.enter_context(tempfile.TemporaryDirectory(prefix="pegasus-aws-batch-"))
                path = Path(place) / "summary.json"
                summary.write(path, end)
        except OSError as error:
            log.warning("--on-end: there is no summary for the command: %s", error.strerror or error)
            path = None
        yield path


class _Command:
    """A command of the shell in a session of its own, whose output goes to the log."""

    def __init__(self, command: str, environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._is_asked = False  # to end
        self._left, self._is_cut = SHOWN, False
        self._text = b""  # of a line that has not ended

    def end(self) -> None:
        """Have it end, with all of its group. Safe to call at any moment."""
        self._is_asked = True

    def kill(self) -> None:
        """End its group at once."""
        self._signal(signal.SIGKILL)

    def run(self, seconds: float) -> str | None:
        """Run it for so many seconds at most; what went wrong, in words."""
        try:
            self._process = subprocess.Popen(
                self._command, shell=True, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            return f"the command cannot be started: {getattr(error, 'strerror', None) or error}"
        with self._process as process:
            assert process.stdout is not None
            os.set_blocking(process.stdout.fileno(), False)
            ended = self._watch(process, process.stdout.fileno(), seconds)
            self._tell_rest()
        self._process = None  # its number may be another's soon
        if ended is not None:
            return ended
        if process.returncode < 0:
            return f"the command was ended by {signal.Signals(-process.returncode).name}"
        return f"the command ended with exit status {process.returncode}" if process.returncode else None

    def _watch(self, process: subprocess.Popen[bytes], reader: int, seconds: float) -> str | None:
        """Wait for its end, or bring it about; why that was done, in words. What it leaves in the background stays."""
        deadline = time.monotonic() + seconds
        why, kill_at = None, float("inf")
        more = True
        while process.poll() is None:
            if more and select.select([reader], [], [], TICK)[0]:
                more = self._pass_on(reader)
            elif not more:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(TICK)
            if why is None and (self._is_asked or time.monotonic() >= deadline):
                late = f"the command took longer than {seconds:.0f} s, and was ended"
                why = "the command was ended by a signal" if self._is_asked else late
                kill_at = time.monotonic() + GRACE
                self._signal(signal.SIGTERM)
            elif time.monotonic() >= kill_at:
                self.kill()
        if why is not None:
            self.kill()  # those of its group that have not heeded SIGTERM
        while more and not self._is_cut and select.select([reader], [], [], 0)[0]:
            more = self._pass_on(reader)
        return why

    def _pass_on(self, reader: int) -> bool:
        """Log what is there to be read; false at the end of the output."""
        data = os.read(reader, SHOWN)
        shown = data[: self._left]
        *lines, self._text = (self._text + shown).split(b"\n")
        for line in lines:
            _tell(line)
        self._left -= len(shown)
        if len(shown) < len(data) and not self._is_cut:
            self._is_cut = True
            self._tell_rest()
            log.info("on-end: the rest of the output is not shown")
        return bool(data)

    def _tell_rest(self) -> None:
        if self._text:
            _tell(self._text)
        self._text = b""

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def _tell(line: bytes) -> None:
    log.info("on-end: %s", line.decode(errors="replace"))
