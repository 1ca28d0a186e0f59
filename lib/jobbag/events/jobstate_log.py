"""`<prefix>.jobstate.log`: a line for each state that a job is first seen in."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from jobbag.bag.job import Job
from jobbag.events.events import Event, StateChanged, Submitted
from jobbag.events.observation import STATES
from jobbag.files import naming


class JobStateLog:
    """A consumer of events that appends to the jobstate log. A context manager, which closes the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO = path.open("a+", encoding="utf-8", errors="replace")
        self._seen: dict[str, int] = {}  # by AWS id: the states seen, a bit each
        self._is_read = False

    def replay(self, event: Event) -> None:
        """Write the line of what an earlier start saw, unless it did so: it may have been killed before it could."""
        if not self._is_read:
            self._is_read = True
            self._read()
        self(event)

    def _read(self) -> None:
        """Take note of the lines that are there; cut off a last line that is not whole."""
        self._file.seek(0)
        whole = 0
        for line in self._file.buffer:
            if line.endswith(b"\n"):
                whole += len(line)
                state, _, aws_id = line.decode(errors="replace").rstrip("\n").rpartition(" ")
                self._is_new(state.rpartition(" ")[2], aws_id)
        self._file.truncate(whole)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Submitted):
            self._write(event.at, event.job, "SUBMITTED", event.aws_id)
        elif isinstance(event, StateChanged):
            self._write(event.at, event.job, event.observation.status, event.aws_id)

    def _write(self, at: int, job: Job, state: str, aws_id: str) -> None:
        if self._is_new(state, aws_id):  # else AWS Batch has started the job again
            with naming(self._path):
                self._file.write(jobstate_line(at, job.name, state, aws_id) + "\n")
                self._file.flush()

    def _is_new(self, state: str, aws_id: str) -> bool:
        bit = 1 << STATES.index(state) if state in STATES else 0
        seen = self._seen.get(aws_id, 0)
        self._seen[aws_id] = seen | bit
        return not seen & bit

    def __enter__(self) -> JobStateLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def jobstate_line(at: int, name: str, state: str, aws_id: str) -> str:
    """A line of the jobstate log, without a newline. `at`: ms since the epoch."""
    return f"{at} {name} {state} {aws_id}"
