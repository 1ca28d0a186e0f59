"""The lines that other programs read: golden, and the grammar held for any name."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.events.jobstate_log import jobstate_line
from jobbag.events.observation import Observation
from jobbag.logs.records import number_of, renumbered, status_of, summary_record, task_record

from ..builders import ended, job

AT = 1_795_334_538_123  # 2026-11-22 08:02:18.123 UTC
FIELD = r'[^\s",=\[\]]+=(?:[^\s",=\[\]]+|"[^"\]\r\n]*")'
RECORD = re.compile(rf"\[[a-z-]+ {FIELD}(?:, {FIELD})*\]")


@pytest.fixture(autouse=True)
def _five_hours_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "EST5")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_job_that_succeeded() -> None:
    seen = ended(started=AT, stopped=AT + 61_004)
    assert task_record(job(3, "find range", executable="/bin/x"), "uuid-1", seen, 0) == (
        '[cluster-task id=3, name="find range", aws-job-id="uuid-1", state=succeeded, status=0, id=3, '
        'start="2026-11-22T03:02:18.123-05:00", duration=61.004, app="/bin/x"]'
    )


def test_a_job_that_failed() -> None:
    seen = ended("FAILED", 7, started=AT, stopped=AT + 5)
    assert task_record(job(), "uuid-1", seen, 0) == (
        '[cluster-task id=1, name="one", aws-job-id="uuid-1", state=failed, status=7, id=1, '
        'start="2026-11-22T03:02:18.123-05:00", duration=0.005, app="/bin/true"]'
    )


def test_the_record_of_a_job_that_has_another_number_now() -> None:
    old, new = (task_record(job(number, 'a, id=3, start="x'), "uuid", ended(), 0) for number in (3, 12))
    text = f"[cluster-task id=7, of the job itself\n{old}\n".encode()
    assert number_of(text) == 3
    assert renumbered(text, 12) == text.replace(old.encode(), new.encode())
    assert (number_of(b"no record\n"), renumbered(b"no record\n", 12)) == (None, b"no record\n")


def test_a_job_that_never_started() -> None:
    seen = ended("FAILED", None, created=AT, started=None, stopped=AT + 60_000)
    assert task_record(job(), "uuid-1", seen, 0) == (
        '[cluster-task id=1, name="one", aws-job-id="uuid-1", state=failed, status=1, id=1, '
        'start="2026-11-22T03:02:18.123-05:00", duration=0.000, app="/bin/true"]'
    )


def test_a_job_that_was_never_submitted() -> None:
    assert task_record(job(), "", None, AT) == (
        '[cluster-task id=1, name="one", aws-job-id="", state=failed, status=1, id=1, '
        'start="2026-11-22T03:02:18.123-05:00", duration=0.000, app="/bin/true"]'
    )


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (ended("SUCCEEDED", 0), 0),
        (ended("SUCCEEDED", None), 0),
        (ended("FAILED", 255), 255),
        (ended("FAILED", None), 1),
        (ended("FAILED", 0), 1),  # stopped from outside: no success may be read from it
        (Observation("RUNNING"), 1),
        (None, 1),
    ],
)
def test_the_status_of_a_record(seen: Observation | None, status: int) -> None:
    assert status_of(seen) == status


@pytest.mark.parametrize(("failed", "stat"), [(0, "ok"), (2, "failed")])
def test_the_summary(failed: int, stat: str) -> None:
    assert summary_record(3, failed, AT, AT + 61_004) == (
        f'[cluster-summary stat="{stat}", tasks={3 + failed}, succeeded=3, failed={failed}, duration=61.004, '
        'start="2026-11-22T03:02:18.123-05:00", app="pegasus-aws-batch"]'
    )


def test_a_clock_that_went_backwards_gives_no_negative_duration() -> None:
    assert "duration=0.000" in summary_record(1, 0, AT, AT - 1)
    assert "duration=0.000" in task_record(job(), "i", ended(started=AT, stopped=AT - 1), 0)


def test_a_line_of_the_jobstate_log() -> None:
    assert jobstate_line(AT, "find range", "RUNNING", "uuid-1") == "1795334538123 find range RUNNING uuid-1"


@given(st.text(), st.text(), st.text())
def test_any_name_keeps_the_grammar(name: str, executable: str, aws_id: str) -> None:
    line = task_record(job(name=name, executable=executable), aws_id, ended(), AT)
    assert RECORD.fullmatch(line)


@pytest.mark.parametrize("name", ['a"b', "a]b", "a[b", "a\nb", 'x", status=0]', "a\x1b[31mb"])
def test_hostile_names(name: str) -> None:
    line = task_record(job(name=name), "i", ended("FAILED", 3), AT)
    assert RECORD.fullmatch(line)
    assert re.findall(r"status=(\d+)", line)[-1] == "3"
