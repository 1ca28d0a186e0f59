"""Every job and every entity is made once, whatever becomes of the answers."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.stage import EXISTING, Stage, stage
from functional.fault_layer import Answer, Faults, Forward, Request
from helpers.tool import Tool

LAG = 2.0  # s


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Stage]:
    """An AWS with no entities, and the command before it."""
    with stage(tmp_path) as new:
        yield new


def lagging(faults: Faults, seconds: float) -> None:
    """ListJobs shows a job only so long after its submission."""

    def hide(content: Any) -> None:
        newest = (time.time() - seconds) * 1000
        content["jobSummaryList"] = [one for one in content["jobSummaryList"] if one["createdAt"] <= newest]

    faults.edit("ListJobs", hide)


def in_turn(faults: Faults, operation: str, *kinds: str) -> None:
    """The requests of an operation meet these faults, one after the other: `good` is none."""
    turns = itertools.chain(kinds, itertools.repeat("good"))

    def act(_: Request, forward: Forward) -> Answer:
        kind = next(turns)
        if kind == "throttle":
            return Answer("429 Error", [("x-amzn-ErrorType", "TooManyRequestsException")], b'{"message": "slower"}')
        if kind == "500":
            return Answer("500 Error", [("x-amzn-ErrorType", "ServerException")], b'{"message": "no"}')
        if kind == "reset":
            raise ConnectionResetError
        answer = forward()
        if kind == "lost":
            raise ConnectionResetError
        if kind == "500 after":
            return Answer("500 Error", [("x-amzn-ErrorType", "ServerException")], b'{"message": "no"}')
        return answer

    faults.on(operation, act)


MIX = ("lost", "reset", "500", "throttle", "500 after", "good", "lost", "reset", "lost")


def test_answers_of_submit_job_that_go_astray(scene: Stage) -> None:
    scene.aws.make_entities()
    names = [f"job{n}" for n in range(12)]
    in_turn(scene.faults, "SubmitJob", *MIX)
    in_turn(scene.faults, "ListJobs", "500", "throttle", "reset")
    lagging(scene.faults, 0.2)
    scene.play(0, scene.bag(*map(scene.job, names)), *EXISTING)
    assert scene.aws.jobs() == sorted((name, "SUCCEEDED") for name in names)
    assert scene.times() == dict.fromkeys(names, 1)
    scene.assert_outputs(names)


def test_a_list_that_lags_by_seconds(tmp_path: Path) -> None:
    """With the real waits of the command, and with a kill after a lost answer."""
    with stage(tmp_path, Tool(tmp_path)) as scene:
        scene.aws.make_entities()
        lagging(scene.faults, LAG)
        names = ["a", "b"]
        line = [scene.bag(*map(scene.job, names)), *EXISTING]
        scene.kill_at("SubmitJob", 2, after=True)
        scene.play(-signal.SIGKILL, *line)
        in_turn(scene.faults, "SubmitJob", "lost", "lost")
        scene.play(0, *line)
        assert scene.aws.jobs() == [(name, "SUCCEEDED") for name in names]
        assert scene.times() == dict.fromkeys(names, 1)


def test_a_job_of_the_same_name_is_not_taken_for_ours(scene: Stage) -> None:
    """Another run, of another user say, has sent a job of this name to the same queue."""
    scene.aws.make_entities()
    command = {"command": ["/bin/sh", "-c", "echo not ours"]}
    other = scene.aws.batch.submit_job(jobName="job", jobQueue="q", jobDefinition="d", containerOverrides=command)
    in_turn(scene.faults, "SubmitJob", "reset")
    scene.play(0, scene.bag(scene.job("job")), *EXISTING)
    assert scene.times() == {"job": 1}
    scene.assert_outputs(["job"])
    assert scene.output("job")[2].aws_id != other["jobId"]


MAKING = ["CreateComputeEnvironment", "CreateJobQueue", "RegisterJobDefinition", "CreateBucket"]
REMOVING = [
    "UpdateJobQueue", "DeleteJobQueue", "UpdateComputeEnvironment", "DeleteComputeEnvironment",
    "DeregisterJobDefinition", "DeleteObjects", "DeleteBucket",
]  # fmt: skip


def play_with_entities(scene: Stage, fault: Callable[[], None]) -> str:
    """A run that makes its entities and its bucket; what it said."""
    scene.tool.write("data.txt", "data")
    fault()
    bag = scene.bag(scene.job("job", env={"TRANSFER_INPUT_FILES": "data.txt"}))
    return scene.play(0, bag, *scene.entity_files())


@pytest.mark.parametrize("kind", ["lost", "reset", "500 after", "throttle"])
def test_entities_and_bucket_whose_answers_go_astray(scene: Stage, kind: str) -> None:
    def fault() -> None:
        for operation in (*MAKING, *REMOVING):
            in_turn(scene.faults, operation, kind)

    play_with_entities(scene, fault)
    scene.assert_outputs(["job"])
    scene.assert_nothing_is_left()


def test_a_bucket_whose_answer_was_lost_is_closed_to_the_public(scene: Stage) -> None:
    in_turn(scene.faults, "CreateBucket", "lost")
    line = [scene.bag(scene.job("job", gated=True)), *scene.entity_files()]
    scene.start(*line)
    scene.wait_for("job")
    block = scene.aws.s3.get_public_access_block(Bucket="bag-bucket")
    assert set(block["PublicAccessBlockConfiguration"].values()) == {True}
    scene.open_gate()
    scene.end(0)
    scene.assert_nothing_is_left()
