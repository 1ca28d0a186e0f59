"""A run as its journal tells of it, while somebody writes to that, and whatever has become of the bag."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobbag.bag.job import Job
from jobbag.commands.recorded import Recorded
from jobbag.errors import InputError
from jobbag.events.events import Finished, JobsWaiting, LogsWritten, StateChanged, Submitted, Submitting
from jobbag.events.journal import Header, Journal
from jobbag.run.task import digest_of

from ..builders import bag, ended, job

JOBS = job(1, "a"), job(2, "b", depends_on=("a",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The journal of a run of two jobs, of which one was sent."""
    path = tmp_path / "bag.journal"
    with Journal(path) as notes:
        notes.begin(Header("run", 5, {}, {one.name: digest_of(one) for one in JOBS}))
        notes(Submitting(JOBS[0], "t", "q", at=6))
        notes(Submitted(JOBS[0], "id", at=7))
    return path


def read(path: Path, *now: Job) -> Recorded:
    run = Recorded(path, bag(*now) if now else None)
    run.read_on()
    return run


def test_nothing_but_the_journal_is_needed(path: Path) -> None:
    run = read(path)
    assert [one.name for one in run.bag.jobs] == ["a", "b"]
    assert (run.last, run.may_run, run.finished, run.is_local) == (7, 1, None, False)


def test_of_a_job_that_is_as_it_was_all_is_known(path: Path) -> None:
    assert read(path, JOBS[1], job(2, "a", executable="other")).bag.jobs[1] == JOBS[1]
    assert read(path, JOBS[1], job(2, "a", executable="other")).bag.jobs[0].executable == ""


def test_it_grows(path: Path) -> None:
    run = read(path)
    assert run.read_on() == []
    with path.open("ab") as file:
        file.write(b'{"event":"Finished","at":9,')
        file.flush()
        assert run.read_on() == []  # it is torn, or comes soon
        file.write(b'"exit_code":1}\n')
    assert run.read_on() == [Finished(1, at=9)]
    assert (run.finished, run.last, run.is_another()) == (1, 9, False)


def test_a_torn_line_in_the_middle_is_passed_over(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"event":"Submitted","at":8,"jo')
    with Journal(path) as notes:
        notes(StateChanged(JOBS[0], "id", ended(), at=9))
    assert read(path).state.succeeded == 1


@pytest.mark.parametrize("was_read", [True, False])
def test_another_run_that_begins_is_noticed(path: Path, was_read: bool) -> None:
    """Be it that it begins while the first line is looked at."""
    run = read(path) if was_read else Recorded(path)
    new = path.with_name("new")
    with Journal(new) as notes:
        notes.begin(Header("other", 0, {}, {"a": ""}))
    new.replace(path)
    assert run.is_another()
    assert run.read_on() == []  # its numbers of jobs are others
    assert run.is_another()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\n\n", b'{"event":"Made"}\n', b'{"event":"Run","format":9}\n'])
def test_what_is_no_journal_is_told(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bag\.journal: "):
        read(path)


def test_no_journal_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such journal: no run that is called no has begun"):
        read(tmp_path / "no.journal")


def test_a_journal_that_is_gone_is_told(path: Path) -> None:
    run = read(path)
    path.unlink()
    with pytest.raises(InputError, match="cannot read the journal: No such file"):
        run.read_on()


def test_why_jobs_wait_and_where_output_is_is_kept(path: Path) -> None:
    written = LogsWritten(JOBS[0], Path("a.out"), Path("a.err"), 1, at=9)
    with Journal(path) as notes:
        notes(JobsWaiting("q", "no machine", False, at=8))
        notes(JobsWaiting("q", "no room", False, at=8))
        notes(written)
    run = read(path, *JOBS)
    assert (run.waiting["q"].reason, run.written) == ("no room", {1: written})
    with Journal(path) as notes:
        notes(Submitting(JOBS[0], "u"))
    run.read_on()
    assert run.written == {}
