"""The loop of a run: whatever comes, and however often it is started, each job runs once and all are told of."""

from __future__ import annotations

import queue
import random
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.aws.client import Cloud
from jobbag.bag.job import Bag
from jobbag.entities.kinds import Plan
from jobbag.errors import ExitCode, Interrupted
from jobbag.escalation.policy import Escalation
from jobbag.events import journal
from jobbag.events.consumers import Consumer, replay
from jobbag.events.events import Event, LogsWritten, Staged, StateChanged, Submitted, Submitting, Unsent
from jobbag.events.journal import Header, Journal
from jobbag.events.state import RunState
from jobbag.jobs.array_request import Requests
from jobbag.jobs.request import Target
from jobbag.logs.outputs import JobFiles
from jobbag.options.settings import Settings
from jobbag.run import pipeline
from jobbag.run.consumers import Consumers
from jobbag.run.pipeline import Pipeline
from jobbag.run.safeguards import safeguards_of
from jobbag.run.takeup import folded
from jobbag.run.task import TaskOnAws
from jobbag.s3.place import S3Place
from jobbag.signals import Signals

from ..builders import bag, ended, job, settings
from .world import DEFINITION, Aws, InAws, Killed, World, bags

PLACE = S3Place("bucket", "", own=False)
SEEDS = st.integers(0, 2**32)


class Run:
    """A run of a bag on a model of AWS, which can be started again and again on its journal."""

    def __init__(self, of: Bag, directory: Path, seed: int = 0, trouble: float = 0.0, **wanted: Any) -> None:
        self.bag = of
        self.path = directory / "run.journal"
        self.path.unlink(missing_ok=True)
        self.settings: Settings = settings(**{"array": "never", "grace": 30.0, **wanted})
        self.aws = Aws(random.Random(seed), trouble)
        with Journal(self.path) as notes:
            notes.begin(Header("run", 0, {}, {}))

    def note(self, *events: Event) -> None:
        """What an earlier start has written to the journal."""
        with Journal(self.path) as notes:
            for event in events:
                notes(event)

    def start(
        self,
        after: int | None = None,
        how: ExitCode | None = None,
        also: Consumer | None = None,
        cancelled: Interrupted | None = None,
    ) -> RunState:
        """Start the command. After so many steps it gets a signal, or is killed if none is given."""

        def happens() -> None:
            if how is None:
                raise Killed
            loop.stop(Interrupted(how))

        world: Any = World(self.aws, after, happens)
        past = journal.read(self.path)
        assert past is not None
        events = list(past.events({one.number: one for one in self.bag.jobs}))
        events += [Unsent(one) for one in folded(events, self.bag).to_send_whole()]
        state, safeguards = RunState(self.bag, 0), safeguards_of(self.settings, len(self.bag.jobs), 0)
        replay(events, state, safeguards)
        with pytest.MonkeyPatch.context() as patch, Journal(self.path) as notes:
            patch.setattr(pipeline, "Workers", lambda *_, **__: world)
            patch.setattr(pipeline, "queue", SimpleNamespace(SimpleQueue=lambda: world, Empty=queue.Empty))
            patch.setattr(pipeline, "next_of", lambda events, seconds: events.get(timeout=seconds))
            task = TaskOnAws(self.bag, Plan(None, None, None, PLACE), PLACE, cast(Cloud, world))
            requests = Requests(self.bag, PLACE, Target("q", "d"), world.region)
            consumers = Consumers(notes, state, safeguards, [also] if also else [])
            escalation = Escalation(lambda _: DEFINITION)
            loop = Pipeline(task, self.settings, requests, consumers, JobFiles(), escalation, bucket_is_new=False)
            staged = [event.item for event in events if isinstance(event, Staged)]
            self.stopped = loop.run(Signals(), staged, cancelled)
        return state

    def ran(self) -> dict[str, list[str]]:
        """How each job ended that AWS has, by name."""
        found: dict[str, list[str]] = {}
        for one in self.aws.jobs.values():
            found.setdefault(one.job.name, []).append(one.end.status if one.end else "RUNNING")
        return found


@given(bags(arrays=True), SEEDS, st.integers(0, 40))
def test_a_run_that_nobody_holds_is_cancelled(
    tmp_path_factory: pytest.TempPathFactory, of: Bag, seed: int, after: int
) -> None:
    """Nothing is sent for it, and nothing that it has sent runs on; then the same command goes on."""
    run = Run(of, tmp_path_factory.mktemp("run"), seed)
    with suppress(Killed):
        run.start(after)
    before = len(run.aws.jobs)
    state = run.start(cancelled=Interrupted(ExitCode.SIGTERM, cancelled=True, unheld=True))
    assert len(run.aws.jobs) == before
    assert not any("RUNNING" in ends for ends in run.ran().values())
    assert not list(state.running())
    assert run.start().complete


@pytest.mark.parametrize("after", range(5, 10))
def test_a_cancel_that_was_killed_is_made_whole_by_the_next(tmp_path: Path, after: int) -> None:
    """It also fetches the output of jobs of which only that was missing."""
    run = Run(bag(job(1, "j1"), job(2, "j2")), tmp_path)
    run.aws.hold = True
    with suppress(Killed):
        run.start(6)
    cancelled = Interrupted(ExitCode.SIGTERM, cancelled=True, unheld=True)
    with suppress(Killed):
        run.start(after, cancelled=cancelled)
    state = run.start(cancelled=cancelled)
    assert [state.of(one).finished for one in run.bag.jobs] == [True, True]


TWO = bag(job(1, "j1"), job(2, "j2", depends_on=("j1",)))


# -- one start


@pytest.mark.parametrize("seed", range(12))
def test_what_was_not_run_names_the_job_that_failed_in_whatever_order_their_ends_are_seen(
    seed: int, tmp_path: Path
) -> None:
    """A chain behind one of several jobs, all of which AWS has: it lets what depends on a failure fail by itself."""
    first = [job(1, "good"), job(2, "bad"), job(3, "other")]
    chain = [job(4, "next", depends_on=("good", "bad", "other")), job(5, "last", depends_on=("next",))]
    run = Run(bag(*chain[::-1], *first), tmp_path, seed)
    run.aws.failing = frozenset({"bad"})
    run.start()
    why = "not run: job bad failed, on which it depends"
    assert {name: run.aws.told[name] for name in ("next", "last")} == {"next": why, "last": why}


@given(bags(arrays=True), SEEDS, st.sampled_from(["never", "always"]), st.sampled_from([None, 1, 3]))
def test_all_jobs_run_once_and_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, of: Bag, seed: int, array: str, canary: int | None
) -> None:
    run = Run(of, tmp_path_factory.mktemp("run"), seed, array=array, canary=canary)
    state = run.start()
    assert (state.complete, state.exit_code, run.stopped) == (True, ExitCode.OK, None)
    assert run.ran() == {one.name: ["SUCCEEDED"] for one in of.jobs}


@given(bags(arrays=True), SEEDS, st.sampled_from(["never", "always"]), st.sampled_from([None, 1, 3]))
def test_whatever_fails_the_run_ends_and_every_job_is_told_of_once(
    tmp_path_factory: pytest.TempPathFactory, of: Bag, seed: int, array: str, canary: int | None
) -> None:
    run = Run(of, tmp_path_factory.mktemp("run"), seed, 0.3, array=array, canary=canary)
    state = run.start()
    assert state.complete
    for one in of.jobs:
        outcome = state.of(one)
        assert outcome.succeeded == (run.ran().get(one.name) == ["SUCCEEDED"])
        assert outcome.succeeded or outcome.error or outcome.withheld or outcome.ended


@given(bags(arrays=True), SEEDS, st.sampled_from(["never", "always"]))
def test_a_run_that_is_halted_terminates_what_runs_and_sends_nothing_more(
    tmp_path_factory: pytest.TempPathFactory, of: Bag, seed: int, array: str
) -> None:
    run = Run(of, tmp_path_factory.mktemp("run"), seed, 0.4, array=array, max_failures="0")
    state = run.start()
    before = run.ran()
    assert state.complete
    assert not any("RUNNING" in ends for ends in before.values())
    assert run.start().complete
    assert state.halted is None or run.ran() == before


def test_with_detach_the_run_ends_when_all_is_sent(tmp_path: Path) -> None:
    run = Run(TWO, tmp_path, detach=True)
    run.aws.hold = True
    state = run.start()
    assert (run.stopped, state.complete) == (None, False)
    assert [job.needs for job in run.aws.jobs.values()] == [[], ["id-1"]]


def test_a_journal_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    run = Run(TWO, tmp_path)

    def full(_: Event) -> None:
        raise OSError(28, "No space left on device")

    state = run.start(also=full)
    assert (state.broken, state.exit_code) == (True, ExitCode.AWS_ERROR)
    assert state.errors == ["the run stopped: [Errno 28] No space left on device"]
    assert run.start().exit_code is ExitCode.OK


@pytest.mark.parametrize("after", range(1, 9))
def test_a_signal_terminates_what_aws_has_and_a_new_start_sends_it_again(tmp_path: Path, after: int) -> None:
    """Be it that AWS has it only after the signal."""
    run = Run(bag(job(1, "j1"), job(2, "j2"), job(3, "j3", depends_on=("j2",))), tmp_path)
    run.aws.hold = True
    state = run.start(after, ExitCode.SIGINT)
    assert run.stopped is not None
    assert all(job.terminated for job in run.aws.jobs.values())
    assert [one.name for one in run.bag.jobs if state.of(one).terminated] == sorted(run.ran())
    run.aws.hold = False
    assert run.start().succeeded == 3


@pytest.mark.parametrize("after", range(1, 9))
def test_a_hang_up_terminates_nothing(tmp_path: Path, after: int) -> None:
    run = Run(bag(job(1, "j1"), job(2, "j2"), job(3, "j3", depends_on=("j2",))), tmp_path)
    run.aws.hold = True
    run.start(after, ExitCode.SIGHUP)
    assert not any(job.terminated for job in run.aws.jobs.values())
    run.aws.hold = False
    assert run.start().succeeded == 3
    assert set(map(len, run.ran().values())) == {1}


# -- start after start


@pytest.mark.parametrize("seed", range(4))
def test_a_job_in_doubt_that_is_found_after_a_signal_is_terminated(tmp_path: Path, seed: int) -> None:
    run = Run(bag(job(1, "j1")), tmp_path, seed)
    run.aws.hold = True
    run.aws.jobs, run.aws.by_token = {"id-1": InAws(run.bag.jobs[0], [])}, {"t.1": "id-1"}
    run.note(Submitting(run.bag.jobs[0], "t.1"))
    state = run.start(1, ExitCode.SIGINT)
    assert state.of(run.bag.jobs[0]).terminated
    assert run.ran() == {"j1": ["FAILED"]}


def test_what_depends_on_a_job_of_an_earlier_start_waits_for_it_in_aws(tmp_path: Path) -> None:
    run = Run(TWO, tmp_path, detach=True)
    run.aws.hold = True
    run.aws.jobs = {"earlier": InAws(TWO.jobs[0], [])}
    run.note(Submitting(TWO.jobs[0], "t.1"), Submitted(TWO.jobs[0], "earlier"))
    run.start()
    assert [job.needs for job in run.aws.jobs.values()] == [[], ["earlier"]]


def test_a_job_that_aws_has_is_not_dropped_for_a_failure_that_an_earlier_start_saw(tmp_path: Path) -> None:
    """AWS lets it fail; its output would be written twice."""
    run = Run(TWO, tmp_path)
    one, two = TWO.jobs
    run.aws.jobs = {"id-1": InAws(one, [], ended("FAILED", 1)), "id-2": InAws(two, ["id-1"])}
    run.note(
        *(Submitting(one, "t.1"), Submitted(one, "id-1"), Submitting(two, "t.2"), Submitted(two, "id-2")),
        *(StateChanged(one, "id-1", ended("FAILED", 1)), LogsWritten(one, Path("out"), Path("err"), 1)),
    )
    state = run.start()
    assert state.complete
    assert state.of(two).needed_a_failure
    assert state.of(two).withheld is None


def test_a_job_in_doubt_that_aws_does_not_have_is_dropped_when_it_needs_a_failure(tmp_path: Path) -> None:
    run = Run(TWO, tmp_path)
    one, two = TWO.jobs
    run.aws.jobs = {"id-1": InAws(one, [], ended("FAILED", 1))}
    run.note(Submitting(one, "t.1"), Submitted(one, "id-1"), Submitting(two, "t.2"))
    run.note(StateChanged(one, "id-1", ended("FAILED", 1)), LogsWritten(one, Path("out"), Path("err"), 1))
    state = run.start()
    assert state.complete
    assert state.of(two).withheld == "job j1 failed, on which it depends"
    assert run.ran() == {"j1": ["FAILED"]}


ENDS = st.lists(st.tuples(st.integers(1, 40), st.sampled_from([None, ExitCode.SIGINT, ExitCode.SIGHUP])), max_size=4)


@given(bags(arrays=True), SEEDS, st.sampled_from(["never", "always"]), st.sampled_from([None, 1, 3]), ENDS)
def test_each_job_runs_once_however_often_the_run_is_killed_and_stopped(
    tmp_path_factory: pytest.TempPathFactory,
    of: Bag,
    seed: int,
    array: str,
    canary: int | None,
    ends: list[tuple[int, ExitCode | None]],
) -> None:
    """That AWS has none twice which was not terminated is looked at when it is sent."""
    run = Run(of, tmp_path_factory.mktemp("run"), seed, array=array, canary=canary)
    for after, how in ends:
        with suppress(Killed):
            run.start(after, how)
    run.start()
    state = run.start()  # in which an array is sent again, all of whose children had to end first
    assert (state.complete, state.exit_code) == (True, ExitCode.OK)
    assert {name: ends[-1] for name, ends in run.ran().items()} == {one.name: "SUCCEEDED" for one in of.jobs}


@given(bags(arrays=True), SEEDS, st.sampled_from(["never", "always"]), st.sampled_from([None, 1, 3]), ENDS)
def test_a_run_reaches_its_end_whatever_fails_and_kills_it(
    tmp_path_factory: pytest.TempPathFactory,
    of: Bag,
    seed: int,
    array: str,
    canary: int | None,
    ends: list[tuple[int, ExitCode | None]],
) -> None:
    run = Run(of, tmp_path_factory.mktemp("run"), seed, 0.2, array=array, canary=canary)
    for after, how in ends:
        with suppress(Killed):
            run.start(after, how)
    assert run.start().complete
