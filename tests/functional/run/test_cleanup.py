"""What a run made is removed, that alone, and made anew by a start that still needs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.clients import s3_of
from jobbag.aws.client import Cloud
from jobbag.cli import main
from jobbag.entities import waiting
from jobbag.logs import delays

from ..commands import test_run_bag as of_a_run
from ..commands.test_run_bag import Desk, job, refuse
from ..fault_layer import Answer, Faults, Forward, Request, error

desk = of_a_run.desk  # the fixture


@pytest.fixture(autouse=True)
def _logs_are_whole_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_SETTLE", "SHORTEST_SETTLE", "EMPTY_SETTLE"):
        monkeypatch.setattr(delays, name, 0.1)


EXISTING = ("-q", "q", "-j", "d")
MADE = ("--ce", "ce.json", "-j", "jd.json")
CE = {"computeEnvironmentName": "mine", "type": "UNMANAGED", "serviceRole": "r"}
JD = {
    "jobDefinitionName": "mine",
    "type": "container",
    "containerProperties": {"image": "x", "vcpus": 1, "memory": 64},
}
INPUT = [{"name": "TRANSFER_INPUT_FILES", "value": "data"}]


def run(*words: str) -> int:
    """The exit status of a run of bag.in, whose bucket nobody names unless the words do."""
    return main([*words, "--grace", "20", "bag.in"])


def write_entities(place: Path) -> None:
    (place / "ce.json").write_text(json.dumps(CE))
    (place / "jd.json").write_text(json.dumps(JD))


def entities(cloud: Cloud) -> set[str]:
    """The names of all but those that the tests have from the beginning."""
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "jobQueue": ("DescribeJobQueues", {}),
        "computeEnvironment": ("DescribeComputeEnvironments", {}),
        "jobDefinition": ("DescribeJobDefinitions", {"status": "ACTIVE"}),
    }
    found = {
        one[f"{field}Name"]
        for field, (api, words) in asked.items()
        for one in cloud.call("batch", api, **words)[f"{field}s"]
    }
    return found - {"q", "ce", "d"}


def objects(cloud: Cloud, bucket: str = "bag-bucket") -> dict[str, bytes]:
    """What is in a bucket, by key; nothing if there is none."""
    s3: Any = s3_of(cloud)
    if bucket not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        return {}
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def buckets(cloud: Cloud) -> list[str]:
    s3: Any = s3_of(cloud)
    return [one["Name"] for one in s3.list_buckets()["Buckets"]]


# -- what was being removed


@pytest.mark.parametrize(
    "stuck",
    ["UpdateJobQueue", "DeleteJobQueue", "UpdateComputeEnvironment", "DeleteComputeEnvironment"],
)
def test_what_was_half_removed_is_removed_and_made_anew(
    stuck: str, desk: Desk, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SETTLE", 2.0)  # for the queue, which keeps its compute environment from going
    desk.bag(job("one"))
    write_entities(desk.place)
    desk.faults.on("SubmitJob", refuse("one"))
    desk.faults.fail(stuck, 403, "AccessDeniedException", "not now")
    assert run(*MADE) == 2
    assert entities(cloud)
    desk.faults.forget()
    assert run(*MADE) == 0
    assert entities(cloud) == set()
    assert desk.sent == {"one": 2}


def test_what_is_removed_is_in_the_journal_before_and_after(desk: Desk) -> None:
    desk.bag(job("one", environment=INPUT))
    (desk.place / "data").write_text("x")
    write_entities(desk.place)
    told: list[str] = []

    def note(request: Request, forward: Forward) -> Answer:
        told.append(request.operation)
        told.append([line["kind"] for line in journal() if line["event"] == "Removing"][-1])
        return forward()

    def journal() -> list[dict[str, Any]]:
        return [json.loads(line) for line in (desk.place / "bag.journal").read_text().splitlines()]

    for operation in ("DeleteJobQueue", "DeleteComputeEnvironment", "DeregisterJobDefinition", "DeleteObjects"):
        desk.faults.on(operation, note)
    assert run(*MADE) == 0
    assert told == [
        "DeleteJobQueue", "job-queue", "DeleteComputeEnvironment", "compute-environment",
        "DeregisterJobDefinition", "job-definition", "DeleteObjects", "bucket",
    ]  # fmt: skip
    removed = [line["kind"] for line in journal() if line["event"] == "Removed"]
    assert removed == ["job-queue", "compute-environment", "job-definition", "bucket"]


@pytest.mark.parametrize("files", [1, 25])
@pytest.mark.parametrize("place", [(), ("-s", "s3://kept/dir")], ids=["own bucket", "named bucket"])
def test_inputs_that_are_gone_are_sent_again(place: tuple[str, ...], files: int, desk: Desk, cloud: Cloud) -> None:
    """The start was killed when it had removed them, and its journal does not say so; or somebody else did it."""
    names = [f"data{number}" for number in range(files)]
    for name in names:
        (desk.place / name).write_text(name)
    desk.bag(job("one", environment=[{"name": "TRANSFER_INPUT_FILES", "value": ",".join(names)}]))
    desk.faults.on("SubmitJob", refuse("one"))
    assert run(*EXISTING, *place) == 2
    path = desk.place / "bag.journal"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"TakenDown"' not in line and '"Remov' not in line))
    if place:
        s3: Any = s3_of(cloud)
        for key in objects(cloud, "kept"):
            s3.delete_object(Bucket="kept", Key=key)
    desk.faults.forget()
    there: list[int] = []

    def look(_: Request, forward: Forward) -> Answer:
        there.append(len(objects(cloud, "kept" if place else "bag-bucket")))
        return forward()

    desk.faults.on("SubmitJob", look)
    assert run(*EXISTING, *place) == 0
    assert there == [files]


def test_inputs_that_are_there_are_not_sent_again(desk: Desk) -> None:
    (desk.place / "data").write_text("x")
    desk.bag(job("one", environment=INPUT))
    desk.faults.on("SubmitJob", refuse("one"))
    assert run(*EXISTING, "--keep") == 2
    desk.faults.forget()
    assert run(*EXISTING, "--keep") == 0
    assert desk.faults.count("PutObject") == 1


# -- what is another run's


def test_two_runs_of_one_prefix_have_their_own_files(
    desk: Desk, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.bag(job("one", environment=INPUT))
    (desk.place / "data").write_text("of the first")
    assert run(*EXISTING, "--detach") == 0
    (mine,) = objects(cloud)
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    (other / "bag.in").write_text((desk.place / "bag.in").read_text())
    (other / "data").write_text("of the other")
    seen: list[set[bytes]] = []

    def look(_: Request, forward: Forward) -> Answer:
        seen.append(set(objects(cloud).values()))
        return forward()

    desk.faults.on("SubmitJob", look)
    assert run(*EXISTING) == 0
    assert seen == [{b"of the first", b"of the other"}]
    assert objects(cloud) == {mine: b"of the first"}
    monkeypatch.chdir(desk.place)
    assert run(*EXISTING) == 0
    assert buckets(cloud) == []


def test_the_maker_of_a_bucket_leaves_it_to_those_who_have_files_in_it(
    desk: Desk, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.bag(job("one", environment=INPUT))
    (desk.place / "data").write_text("x")

    def share(_: Request, forward: Forward) -> Answer:
        s3: Any = s3_of(cloud)
        s3.put_object(Bucket="bag-bucket", Key="another/data", Body=b"theirs")
        s3.create_multipart_upload(Bucket="bag-bucket", Key="another/large")
        return forward()

    desk.faults.on("SubmitJob", share)
    assert run(*EXISTING) == 0
    assert objects(cloud) == {"another/data": b"theirs"}
    s3: Any = s3_of(cloud)
    assert [one["Key"] for one in s3.list_multipart_uploads(Bucket="bag-bucket")["Uploads"]] == ["another/large"]
    assert "the bucket bag-bucket stays, as others have files in it: another/data" in capsys.readouterr().err


def test_a_journal_of_the_version_before_has_its_files_where_they_were(desk: Desk, cloud: Cloud) -> None:
    desk.bag(job("one", environment=INPUT))
    (desk.place / "data").write_text("x")
    desk.faults.on("SubmitJob", refuse("one"))
    assert run(*EXISTING, "--keep") == 2
    path = desk.place / "bag.journal"
    path.write_text(path.read_text().replace(',"own_keys":true', ""))
    desk.faults.forget()
    seen: list[list[str]] = []

    def look(_: Request, forward: Forward) -> Answer:
        seen.append(sorted(objects(cloud)))
        return forward()

    desk.faults.on("SubmitJob", look)
    assert run(*EXISTING, "--keep") == 0
    assert "data" in seen[0]


@pytest.mark.parametrize("how", ["refused", "lost"])
def test_an_entity_that_another_makes_at_the_same_moment_is_not_ours(
    how: str, desk: Desk, cloud: Cloud, faults: Faults
) -> None:
    desk.bag(job("one"))
    write_entities(desk.place)

    def overtake(_: Request, forward: Forward) -> Answer:
        faults.forget()
        cloud.call("batch", "CreateComputeEnvironment", **CE, tags={"pegasus-aws-batch-run": "another"})
        if how == "lost":
            raise ConnectionResetError
        return forward()

    faults.on("CreateComputeEnvironment", overtake)
    assert run(*MADE) == 2
    assert entities(cloud) == {"mine"}, "it is used by the other run"


def test_an_entity_of_the_same_name_that_came_later_is_not_ours(desk: Desk, cloud: Cloud) -> None:
    """The start was killed when it had removed its own, and could not say so."""
    desk.bag(job("one"))
    write_entities(desk.place)
    desk.faults.on("SubmitJob", refuse("one"))
    assert run(*MADE) == 2
    path = desk.place / "bag.journal"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"TakenDown"' not in line and '"Remov' not in line))
    cloud.call("batch", "CreateComputeEnvironment", **CE)
    desk.faults.forget()
    assert run(*MADE) == 2
    assert entities(cloud) == {"mine"}


def test_tags_are_not_needed(desk: Desk, cloud: Cloud) -> None:
    desk.bag(job("one"))
    write_entities(desk.place)

    def deny(request: Request, forward: Forward) -> Answer:
        if "tags" in request.body:
            return error("batch", 403, "AccessDeniedException", "not authorized to perform: batch:TagResource")
        return forward()

    for operation in ("CreateComputeEnvironment", "CreateJobQueue", "RegisterJobDefinition"):
        desk.faults.on(operation, deny)
    assert run(*MADE) == 0
    assert entities(cloud) == set()


def test_fresh_hands_on_what_it_could_not_remove(desk: Desk, cloud: Cloud) -> None:
    desk.bag(job("one"))
    write_entities(desk.place)
    assert run(*MADE, "--detach") == 0
    desk.faults.fail("DeleteComputeEnvironment", 403, "AccessDeniedException", "not now", times=1)
    assert run(*MADE, "--fresh") == 0
    assert entities(cloud) == set()


def test_a_job_that_ends_later_and_is_sent_again_has_its_inputs(desk: Desk, cloud: Cloud) -> None:
    """`--fresh` was killed when it had terminated the jobs and removed the bucket: their end is not seen yet."""
    (desk.place / "data").write_text("x")
    desk.bag(job("one", executable="sleep", arguments="60", environment=INPUT))
    assert run(*EXISTING, "--detach") == 0
    path = desk.place / "bag.journal"
    (sent,) = [line for line in map(json.loads, path.read_text().splitlines()) if line["event"] == "Submitted"]
    with path.open("a") as journal:
        journal.write(json.dumps({"event": "Terminated", "job": 1, "aws_id": sent["aws_id"], "at": sent["at"]}) + "\n")
    cloud.call("batch", "TerminateJob", jobId=sent["aws_id"], reason="--fresh")
    s3: Any = s3_of(cloud)
    for key in objects(cloud):
        s3.delete_object(Bucket="bag-bucket", Key=key)
    s3.delete_bucket(Bucket="bag-bucket")
    seen: list[list[bytes]] = []

    def look(_: Request, __: Forward) -> Answer:
        seen.append(list(objects(cloud).values()))
        return error("batch", 400, "ClientException", "not today")

    desk.faults.on("SubmitJob", look)
    assert run(*EXISTING) == 2
    assert seen == [[b"x"]]
