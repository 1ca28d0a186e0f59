"""The merged files: in the order of the bag, whole, and there only once they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobbag.bag.job import Bag, Job
from jobbag.errors import AwsError
from jobbag.events.events import (
    Event,
    Halted,
    LogsWritten,
    Lost,
    Merged,
    NotRun,
    NotSubmitted,
    StateChanged,
    Terminated,
)
from jobbag.logs import merged_files
from jobbag.logs.merged_files import MergedFiles, remove_unfinished
from jobbag.logs.outputs import JobFiles
from jobbag.logs.part_files import write_shared
from jobbag.logs.records import task_record

from ..builders import bag, ended, job

JOBS = bag(*(job(number, f"job {number}") for number in range(3, 10)))


class Start:
    """One start of a run that merges, and what its journal has then."""

    def __init__(self, place: Path, whole: Bag = JOBS, earlier: list[Event] | None = None) -> None:
        self.journal: list[Event] = list(earlier or [])
        self.outputs = MergedFiles(place / "merge", whole, self.journal.append)
        self.kept = self.outputs.resume(self.journal)
        self.outputs.prepare()

    def write(self, one: Job, out: str | None = None, err: str | None = None) -> None:
        """As the log fetcher does, and the main thread after it."""
        paths = self.outputs.paths(one)
        texts = (f"out {one.number}\n" if out is None else out, f"err {one.number}\n" if err is None else err)
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        written = LogsWritten(one, *paths, lines=1)
        self.journal.append(written)
        self.outputs(written)

    def write_together(self, jobs: Sequence[Job], told: int) -> None:
        """The same for several jobs at once, of which the last ones are not told of."""
        path = self.outputs.shared(jobs[0])
        shares = write_shared([(f"out {one.number}\n".encode(), f"err {one.number}\n".encode()) for one in jobs], path)
        for one, share in list(zip(jobs, shares, strict=True))[:told]:
            written = LogsWritten(one, path, path, lines=1, share=share)
            self.journal.append(written)
            self.outputs(written)

    def finish(self) -> None:
        self.outputs.finish(lambda: "[summary]")

    def kill(self) -> None:
        """What the process had not written yet is written as it is: only the order on disk counts here."""
        for file in self.outputs._files:
            file.close()


@pytest.fixture
def _removed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is removed when it is merged, and not together with others."""
    monkeypatch.setattr(merged_files, "SPENT", 1)


def contents(place: Path) -> tuple[str, str]:
    return (place / "merge.out").read_text(), (place / "merge.err").read_text()


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


ALL = (
    "".join(f"out {number}\n" for number in range(3, 10)) + "[summary]\n",
    "".join(f"err {number}\n" for number in range(3, 10)),
)


@given(st.permutations(JOBS.jobs))
def test_jobs_stand_in_the_order_of_the_bag(tmp_path_factory: pytest.TempPathFactory, order: list[Job]) -> None:
    place = tmp_path_factory.mktemp("merged")
    start = Start(place)
    for one in order:
        start.write(one)
    start.finish()
    assert contents(place) == ALL
    assert names(place) == ["merge.err", "merge.out"]


@given(st.permutations(JOBS.jobs), st.integers(0, 7), st.binary(max_size=9))
def test_a_killed_run_goes_on_without_losing_or_doubling_a_line(
    tmp_path_factory: pytest.TempPathFactory, order: list[Job], until: int, torn: bytes
) -> None:
    place = tmp_path_factory.mktemp("merged")
    first = Start(place)
    for one in order[:until]:
        first.write(one)
    first.kill()
    with (place / "merge.out.part").open("ab") as file:
        file.write(torn)  # of a job that was being merged
    second = Start(place, earlier=first.journal)
    done = {event.job.number for event in second.kept if isinstance(event, LogsWritten)}
    assert done == {one.number for one in order[:until]}
    for one in order[until:]:
        second.write(one)
    second.finish()
    assert contents(place) == ALL


@pytest.mark.usefixtures("_removed_at_once")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(JOBS.jobs), st.lists(st.tuples(st.integers(1, 4), st.integers(0, 4)), max_size=4))
def test_outputs_that_share_a_file_are_merged_as_others_are_whenever_a_start_is_killed(
    tmp_path_factory: pytest.TempPathFactory, order: list[Job], starts: list[tuple[int, int]]
) -> None:
    """Each start writes the output of so many jobs into one file, is told of so many of them, and is killed."""
    place = tmp_path_factory.mktemp("merged")
    journal: list[Event] = []
    left = order
    for size, told in starts:
        start = Start(place, earlier=journal)
        done = {event.job.number for event in start.kept if isinstance(event, LogsWritten)}
        assert left == [one for one in order if one.number not in done]
        if left:
            start.write_together(left[:size], told)
        start.kill()
        journal, left = start.journal, left[min(size, told) :]
    last = Start(place, earlier=journal)
    for one in left:
        last.write(one)
    assert len(names(place / "merge.parts")) <= len(starts), "a file goes once all that is in it is merged"
    last.finish()
    assert contents(place) == ALL
    assert names(place) == ["merge.err", "merge.out"]


def test_a_share_that_is_cut_off_is_fetched_again(tmp_path: Path) -> None:
    first = Start(tmp_path)
    first.write_together(JOBS.jobs[1:4], 3)
    first.kill()
    (path,) = (tmp_path / "merge.parts").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    second = Start(tmp_path, earlier=first.journal)
    assert [event.job for event in second.kept if isinstance(event, LogsWritten)] == list(JOBS.jobs[1:3])
    second.kill()


def done(start: Start) -> set[int]:
    """The numbers of the jobs whose output need not be fetched."""
    return {event.job.number for event in start.kept if isinstance(event, LogsWritten)}


STEPS = st.tuples(st.permutations(JOBS.jobs), st.integers(0, 7), st.sampled_from(["kill", "finish", "retry"]))


@given(st.lists(STEPS, max_size=4), st.sampled_from([1, 3, 100]), st.booleans())
def test_what_was_on_disk_once_is_never_fetched_again(
    tmp_path_factory: pytest.TempPathFactory, starts: list[tuple[list[Job], int, str]], spent: int, together: bool
) -> None:
    """Each start writes the output of some jobs, and is killed, or puts the merged files in their places.

    After that, some jobs may be run again, as --retry-failed does. Their log is all that can be fetched.
    """
    place = tmp_path_factory.mktemp("merged")
    journal: list[Event] = []
    written: set[int] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merged_files, "SPENT", spent)
        for order, count, end in [*starts, (list(JOBS.jobs), 7, "finish")]:
            start = Start(place, earlier=journal)
            assert done(start) == written
            missing = [one for one in order if one.number not in written][:count]
            if together and missing:
                start.write_together(missing, len(missing))
            for one in () if together else missing:
                start.write(one)
            written |= {one.number for one in missing}
            journal = start.journal
            if end == "kill":
                start.kill()
                continue
            start.finish()
            if end == "retry":
                again = {one.number for one in order[:2]}
                written -= again
                journal = [event for event in journal if getattr(event, "job", JOBS.jobs[0]).number not in again]
    assert contents(place) == ALL
    assert names(place) == ["merge.err", "merge.out"]


def test_a_log_that_was_not_whole_is_fetched_again_and_only_that(tmp_path: Path) -> None:
    first = Start(tmp_path)
    for one in JOBS.jobs:
        first.write(one)
    first.journal[:] = [
        replace(event, whole=False) if isinstance(event, LogsWritten) and event.job.number == 5 else event
        for event in first.journal
    ]
    first.finish()
    second = Start(tmp_path, earlier=first.journal)
    assert done(second) == {3, 4, 6, 7, 8, 9}
    second.write(JOBS.jobs[2])
    second.finish()
    assert contents(tmp_path) == ALL


def test_merged_files_that_are_not_as_they_were_written_are_no_source(tmp_path: Path) -> None:
    first = Start(tmp_path)
    for one in JOBS.jobs:
        first.write(one)
    first.finish()
    text = (tmp_path / "merge.out").read_text()
    (tmp_path / "merge.out").write_text(text.replace("out 4", "out x"))
    (tmp_path / "merge.err").write_text((tmp_path / "merge.err").read_text()[:-1])
    second = Start(tmp_path, earlier=first.journal)
    assert done(second) == {3, 5, 6, 7, 8}
    second.kill()


@pytest.mark.parametrize("finished", [True, False])
def test_jobs_that_have_other_numbers_now(tmp_path: Path, finished: bool) -> None:
    """One of them is gone from the bag; the run before came to its end, or was killed while its parts were there."""

    def out(one: Job) -> str:
        return f"of {one.name}\n{task_record(one, 'id', ended(), 0)}\n"

    old = [job(number, name) for number, name in enumerate("abcd", 1)]
    first = Start(tmp_path, bag(*old))
    for one in old if finished else old[1:]:
        first.write(one, out(one), f"err {one.name}\n")
    first.finish() if finished else first.kill()
    now = [job(number, name) for number, name in enumerate("dcb", 1)]
    by_name = {one.name: one for one in now}
    events: list[Event] = []
    for event in first.journal:
        if isinstance(event, (LogsWritten, Merged)) and event.job.name in by_name:
            events.append(replace(event, job=by_name[event.job.name]))
    second = Start(tmp_path, bag(*now), events)
    assert done(second) == {1, 2, 3}
    second.finish()
    assert contents(tmp_path) == ("".join(map(out, now)) + "[summary]\n", "err d\nerr c\nerr b\n")


def test_a_part_stays_until_the_merged_files_are_on_disk(tmp_path: Path) -> None:
    """After a power cut, they may be empty, or shorter than what the journal says."""
    first = Start(tmp_path)
    for one in JOBS.jobs:
        first.write(one)
    first.kill()
    os.truncate(tmp_path / "merge.out.part", 7)
    (tmp_path / "merge.err.part").write_bytes(bytes((tmp_path / "merge.err.part").stat().st_size))
    second = Start(tmp_path, earlier=first.journal)
    assert done(second) == set(range(3, 10))
    second.finish()
    assert contents(tmp_path) == ALL


@pytest.mark.usefixtures("_removed_at_once")
def test_the_merged_files_are_synced_before_a_part_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Start(tmp_path)
    there: list[list[str]] = []
    monkeypatch.setattr(merged_files, "fsync", lambda *_: there.append(names(tmp_path / "merge.parts")))
    start.write(JOBS.jobs[0])
    assert there == [["3.err", "3.out"]] * 2
    assert names(tmp_path / "merge.parts") == []
    start.kill()


def test_the_name_of_a_part_is_never_used_again(tmp_path: Path) -> None:
    outputs = MergedFiles(tmp_path / "merge", JOBS, lambda _: None)
    assert outputs.shared(JOBS.jobs[0]) != outputs.shared(JOBS.jobs[0])


def test_files_of_others_in_the_directory_of_parts_stay(tmp_path: Path) -> None:
    start = Start(tmp_path)
    theirs = ("notes.txt", "3.out.bak", "77.out", "77.0.jobs")
    for name in (*theirs, "3.out", "3.err.part", "4.0.jobs", "4.1.jobs.part"):
        (tmp_path / "merge.parts" / name).write_text("x")
    start.finish()
    assert names(tmp_path / "merge.parts") == sorted(theirs)


def test_what_nobody_finishes_is_removed_and_nothing_else(tmp_path: Path) -> None:
    start = Start(tmp_path)
    for one in JOBS.jobs[:3]:
        start.write(one)
    start.kill()
    theirs = ("77.out", "notes.txt")
    for name in theirs:
        (tmp_path / "merge.parts" / name).write_text("x")
    (tmp_path / "merge.out").write_text("of a run before")
    remove_unfinished(tmp_path / "merge", 9)
    assert names(tmp_path / "merge.parts") == list(theirs)
    assert names(tmp_path) == ["merge.out", "merge.parts"]
    for name in theirs:
        (tmp_path / "merge.parts" / name).unlink()
    remove_unfinished(tmp_path / "merge", 9)
    remove_unfinished(tmp_path / "none", 9)
    assert names(tmp_path) == ["merge.out"]


def test_what_is_not_on_disk_any_more_is_fetched_again(tmp_path: Path) -> None:
    first = Start(tmp_path)
    for one in (JOBS.jobs[0], JOBS.jobs[3]):
        first.write(one)
    first.kill()
    (tmp_path / "merge.parts" / f"{JOBS.jobs[3].number}.out").unlink()
    (tmp_path / "merge.out.part").unlink()
    second = Start(tmp_path, earlier=first.journal)
    kept = [event for event in second.kept if isinstance(event, LogsWritten)]
    assert [event.job for event in kept] == [JOBS.jobs[0]], "its part is there as long as the merged file may be lost"
    for one in JOBS.jobs[1:]:
        second.write(one)
    second.finish()
    assert contents(tmp_path) == ALL


def test_that_a_job_is_merged_is_noted_once_it_is_on_disk(tmp_path: Path) -> None:
    start = Start(tmp_path)
    start.write(JOBS.jobs[0], "123\n", "")
    (merged,) = [event for event in start.journal if isinstance(event, Merged)]
    assert (merged.job, merged.out_size, merged.err_size) == (JOBS.jobs[0], 4, 0)
    assert (tmp_path / "merge.out.part").read_text() == "123\n"
    start.finish()


def test_what_others_have_open_stays_as_it_is(tmp_path: Path) -> None:
    """HTCondor writes what the tool itself prints to a file of the same name, which it opened before."""
    target = tmp_path / "merge.out"
    with target.open("w+") as condor:
        start = Start(tmp_path, bag(job()))
        start.write(job(), "from the job\n", "")
        condor.write("from the tool\n")
        condor.flush()
        assert target.read_text() == "from the tool\n"
        start.finish()
        condor.write("late\n")
        condor.seek(0)
        assert condor.read() == "from the tool\nlate\n"
    assert target.read_text() == "from the job\n[summary]\n"


def test_a_run_that_is_cut_short_loses_no_output(tmp_path: Path) -> None:
    start = Start(tmp_path)
    for at in (4, 2):
        start.write(JOBS.jobs[at])
    start.finish()
    assert contents(tmp_path) == ("out 5\nout 7\n[summary]\n", "err 5\nerr 7\n")


def test_the_rests_of_an_earlier_run_do_no_harm(tmp_path: Path) -> None:
    """Pegasus retries a job with the same command line in the same directory."""
    for number, rest in enumerate(["merge.out.part", "merge.err.part", "merge.out", "merge.err"]):
        (tmp_path / rest).write_text(f"old {number}\n")
    (tmp_path / "merge.parts").mkdir()
    for number in (1, 2):
        (tmp_path / "merge.parts" / f"{number}.out").write_text("old\n")
    start = Start(tmp_path, bag(job()))
    start.write(job(), "new\n", "new\n")
    start.finish()
    assert contents(tmp_path) == ("new\n[summary]\n", "new\n")


def test_names_with_dots_are_kept_whole(tmp_path: Path) -> None:
    outputs = MergedFiles(tmp_path / "merge_x-4.0_PID2", bag(), lambda _: None)
    outputs.prepare()
    outputs.finish(lambda: "[summary]")
    assert names(tmp_path) == ["merge_x-4.0_PID2.err", "merge_x-4.0_PID2.out"]


def test_each_job_has_its_own_pair_in_the_working_directory() -> None:
    assert JobFiles().paths(job(name="a.b c")) == (Path("a.b c.out"), Path("a.b c.err"))


def test_a_halted_run_keeps_the_files_of_all_jobs(tmp_path: Path) -> None:
    """Nothing is sent again: neither what was refused, nor what was terminated. What was there before is not meant."""
    jobs = [job(number) for number in range(1, 5)]
    refused, terminated, lost, stopped = jobs
    files = tmp_path / "x.out", tmp_path / "x.err"
    for path in files:
        path.touch()
    error = AwsError("SubmitJob", "ClientException", "no such queue")
    old, new = LogsWritten(stopped, *files, 1), [LogsWritten(one, *files, 2) for one in jobs]
    events: list[Event] = [
        *(NotSubmitted(refused, error), new[0]),
        *(Terminated(terminated, "id"), StateChanged(terminated, "id", ended("FAILED")), new[1]),
        *(Lost(lost, "id", error), new[2]),
        *(Terminated(stopped, "id"), StateChanged(stopped, "id", ended("FAILED")), old),
    ]
    written = [one for one in JobFiles().resume(events) if isinstance(one, LogsWritten)]
    assert written == []
    halt: list[Event] = [Halted("why"), NotRun(stopped, "why")]
    assert [one for one in JobFiles().resume([*events, *halt]) if isinstance(one, LogsWritten)] == new[:3]
    assert [one for one in JobFiles().resume([*events, *halt, new[3]]) if isinstance(one, LogsWritten)] == new


def test_files_of_an_earlier_start_count_only_while_they_are_there(tmp_path: Path) -> None:
    paths = tmp_path / "a.out", tmp_path / "a.err"
    whole = LogsWritten(job(), *paths, lines=1)
    cut = LogsWritten(job(), *paths, lines=1, whole=False)
    assert JobFiles().resume([whole]) == []
    for path in paths:
        path.touch()
    assert JobFiles().resume([whole, cut]) == [whole]


@pytest.mark.parametrize(("out", "err", "there"), [(5, 0, True), (9, 0, True), (0, 0, False), (4, 7, False)])
def test_a_file_that_is_shorter_than_it_was_does_not_count(out: int, err: int, there: bool, tmp_path: Path) -> None:
    """A power cut leaves empty files; what is longer was changed by somebody, and is theirs."""
    paths = tmp_path / "a.out", tmp_path / "a.err"
    for path, size in zip(paths, (out, err), strict=True):
        path.write_bytes(b"x" * size)
    event = LogsWritten(job(), *paths, lines=1, sizes=(5, 0))
    assert JobFiles().resume([event]) == ([event] if there else [])
