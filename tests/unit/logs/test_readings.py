"""Which logs are read together, and what is told of a reading."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.errors import AwsError
from jobbag.events.events import Share
from jobbag.events.observation import LogPlace, Observation
from jobbag.logs import readings
from jobbag.logs.part_files import Output
from jobbag.logs.readings import FetchTask, LogReading, batches_of, why_no_log
from jobbag.logs.streams import STREAMS_PER_CALL

from ..builders import ended, job

ONE = job(1, "one")
PLACES = st.builds(LogPlace, st.just("s"), st.sampled_from(["/a", "/b"]), st.sampled_from([None, "eu-west-3"]))
TASKS = st.builds(
    FetchTask,
    st.just(ONE),
    st.just("id"),
    st.builds(lambda place: ended(log=place), PLACES) | st.none(),
    st.none() | st.just("it never ran"),
    alone=st.booleans(),
)


@given(st.lists(TASKS, max_size=20), st.integers(1, 4))
def test_each_task_is_read_once_with_others_of_its_group(tasks: list[FetchTask], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readings, "STREAMS_PER_CALL", most)
        batches = list(batches_of(tasks))
    assert sorted(id(task) for batch in batches for task in batch) == sorted(map(id, tasks))
    for batch in batches:
        assert len(batch) <= most
        assert len({(task.place.group, task.place.region) if task.place else None for task in batch}) == 1
        assert len(batch) == 1 or not any(task.alone or task.note for task in batch)


def test_as_many_are_read_together_as_one_call_takes() -> None:
    tasks = [FetchTask(ONE, f"id-{number}", ended(), None) for number in range(STREAMS_PER_CALL + 1)]
    assert list(map(len, batches_of(tasks))) == [STREAMS_PER_CALL, 1]


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (None, "it never ran"),
        (ended(), None),
        (ended(log=LogPlace("s", driver="splunk")), "its log is not in CloudWatch Logs: the log driver is splunk"),
        (ended(log=LogPlace()), "no log: AWS Batch names no log stream of it, though its container ran"),
        (ended("FAILED", 3, log=LogPlace()), "no log: AWS Batch names no log stream of it, though its container ran"),
        (
            ended("FAILED", 128, log=LogPlace(), container_reason="CannotStart: x"),
            "no log: its container never started (CannotStart: x)",
        ),
        (ended("FAILED", None, log=LogPlace()), "no log: its container never started (AWS gives no reason)"),
        (
            ended("FAILED", None, log=LogPlace(), status_reason="x", container_reason="CannotPull: x"),
            "no log: its container never started (CannotPull: x)",
        ),
        (
            ended("FAILED", None, log=LogPlace(), status_reason="Host EC2 terminated"),
            "no log: its container never started (Host EC2 terminated)",
        ),
    ],
)
def test_why_a_job_has_no_log(seen: Observation | None, why: str | None) -> None:
    assert why_no_log(seen) == why


def reading(place: Path, note: str | None = None) -> LogReading:
    task = FetchTask(ONE, "id", ended(), note)
    return LogReading(task, Output((place / "one.out", place / "one.err")), lambda *_: None)


def test_a_reading_tells_how_much_it_wrote_and_the_end_of_it(tmp_path: Path) -> None:
    read = reading(tmp_path)
    for line in ("first", "second"):
        read.streams[0].take({"timestamp": 1, "ingestionTime": 2, "message": line})
    written = read.written(read.output.paths, Share(0, 13, 0, 2))
    assert (written.job, written.out, written.err) == (ONE, tmp_path / "one.out", tmp_path / "one.err")
    assert (written.lines, written.tail, written.note, written.whole) == (2, ("first", "second"), None, True)
    assert written.share == Share(0, 13, 0, 2)


def test_what_was_read_before_a_failure_is_kept_and_a_new_start_may_get_more(tmp_path: Path) -> None:
    read = reading(tmp_path)
    read.streams[0].take({"timestamp": 1, "ingestionTime": 2, "message": "first"})
    read.failed(AwsError("GetLogEvents", "AccessDeniedException", "no"))
    written = read.written(read.output.paths)
    assert (written.lines, written.whole) == (1, False)
    assert written.note == "the log could not be fetched: GetLogEvents failed: no (AccessDeniedException)"


def test_how_old_and_how_late_lines_are_is_told_by_the_end_of_the_job(tmp_path: Path) -> None:
    task = FetchTask(ONE, "id", ended(stopped=5_000), None, ended=100.0)
    assert task.age_of({"timestamp": 4_000}, 102.0) == 3.0
    read = LogReading(task, Output((tmp_path / "one.out", tmp_path / "one.err")), lambda *_: None)
    for came in (4_500, 6_250, 6_000):
        read.streams[0].take({"timestamp": 4_000, "ingestionTime": came, "message": "line"})
    assert read.lateness == 1.25


def test_a_job_without_a_log_says_why(tmp_path: Path) -> None:
    read = reading(tmp_path, "not run: job zero failed")
    assert read.written(read.output.paths).note == "not run: job zero failed"
