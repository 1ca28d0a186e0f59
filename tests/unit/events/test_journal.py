"""The journal: what was written comes back, and what was torn or is no event is left out."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.errors import AwsError, ExitCode, InputError, Interrupted, ToolError
from jobbag.events import journal
from jobbag.events.encoding import encode
from jobbag.events.events import (
    Event,
    Finished,
    Halted,
    JobsWaiting,
    LogsWritten,
    Lost,
    Made,
    Making,
    Merged,
    NotRun,
    NotSubmitted,
    Share,
    Staged,
    StagingBegun,
    StagingFailed,
    StateChanged,
    Submitted,
    Submitting,
    TakenDown,
    Terminated,
    Unsent,
    WorkerFailed,
)
from jobbag.events.journal import Header, Journal, Past
from jobbag.events.observation import Attempt, LogPlace, Observation

from ..builders import JSON_VALUES, TEXT, job

JOBS = {number: job(number, f"job {number}") for number in range(1, 4)}
HEADER = Header("run", 1_700_000_000_000, {"--s3": "s3://b/"}, {one.name: "digest" for one in JOBS.values()})

_JOB = st.sampled_from(list(JOBS.values()))
_COUNT = st.integers(0, 2**53)
_MAYBE = st.none() | TEXT
_TIME, _CODE = st.none() | _COUNT, st.none() | st.integers(0, 255)
_PLACE = st.builds(LogPlace, stream=_MAYBE, group=TEXT, region=_MAYBE, driver=TEXT, source=_MAYBE)
_SEEN = st.builds(
    Observation,
    status=st.sampled_from(["SUBMITTED", "RUNNING", "SUCCEEDED", "FAILED"]),
    status_reason=_MAYBE,
    exit_code=_CODE,
    container_reason=_MAYBE,
    log=_PLACE,
    created=_TIME,
    started=_TIME,
    stopped=_TIME,
    attempts=st.lists(
        st.builds(
            Attempt,
            stream=_MAYBE,
            started=_TIME,
            stopped=_TIME,
            exit_code=_CODE,
            reason=_MAYBE,
            more=st.lists(_MAYBE, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    vcpus=st.none() | st.floats(0.25, 96),
    memory=st.none() | _COUNT,
    more_logs=st.lists(_PLACE, max_size=2).map(tuple),
)
_ERROR = TEXT.map(ToolError)
_FILE = st.text("abc/. ä\udc80\n", min_size=1, max_size=9).map(Path)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Staged, at=_COUNT, item=TEXT, key=TEXT, size=_COUNT, modified=_COUNT, sent=st.booleans()),
    st.builds(Submitting, at=_COUNT, job=_JOB, token=TEXT),
    st.builds(Unsent, at=_COUNT, job=_JOB),
    st.builds(Submitted, at=_COUNT, job=_JOB, aws_id=TEXT),
    st.builds(NotSubmitted, at=_COUNT, job=_JOB, error=_ERROR),
    st.builds(NotRun, at=_COUNT, job=_JOB, reason=TEXT),
    st.builds(StateChanged, at=_COUNT, job=_JOB, aws_id=TEXT, observation=_SEEN),
    st.builds(Lost, at=_COUNT, job=_JOB, aws_id=TEXT, error=_ERROR),
    st.builds(
        LogsWritten, at=_COUNT, job=_JOB, out=_FILE, err=_FILE, lines=_COUNT,
        tail=st.lists(TEXT, max_size=2).map(tuple), note=_MAYBE, whole=st.booleans(),
        share=st.none() | st.builds(Share, _COUNT, _COUNT, _COUNT, _COUNT),
    ),
    st.builds(Merged, at=_COUNT, job=_JOB, out_size=_COUNT, err_size=_COUNT),
    st.builds(Terminated, at=_COUNT, job=_JOB, aws_id=TEXT),
    st.builds(Halted, at=_COUNT, reason=TEXT),
    st.builds(Making, at=_COUNT, kind=TEXT, name=TEXT, before=_COUNT),
    st.builds(Made, at=_COUNT, kind=TEXT, name=TEXT, arn=TEXT),
    st.builds(TakenDown, at=_COUNT),
    st.builds(Finished, at=_COUNT, exit_code=st.integers(0, 3)),
)  # fmt: skip


def plain(events: Sequence[Event]) -> list[Any]:
    """Events so that they can be compared: an error counts by its words."""
    found = []
    for event in events:
        fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
        found.append((type(event), {k: str(v) if isinstance(v, ToolError) else v for k, v in fields.items()}))
    return found


def write(path: Path, events: Sequence[Event]) -> None:
    """A journal with these events."""
    path.unlink(missing_ok=True)
    with Journal(path) as notes:
        notes.begin(HEADER)
        for event in events:
            notes(event)


def read(path: Path) -> list[Event]:
    """The events of a journal."""
    past = journal.read(path)
    assert past is not None
    assert past.header == HEADER
    return list(past.events(JOBS))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a journal may be."""
    return tmp_path_factory.mktemp("journal") / "bag.journal"


@given(st.lists(EVENTS, max_size=12))
def test_every_sequence_of_events_comes_back(path: Path, events: list[Event]) -> None:
    write(path, events)
    assert plain(read(path)) == plain(events)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().count(b"\n") == len(events) + 1


@given(st.lists(EVENTS, min_size=1, max_size=5), st.data())
def test_a_file_cut_at_any_byte_holds_a_prefix(path: Path, events: list[Event], data: st.DataObject) -> None:
    write(path, events)
    whole = path.read_bytes()
    size = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:size])
    past = journal.read(path)
    lines = whole[:size].count(b"\n")
    if past is None:
        assert lines == 0
        return
    found = plain(list(past.events(JOBS)))
    assert found == plain(events)[: len(found)]
    assert len(found) in (lines - 1, lines), "the torn line was whole but for its end"
    # A new start goes on behind it.
    with Journal(path) as notes:
        notes(Finished(0, at=7))
    assert plain(read(path)) == [*found, *plain([Finished(0, at=7)])]


_GARBAGE = st.one_of(
    st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")),
    JSON_VALUES.map(lambda value: json.dumps(value).encode()),
    st.builds(
        lambda kind, content: json.dumps({**content, "event": kind}).encode(),
        st.sampled_from(["Submitted", "StateChanged", "LogsWritten", "Merged", "Staged", "Run", "Event", "nonsense"]),
        st.dictionaries(
            st.sampled_from(["job", "observation", "out", "error", "tail", "at", "x"]), JSON_VALUES, max_size=3
        ),
    ).filter(lambda line: list(Past(HEADER, (line,)).events(JOBS)) == []),
)


@given(st.lists(st.one_of(EVENTS, _GARBAGE), max_size=8))
def test_lines_that_are_no_events_are_skipped(path: Path, lines: list[Event | bytes]) -> None:
    write(path, [])
    for line in lines:
        if isinstance(line, bytes):
            with path.open("ab") as file:
                file.write(line + b"\n")
        else:
            with Journal(path) as notes:
                notes(line)
    assert plain(read(path)) == plain([line for line in lines if not isinstance(line, bytes)])


@given(st.dictionaries(st.sampled_from(["format", "run", "started", "options", "jobs"]), JSON_VALUES) | st.just({}))
def test_a_first_line_of_any_kind_is_no_crash(path: Path, content: dict[str, object]) -> None:
    first = {"event": "Run", "format": 1, "run": "r", "started": 1, "options": {}, "jobs": {}, **content}
    path.write_text(json.dumps(first) + "\n")
    with suppress(InputError):
        journal.read(path)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\n\n", b'{"event":"Submitted"}\n', b"something else\n"])
def test_no_first_line_is_no_earlier_run(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert journal.read(path) is None


def test_no_file_is_no_earlier_run(tmp_path: Path) -> None:
    assert journal.read(tmp_path / "no.journal") is None


def test_a_journal_of_another_format(path: Path) -> None:
    path.write_text('{"event":"Run","format":99}\n')
    with pytest.raises(InputError, match=r"another version of the tool; use --fresh"):
        journal.read(path)


def test_events_that_no_later_start_needs_are_not_written(path: Path) -> None:
    write(path, [StagingFailed("a", ToolError("x")), WorkerFailed("w", OSError())])
    assert read(path) == []


def test_what_others_want_to_know_of_a_run_is_written(path: Path) -> None:
    events = [StagingBegun(2, 20), JobsWaiting("q", "why", True)]
    write(path, events)
    assert read(path) == events


@pytest.mark.parametrize("layout", ['{"event":%s,"at":1,%s}', ' {  "event" : %s, "at": 1, %s }', '{%.0s%s,"event":%s}'])
def test_a_run_has_finished_and_sent_however_its_lines_are_laid_out(path: Path, layout: str) -> None:
    """A line as JSON may be written; the third one has the kind at its end."""
    more = {"Submitting": '"job":1,"token":"t"', "StateChanged": '"job":1', "Finished": '"exit_code":0'}
    seen = []
    write(path, [])
    for kind, rest in more.items():
        words = (rest, rest, f'"{kind}"') if "%.0s" in layout else (f'"{kind}"', rest)
        with path.open("a") as file:
            file.write(layout % words + "\n")
        past = journal.read(path)
        assert past is not None
        seen.append((past.has_sent, past.finished))
    assert seen == [(True, False), (True, False), (True, True)]


def test_a_job_that_is_no_more_is_left_out(path: Path) -> None:
    write(path, [Submitted(JOBS[1], "a"), Submitted(JOBS[2], "b")])
    past = journal.read(path)
    assert past is not None
    events = list(past.events({2: JOBS[2]}))
    assert [event.job for event in events if isinstance(event, Submitted)] == [JOBS[2]]


def test_an_error_keeps_its_words(path: Path) -> None:
    write(path, [NotSubmitted(JOBS[1], AwsError("SubmitJob", "ClientException", "no"))])
    (event,) = read(path)
    assert isinstance(event, NotSubmitted)
    assert str(event.error) == "SubmitJob failed: no (ClientException)"


ONE = JOBS[1]
SENT, DONE, CLEAN = Submitting(ONE, "t"), Finished(0), TakenDown()
MADE = (Making("bucket", "b"), Made("bucket", "b", "arn"))


@pytest.mark.parametrize(
    ("events", "finished"),
    [
        ([], False),
        ([SENT], False),
        ([SENT, DONE], True),
        ([*MADE, SENT, DONE], False),
        ([*MADE, SENT, DONE, CLEAN], True),
        ([*MADE, SENT, CLEAN], False),
        ([*MADE[:1], CLEAN], False),
        ([SENT, DONE, CLEAN, SENT], False),
        ([SENT, DONE, CLEAN, *MADE], False),
    ],
)
def test_whether_a_run_reached_its_end(path: Path, events: list[Event], finished: bool) -> None:
    write(path, events)
    past = journal.read(path)
    assert past is not None
    assert past.finished is finished


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_journal_that_cannot_be_written_is_named(
    call: str, code: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    with Journal(path) as notes:
        monkeypatch.setattr(os, call, fail)
        with pytest.raises(OSError, match="cannot write ") as caught:
            notes.durably(TakenDown())
    assert str(caught.value) == f"cannot write {path}: {os.strerror(code)}"


def test_a_journal_may_be_larger_than_the_memory(path: Path) -> None:
    seen = Observation("RUNNING", "a reason of some length", log=LogPlace("definition/default/0123456789abcdef"))
    write(path, [StateChanged(ONE, "id", seen)] * 3000)
    size = path.stat().st_size
    tracemalloc.start()
    try:
        past = journal.read(path)
        assert past is not None
        assert not past.finished
        assert sum(1 for _ in past.events(JOBS)) == 3000
        assert tracemalloc.get_traced_memory()[1] < size / 4
        kept = list(past.events(JOBS))
        assert tracemalloc.get_traced_memory()[0] < size * 1.5, "what is told many times is kept once"
        del kept
    finally:
        tracemalloc.stop()


def test_what_is_written_behind_the_end_does_not_count(path: Path) -> None:
    write(path, [SENT])
    past = journal.read(path)
    assert past is not None
    with Journal(path) as notes:
        notes(DONE)
    assert list(past.events(JOBS)) == [SENT]
    assert not past.finished


def test_a_write_that_the_disk_cut_short(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written of the line is not taken for an event, and the next line is whole."""
    write(path, [])
    real, left = os.write, [10]

    def full(file: int, data: bytes) -> int:
        if not left:
            raise OSError(28, "No space left on device")
        return real(file, data[: left.pop()])

    with Journal(path) as notes:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(OSError, match="No space"):
                notes(Submitted(ONE, "lost"))
        notes(Submitted(ONE, "found"))
    assert [event.aws_id for event in read(path) if isinstance(event, Submitted)] == ["found"]


@pytest.mark.parametrize("old", [True, False])
def test_a_new_journal_that_is_cut_short_at_any_instant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    """There is the old one or the new one, whole: what succeeded in the run before must not run again."""
    path, events = tmp_path / "bag.journal", [Submitting(ONE, "t"), Submitted(ONE, "id"), Finished(1)]
    left = -1

    def cut(call: Callable[..., Any]) -> Callable[..., Any]:
        def either(*arguments: Any, **others: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1:
                raise Interrupted(ExitCode.SIGINT)
            return call(*arguments, **others)

        return either

    for name in ("open", "write", "fsync", "link", "rename", "replace"):
        monkeypatch.setattr(os, name, cut(getattr(os, name)))
    for number in range(100):
        if old:
            write(path, events)
        left = number
        with suppress(Interrupted):
            journal.begin_anew(path, HEADER, events[:2])
            break
        left = -1
        assert path.exists() is old
        assert not old or plain(read(path)) == plain(events)
        assert not list(tmp_path.glob("*.part"))
        for aside in tmp_path.glob("bag.journal.0*"):
            aside.unlink()
    assert 6 <= number < 99
    assert plain(read(path)) == plain(events[:2])
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("content", "stays"),
    [("", False), ('{"eve', False), ('{"event":"Run","format":1}\n', False), ("notes of mine", True), ("{}", True)],
)
def test_what_a_killed_start_left_of_a_new_journal_is_removed(path: Path, content: str, stays: bool) -> None:
    new = path.with_name(f"{path.name}.part")
    new.write_text(content)
    journal.remove_leftover(path)
    assert new.exists() is stays
    new.unlink(missing_ok=True)
    journal.remove_leftover(path)


def test_a_journal_begins_as_what_is_removed_does(path: Path) -> None:
    write(path, [])
    path.rename(path.with_name(f"{path.name}.part"))
    journal.remove_leftover(path)
    assert list(path.parent.glob("*.part")) == []


@pytest.mark.parametrize("links", [True, False])
def test_a_journal_is_set_aside_under_the_first_free_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links on this file system")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "bag.journal"
    for number in range(2):
        path.write_text(str(number))
        assert journal.begin_anew(path, HEADER, []) == tmp_path / f"bag.journal.00{number}"
    assert [(tmp_path / f"bag.journal.00{n}").read_text() for n in range(2)] == ["0", "1"]


def test_kinds_of_jobs_are_all_known() -> None:
    """Every event that names a job and is in the journal names it by its number."""
    event = Submitted(ONE, "id", at=3)
    assert encode(event) == {"event": "Submitted", "job": 1, "aws_id": "id", "at": 3}
