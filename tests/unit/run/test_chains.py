"""Chains of jobs that depend on each other, of any length: a run of them before workers that answer at once."""

from __future__ import annotations

import cProfile
import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from jobbag.aws.client import Cloud
from jobbag.bag.job import Bag, Job
from jobbag.entities.kinds import Plan
from jobbag.errors import AwsError, ExitCode, Interrupted
from jobbag.escalation.policy import Escalation
from jobbag.events.consumers import Emit, replay
from jobbag.events.events import (
    Event,
    Halted,
    LogsWritten,
    NotRun,
    NotSubmitted,
    Signalled,
    Staged,
    StagingFailed,
    StateChanged,
    Submitted,
    Submitting,
    Terminated,
)
from jobbag.events.journal import Journal
from jobbag.events.observation import Observation
from jobbag.events.outcome import Verdict
from jobbag.events.remarks import why_no_log
from jobbag.events.state import RunState
from jobbag.jobs.array_request import PreparedRequest, Requests
from jobbag.jobs.request import Target
from jobbag.logs.outputs import JobFiles
from jobbag.report.details import Details
from jobbag.report.summary import Ended, overview
from jobbag.run import pipeline as module
from jobbag.run.consumers import Consumers
from jobbag.run.pipeline import Pipeline
from jobbag.run.safeguards import Safeguards
from jobbag.run.takeup import How, earlier
from jobbag.run.task import Task, TaskOnAws, header_of
from jobbag.s3.place import S3Place
from jobbag.signals import Signals

from ..builders import bag, job, settings

PLACE = S3Place("bucket", "", own=False)
PLAN = Plan(None, None, None, None)


@dataclass
class Aws:
    """What AWS does with the jobs: all succeed at once, but for those that are named here."""

    refused: frozenset[str] = frozenset()  # by SubmitJob
    failing: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()  # input files that cannot be sent
    cut_at: str | None = None  # a signal comes when this job is sent
    sent: list[str] = field(default_factory=list)  # names of jobs
    failed: set[str] = field(default_factory=set)  # AWS ids
    outputs: list[str] = field(default_factory=list)  # names of the jobs whose output was written

    def end_of(self, one: Job, behind: Iterable[str]) -> Observation:
        if any(aws_id in self.failed for aws_id in behind):
            return Observation("FAILED", "Dependent Job failed")
        return (
            Observation("FAILED", "x", exit_code=1, started=1) if one.name in self.failing else Observation("SUCCEEDED")
        )


class Workers:
    """All workers of a run in one; each answers at once."""

    def __init__(self, aws: Aws, emit: Emit) -> None:
        self._aws, self._emit = aws, emit
        self._behind: dict[str, list[str]] = {}
        self.uploader = self.submitter = self.monitor = self.follower = self.terminator = self

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None: ...
    def __call__(self, _: Event) -> None: ...
    def have_fetched_results(self, _: RunState) -> bool:
        return True

    def nothing(self, *_: object) -> None: ...

    follow = recall = terminate = cancel = send_no_more = close = nothing

    def send(self, items: Sequence[str]) -> None:
        for item in items:
            bad = item in self._aws.missing
            self._emit(StagingFailed(item, AwsError("s3", "x", "no")) if bad else Staged(item, item, 1, 1, True))

    def submit(self, jobs: Sequence[Job], prepared: PreparedRequest, *, unsure: bool = False) -> None:
        assert not unsure
        for one in jobs:
            if one.name == self._aws.cut_at:
                self._emit(Signalled(Interrupted(ExitCode.SIGHUP)))
            if one.name in self._aws.refused:
                self._emit(NotSubmitted(one, AwsError("SubmitJob", "ClientException", "no")))
                continue
            self._aws.sent.append(one.name)
            self._behind[f"id-{one.name}"] = [each["jobId"] for each in prepared.request.get("dependsOn", ())]
            self._emit(Submitted(one, f"id-{one.name}"))

    def watch(self, one: Job, state: RunState) -> None:
        aws_id = state.of(one).aws_id
        seen = self._aws.end_of(one, self._behind.get(aws_id, ()))
        if seen.status == "FAILED":
            self._aws.failed.add(aws_id)
        else:
            self._aws.failed.discard(aws_id)
        self._emit(StateChanged(one, aws_id, seen))

    def fetch(self, one: Job, _: RunState) -> None:
        self._aws.outputs.append(one.name)
        self._emit(LogsWritten(one, Path(__file__), Path(__file__), 0))  # files that there are


class Place:
    """Where a run is started, once or several times, with one journal."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch, the_bag: Bag) -> None:
        self.path, self.bag, self._patch = path / "bag.journal", the_bag, patch

    def past(self) -> list[Event]:
        """What the journal gives to the next start."""
        found = earlier(settings(), self.path, header_of(settings(), Task(self.bag, PLAN, PLACE)))
        assert found.how is How.GO_ON
        return found.events(self.bag)

    def write(self, *events: Event) -> None:
        """Append to the journal; begin it, if there is none."""
        is_new = not self.path.exists()
        with Journal(self.path) as notes:
            if is_new:
                notes.begin(header_of(settings(), Task(self.bag, PLAN, PLACE)))
            for event in events:
                notes(event)

    def start(self, aws: Aws) -> RunState:
        """One start of the run."""
        outputs = JobFiles()
        past = outputs.resume(self.past()) if self.path.exists() else []
        self.write()
        state = RunState(self.bag, 0)
        replay(past, state)
        self._patch.setattr(module, "Workers", lambda _, __, ___, ____, emit, **_____: Workers(aws, emit))
        task = TaskOnAws(self.bag, PLAN, PLACE, cast(Cloud, None))
        with Journal(self.path) as journal:
            self._patch.setattr(journal, "sync", lambda: None)
            consumers = Consumers(journal, state, Safeguards())
            requests = Requests(self.bag, PLACE, Target("q", "d"), "r")
            pipeline = Pipeline(
                task, settings(on_interrupt="detach"), requests, consumers, outputs, Escalation(), bucket_is_new=False
            )
            pipeline.run(cast(Signals, _NoSignals()), [event.item for event in past if isinstance(event, Staged)])
        return state


class _NoSignals:
    def only_tell(self) -> None: ...


MakePlace = Callable[[Bag], Place]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePlace:
    return lambda the_bag: Place(tmp_path, monkeypatch, the_bag)


def chain(links: int, **of_the_first: Any) -> Bag:
    """Jobs each of which depends on the one before it."""
    jobs = [job(1, "c0", **of_the_first)]
    jobs += [replace(job(n + 1, f"c{n}"), depends_on=(f"c{n - 1}",)) for n in range(1, links)]
    return bag(*jobs)


def verdicts(state: RunState) -> dict[str, Verdict]:
    return {one.name: state.of(one).verdict for one in state.bag.jobs}


def all_with(the_bag: Bag, verdict: Verdict) -> dict[str, Verdict]:
    return {one.name: verdict for one in the_bag.jobs}


# -- long chains


def told(state: RunState) -> dict[str, Any]:
    """The end of the run, as far as the causes."""
    outputs = JobFiles()
    end = Ended(state, Details(state), "run", (), "r", outputs, None, Path("x"), 1, ExitCode.OK, None, (), {})
    return overview(end)


WAYS: dict[str, tuple[Callable[[], Aws], dict[str, Any]]] = {
    "all succeed": (Aws, {}),
    "refused": (lambda: Aws(refused=frozenset(["c0"])), {}),
    "no input": (lambda: Aws(missing=frozenset(["in"])), {"inputs": ("in",)}),
    "fails": (lambda: Aws(failing=frozenset(["c0"])), {}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_long_chain_comes_to_its_end_and_each_job_tells_why(place: MakePlace, way: str) -> None:
    make_aws, of_the_first = WAYS[way]
    the_bag = chain(1000, **of_the_first)
    state = place(the_bag).start(make_aws())
    assert state.complete
    if way == "all succeed":
        assert verdicts(state) == all_with(the_bag, Verdict.SUCCEEDED)
        return
    assert [why_no_log(state, one) for one in the_bag.jobs[1:]] == ["not run: job c0 failed, on which it depends"] * 999
    counts = {cause["cause"]: cause["count"] for cause in told(state)["causes"]}
    assert counts["not run: job c0 failed, on which it depends"] == 999


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, and generators resumed, meanwhile."""
    profile = cProfile.Profile()
    gc.collect()
    gc.disable()  # what it calls is the work of tests before
    try:
        profile.runcall(work)
    finally:
        gc.enable()
    return sum(entry.callcount for entry in profile.getstats())


@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "backwards"])
@pytest.mark.parametrize("way", WAYS)
def test_a_chain_of_twice_as_many_jobs_takes_twice_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, backwards: bool
) -> None:
    make_aws, of_the_first = WAYS[way]

    def work(links: int) -> int:
        the_bag = chain(links, **of_the_first)
        if backwards:
            turned = (replace(one, number=n) for n, one in enumerate(reversed(the_bag.jobs), 1))
            the_bag = bag(*turned)
        here = tmp_path / str(links)
        here.mkdir()
        stage = Place(here, monkeypatch, the_bag)

        def run() -> None:
            told(stage.start(make_aws()))
            told(stage.start(make_aws()))

        return calls(run)

    assert work(100) < 2.05 * work(50)


def test_a_job_is_told_once_why_it_did_not_run(place: MakePlace) -> None:
    """Of `next`, the input cannot be sent and the job is refused on which it depends, in either order."""
    for files in (("lost",), ("there", "lost")):
        one = job(1, "one", inputs=files[:-1])
        the_bag = bag(one, replace(job(2, "next", inputs=("lost",)), depends_on=("one",)))
        here = place(the_bag)
        here.path.unlink(missing_ok=True)
        aws = Aws(refused=frozenset(["one"]), missing=frozenset(["lost"]))
        here.start(aws)
        assert sorted(aws.outputs) == ["next", "one"]


# -- a second start


SECOND = [
    (Aws(refused=frozenset(["c0"])), {}),
    (Aws(missing=frozenset(["in"])), {"inputs": ("in",)}),
]


@pytest.mark.parametrize(("first", "of_the_first"), SECOND, ids=["refused", "no input"])
def test_what_was_not_run_for_a_job_that_gets_its_chance_runs_after_it(
    place: MakePlace, first: Aws, of_the_first: dict[str, Any]
) -> None:
    the_bag = chain(4, **of_the_first)
    here = place(the_bag)
    assert verdicts(here.start(first)) == all_with(the_bag, Verdict.NOT_RUN)
    again = here.start(first)
    assert again.complete
    assert [again.of(one).withheld for one in the_bag.jobs] == [None] + ["job c0 failed, on which it depends"] * 3
    second = Aws()
    state = here.start(second)
    assert second.sent == ["c0", "c1", "c2", "c3"]
    assert verdicts(state) == all_with(the_bag, Verdict.SUCCEEDED)
    assert state.exit_code is ExitCode.OK


def test_a_start_that_is_cut_short_between_the_jobs_goes_on_with_the_rest(place: MakePlace) -> None:
    the_bag = chain(40)
    here = place(the_bag)
    here.start(Aws(refused=frozenset(["c0"])))
    cut = Aws(cut_at="c20")
    here.start(cut)
    last = Aws()
    state = here.start(last)
    assert sorted(cut.sent + last.sent) == sorted(one.name for one in the_bag.jobs)
    assert verdicts(state) == all_with(the_bag, Verdict.SUCCEEDED)


def test_what_also_needs_a_job_that_failed_for_good_stays_out(place: MakePlace) -> None:
    one, bad, both, last = job(1, "one"), job(2, "bad"), job(3, "both"), job(4, "last")
    filler = [job(number, f"f{number}") for number in range(5, 30)]
    many = ("one", "bad", *(each.name for each in filler))  # more than AWS waits for
    the_bag = bag(one, bad, replace(both, depends_on=many), replace(last, depends_on=("both",)), *filler)
    here = place(the_bag)
    failing = frozenset(["bad"])
    here.start(Aws(refused=frozenset(["one"]), failing=failing))
    second = Aws(failing=failing)
    state = here.start(second)
    assert second.sent == ["one"]
    assert state.complete
    found = verdicts(state)
    assert (found["one"], found["bad"]) == (Verdict.SUCCEEDED, Verdict.FAILED)
    assert (found["both"], found["last"]) == (Verdict.NOT_RUN, Verdict.NOT_RUN)


def test_what_a_halt_kept_from_running_stays_out(place: MakePlace) -> None:
    the_bag = chain(3)
    here = place(the_bag)
    one, two, three = the_bag.jobs
    here.write(
        Submitting(one, "t"), NotSubmitted(one, AwsError("SubmitJob", "x", "no")), Halted("too many"),
        NotRun(two, "too many"), NotRun(three, "too many"),
    )  # fmt: skip
    aws = Aws()
    state = here.start(aws)
    assert aws.sent == []
    assert verdicts(state) == all_with(the_bag, Verdict.NOT_RUN)


def test_a_job_waits_for_one_that_is_still_to_end_as_the_run_was_stopped(place: MakePlace) -> None:
    """The first start asked AWS to end `c0`, and `c1` was not sent yet: behind that `c0`, it would fail as well."""
    the_bag = chain(2)
    here = place(the_bag)
    first = the_bag.jobs[0]
    here.write(Submitting(first, "t"), Submitted(first, "id-old"), Terminated(first, "id-old"))

    class OldEnds(Aws):
        def end_of(self, one: Job, behind: Iterable[str]) -> Observation:
            if one.name == "c0" and not self.sent:
                return Observation("FAILED", "pegasus-aws-batch was stopped")
            return super().end_of(one, behind)

    aws = OldEnds()
    state = here.start(aws)
    assert aws.sent == ["c0", "c1"]
    assert verdicts(state) == all_with(the_bag, Verdict.SUCCEEDED)
