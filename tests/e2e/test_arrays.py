"""Jobs that are packed into array jobs: nothing differs inside the jobs, and nothing outside."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.stage import EXISTING, Stage, stage
from functional.fault_layer import Answer, Forward, Request
from helpers.records import job_output, jobstates
from helpers.tool import shell
from helpers.waiting import wait_until

PACKED = (*EXISTING, "--array", "always", "-s", "s3://kept/dir")


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Stage]:
    """An AWS with a queue and a definition, and the command before it."""
    with stage(tmp_path) as new:
        new.aws.make_entities()
        yield new


def arrays(scene: Stage) -> list[int]:
    """The sizes of the array jobs that AWS has, oldest first."""
    found = reversed(scene.aws.summaries("q"))
    return [one["arrayProperties"]["size"] for one in found if "arrayProperties" in one]


def test_they_are_as_jobs_of_their_own(ready: Stage) -> None:
    tell = 'echo "$PEGASUS_JOB_NAME $OWN ${AWS_BATCH_JOB_ARRAY_INDEX-none} ${PEGASUS_AWS_BATCH_MANIFEST-none}"'
    line = [
        ready.bag(
            shell("first", tell, env={"OWN": "it's 1"}),
            shell("second", f"{tell}; exit 7", env={"OWN": 'a "2" $HOME `x`'}),
            ready.job("third"),
        ),
        *PACKED,
    ]
    ready.play(1, *line)
    assert arrays(ready) == [3]
    first, task = job_output(ready.tool.read("first.out"))
    assert first == ["first it's 1 none none"]
    assert (task.number, task.name, task.state, task.status) == (1, "first", "succeeded", 0)
    second, task = job_output(ready.tool.read("second.out"))
    assert second == ['second a "2" $HOME `x` none none']
    assert (task.number, task.name, task.state, task.status) == (2, "second", "failed", 7)
    assert ready.output("third")[:2] == (["third begins"], ["third ends"])
    assert set(jobstates(ready.tool.read("bag.jobstate.log"))) == {"first", "second", "third"}
    assert ready.aws.keys("kept") == [], "the manifest is needed by nobody any more"
    ready.faults.forget()
    ready.play(1, *line, "--retry-failed")
    assert arrays(ready) == [3]
    assert ready.times() == {"third": 1}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_its_submission(ready: Stage, after: bool) -> None:
    """AWS has the array, or not: a new start finds out, and no child runs twice."""
    names = ["a", "b", "c"]
    line = [ready.bag(*map(ready.job, names)), *PACKED, "-m", "all"]
    ready.kill_at("SubmitJob", after=after)
    ready.play(-signal.SIGKILL, *line)
    ready.play(0, *line)
    assert arrays(ready) == [3]
    assert ready.times() == dict.fromkeys(names, 1)
    ready.assert_merged(names)
    assert ready.aws.keys("kept") == []


def test_a_lost_answer_and_children_that_are_not_shown(ready: Stage) -> None:
    names = [f"job{number}" for number in range(6)]
    shown = 0

    def act(request: Request, forward: Forward) -> Answer:
        nonlocal shown
        answer = forward()
        content = answer.content
        if any(":" in one for one in request.body["jobs"]):
            shown += 1
            content["jobs"] = content["jobs"][shown % 2 :: 2] if shown < 4 else content["jobs"]
        return Answer.of(content)

    ready.faults.lose_answer("SubmitJob", 1)
    ready.faults.on("DescribeJobs", act)
    ready.play(0, ready.bag(*map(ready.job, names)), *PACKED, "-m", "all")
    assert shown >= 4
    assert arrays(ready) == [6]
    assert ready.times() == dict.fromkeys(names, 1)
    ready.assert_merged(names)


def test_killed_in_the_middle_and_stopped_by_a_signal(ready: Stage) -> None:
    """Children that have ended are kept, those that run are adopted, and a signal ends them all."""
    names = ["done", "slow", "slower"]
    line = [ready.bag(*(ready.job(name, gated=name != "done") for name in names)), *PACKED, "-m", "all"]
    ready.start(*line)
    ready.wait_for(*names)
    ready.wait_for_journal("LogsWritten")
    ready.kill()
    looks = ready.faults.count("DescribeJobs")
    process = ready.start(*line)
    wait_until(lambda: ready.faults.count("DescribeJobs") > looks, what="a look at the array")
    process.send_signal(signal.SIGINT)
    assert "terminating 2 jobs" in ready.end(130)
    ready.open_gate()
    ready.play(0, *line)
    assert ready.times() == {"done": 1, "slow": 2, "slower": 2}
    ready.assert_merged(names)
    assert arrays(ready) == [3, 2]


def test_never_and_auto_leave_a_small_bag_as_it_is(ready: Stage) -> None:
    for name, words in (("one.in", ["--array", "never"]), ("two.in", [])):
        ready.play(0, ready.bag(ready.job(f"{name[:3]}1"), ready.job(f"{name[:3]}2"), name=name), *EXISTING, *words)
    assert arrays(ready) == []
