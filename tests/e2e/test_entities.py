"""Batch entities and buckets: created, run on, deleted; and nothing is left but what the run did not make."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chaos.stage import Impatient
from helpers.launcher import LAUNCH, S3
from helpers.records import job_output
from helpers.servers import ACCOUNT, NOTHING, REGION, Aws, LocalServer, MotoServer
from helpers.tool import Tool, shell
from helpers.waiting import wait_until

DEFINITION: dict[str, Any] = {
    "type": "container",
    "containerProperties": {"image": "local", "vcpus": 1, "memory": 64, "command": ["true"]},
    "tags": {"made-by": "test"},
}
QUEUE: dict[str, Any] = {"priority": 10, "state": "ENABLED", "computeEnvironmentOrder": [{"order": 1}]}


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """With short waits: what it waits for is tested elsewhere."""
    return Impatient(tmp_path)


def write_entities(tool: Tool, role: str) -> None:
    """The JSON files of all three entities, none with a name of its own."""
    tool.json("definition.json", DEFINITION)
    tool.json("queue.json", QUEUE)
    tool.json("environment.json", {"type": "UNMANAGED", "state": "ENABLED", "serviceRole": role})


FILES = ("-j", "definition.json", "--ce", "environment.json", "-q", "queue.json")
ALL = {
    "queues": ["mine-job-queue"],
    "environments": ["mine-compute-environment"],
    "definitions": ["mine-job-definition:1"],
    "buckets": ["my-bucket"],
}


@pytest.fixture
def aws(tool: Tool, local_server: LocalServer) -> LocalServer:
    """The embedded AWS as a server, to which the tool points, and JSON files for it."""
    tool.point_to(local_server.endpoint, key=local_server.key)
    write_entities(tool, local_server.role())
    return local_server


def properties(lines: str) -> dict[str, str]:
    """The properties that --create prints."""
    return dict(line.split("=", 1) for line in lines.splitlines())


def arn(kind: str, name: str) -> str:
    return f"arn:aws:batch:{REGION}:{ACCOUNT}:{kind}/{name}"


def create(tool: Tool, server: Aws) -> dict[str, str]:
    """Create all entities and a bucket; the properties that the tool prints."""
    done = tool.run("--create", "-p", "mine", *FILES, "--s3", "s3://my-bucket/some/dir")
    assert done.status == 0, done.err
    assert server.everything() == ALL
    found = properties(done.out)
    assert found == {
        "pegasus.aws.batch.job_definition": arn("job-definition", "mine-job-definition:1"),
        "pegasus.aws.batch.compute_environment": arn("compute-environment", "mine-compute-environment"),
        "pegasus.aws.batch.job_queue": arn("job-queue", "mine-job-queue"),
        "pegasus.aws.batch.s3_bucket": "s3://my-bucket/some/dir/",
    }
    tool.write("created.properties", done.out)
    block = server.s3.get_public_access_block(Bucket="my-bucket")["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    return found


BY_NAME = ("-j", "mine-job-definition", "-ce", "mine-compute-environment", "-q", "mine-job-queue")
BY_ARN = (
    *("-j", arn("job-definition", "mine-job-definition:1")),
    *("--compute-environment", arn("compute-environment", "mine-compute-environment")),
    *("-q", arn("job-queue", "mine-job-queue")),
)


# -- on moto. Its Batch runs nothing and has no logs: a test writes them.


@pytest.fixture
def moto_with_files(tool: Tool, moto: MotoServer) -> MotoServer:
    """moto, to which the tool points, and JSON files for it."""
    tool.point_to(moto.endpoint)
    write_entities(tool, moto.role())
    return moto


def all_jobs(server: Aws, count: int) -> list[dict[str, Any]]:
    """All jobs of a queue, once there are so many."""
    found = server.batch.list_jobs(jobQueue="mine-job-queue")["jobSummaryList"]
    if len(found) < count:
        return []
    details: list[dict[str, Any]] = server.batch.describe_jobs(jobs=[one["jobId"] for one in found])["jobs"]
    return details


def write_log(server: Aws, stream: str, *lines: str) -> None:
    """A log stream as the log driver of a container makes it."""
    server.logs.create_log_stream(logGroupName="/aws/batch/job", logStreamName=stream)
    events = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
    server.logs.put_log_events(logGroupName="/aws/batch/job", logStreamName=stream, logEvents=events)


def test_run_on_moto_with_what_was_created(tool: Tool, moto_with_files: MotoServer) -> None:
    server = moto_with_files
    create(tool, server)
    tool.write("data.txt", "data")
    names = ["a", "b", "c"]
    bag = tool.bag(*(shell(name, "true", {"TRANSFER_INPUT_FILES": "data.txt"}) for name in names))
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(tool.run, "-C", "created.properties", "--delete-log-streams", bag)
        server.logs.create_log_group(logGroupName="/aws/batch/job")
        for one in wait_until(lambda: all_jobs(server, len(names)), what="the jobs"):
            write_log(server, one["container"]["logStreamName"], f"{one['jobName']} 1", f"{one['jobName']} 2")
        done = run.result()
    assert done.status == 0, done.err
    for name in names:
        lines, record = job_output(tool.read(f"{name}.out"))
        assert (lines, record.state, record.status) == ([f"{name} 1", f"{name} 2"], "succeeded", 0)
    assert server.logs.describe_log_streams(logGroupName="/aws/batch/job")["logStreams"] == []
    (sent,) = server.batch.describe_jobs(jobs=[record.aws_id])["jobs"]
    assert sent["jobQueue"] == arn("job-queue", "mine-job-queue")
    assert sent["jobDefinition"] == arn("job-definition", "mine-job-definition:1")
    assert server.everything() == ALL
    assert server.content("my-bucket", "some/dir/data.txt") == b"data"
    done = tool.run("--delete", *BY_NAME, "--s3", "s3://my-bucket")
    assert done.status == 0, done.err
    assert server.everything() == NOTHING


@pytest.mark.parametrize("words", [BY_NAME, BY_ARN, ("-p", "mine", *FILES), ("-C", "created.properties")])
def test_create_and_delete_on_moto(tool: Tool, moto_with_files: MotoServer, words: tuple[str, ...]) -> None:
    server = moto_with_files
    others = server.batch.register_job_definition(jobDefinitionName="other", **DEFINITION)
    server.batch.deregister_job_definition(jobDefinition=others["jobDefinitionArn"])
    create(tool, server)
    server.s3.create_bucket(Bucket="other-bucket")
    done = tool.run("--delete", *words, "--s3", "s3://my-bucket")
    assert done.status == 0, done.err
    assert server.everything() == {**NOTHING, "buckets": ["other-bucket"]}
    if words is BY_NAME:
        again = tool.run("--delete", *words, "--s3", "s3://my-bucket")
        assert again.status == 0, again.err
        assert again.err.count("gone already") == 4


def test_delete_by_name_takes_all_revisions_and_by_number_one(tool: Tool, moto_with_files: MotoServer) -> None:
    server = moto_with_files
    for _ in range(3):
        server.batch.register_job_definition(jobDefinitionName="mine", **DEFINITION)
    server.batch.register_job_definition(jobDefinitionName="mine-too", **DEFINITION)
    assert tool.run("--delete", "-j", "mine:2").status == 0
    assert server.definitions() == ["mine-too:1", "mine:1", "mine:3"]
    assert tool.run("--delete", "-j", "mine").status == 0
    assert server.definitions() == ["mine-too:1"]


def test_what_a_name_in_the_json_and_the_older_form_give(tool: Tool, moto_with_files: MotoServer) -> None:
    server = moto_with_files
    old = {"RegisterJobDefinition": [{"input": {**DEFINITION, "jobDefinitionName": "named-in-json"}}]}
    tool.json("old.json", old)
    done = tool.run("--create", "-p", "mine", "-j", "old.json")
    assert done.status == 0, done.err
    assert server.definitions() == ["named-in-json:1"]
    (made,) = server.batch.describe_job_definitions()["jobDefinitions"]
    assert made["tags"] == {"made-by": "test"}
    assert properties(done.out) == {"pegasus.aws.batch.job_definition": arn("job-definition", "named-in-json:1")}


def test_create_over_what_exists_says_so(tool: Tool, moto_with_files: MotoServer) -> None:
    server = moto_with_files
    create(tool, server)
    done = tool.run("--create", "-p", "mine", "--ce", "environment.json")
    assert done.status == 2
    assert any("mine-compute-environment" in line and "exists already" in line for line in done.errors), done.err
    assert server.everything() == ALL


# -- on the embedded AWS as a server: jobs run and write logs


RESULT = f'echo "$PEGASUS_JOB_NAME" | {S3} cp - "${{PEGASUS_AWS_BATCH_BUCKET}}results/$PEGASUS_JOB_NAME.txt"'


def test_create_run_delete(tool: Tool, aws: LocalServer) -> None:
    create(tool, aws)
    tool.write("launch.sh", LAUNCH)
    tool.write("task.sh", 'echo "$(cat data.txt) for $PEGASUS_JOB_NAME"; echo oh >&2')
    tool.write("data.txt", "data")
    url = "s3://my-bucket/some/dir/launch.sh"
    fetch = {"BATCH_FILE_TYPE": "script", "BATCH_FILE_S3_URL": url, "TRANSFER_INPUT_FILES": "task.sh,data.txt"}
    # Several clients of one workflow run at the same time, on the same entities, bucket and key prefix.
    command_lines: list[list[str | Path]] = []
    for name, words in (("file", ("-C", "created.properties")), ("name", BY_NAME), ("arn", BY_ARN)):
        job = {**shell(name, "-", fetch), "executable": "launch.sh", "arguments": "task.sh"}
        bag = tool.bag(job, name=f"{name}.in")
        command_lines.append([*words, "--s3", "s3://my-bucket/some/dir", "--files", "launch.sh", bag])
    command_lines[0][2:4] = []  # where the properties file says it
    for done in tool.run_all(*command_lines):
        assert done.status == 0, done.err
    for name in ("file", "name", "arn"):
        assert job_output(tool.read(f"{name}.out"))[0] == [f"data for {name}"]
        assert tool.read(f"{name}.err") == "oh\n"
    assert aws.everything() == ALL  # what the runs did not make stays, and they made nothing that stays
    assert aws.keys("my-bucket") == [f"some/dir/{name}" for name in ("data.txt", "launch.sh", "task.sh")]
    done = tool.run("--delete", "-p", "mine", *FILES, "--s3", "s3://my-bucket")
    assert done.status == 0, done.err
    assert aws.everything() == NOTHING


def test_a_run_removes_what_it_made_and_nothing_else(tool: Tool, aws: LocalServer) -> None:
    # JSON files for everything, and no bucket named: all is the run's own.
    tool.write("data.txt", "data")
    inputs = {"TRANSFER_INPUT_FILES": "data.txt"}
    good = tool.bag(shell("good", f'{S3} ls "$PEGASUS_AWS_BATCH_BUCKET"', inputs), name="good.in")
    bad = tool.bag(shell("bad", "echo bad; exit 1", inputs), name="bad.in")
    kept = tool.bag(shell("kept", "echo kept", inputs), name="mine.in")
    aws.s3.create_bucket(Bucket="foreign")
    of_good, of_bad, of_kept = tool.run_all(
        ["-p", "good", *FILES, good],
        # With no queue given, one is made on the compute environment.
        ["-p", "bad", "-j", "definition.json", "--ce", "environment.json", "--delete-log-streams", bad],
        ["--keep", *FILES, kept],
    )
    assert (of_good.status, of_bad.status, of_kept.status) == (0, 1, 0), (of_good, of_bad, of_kept)
    assert job_output(tool.read("good.out"))[0][0].endswith(" data.txt")
    assert aws.everything() == {**ALL, "buckets": ["foreign", "mine-bucket"]}
    assert [key.rpartition("/")[2] for key in aws.keys("mine-bucket")] == ["data.txt"]
    # Log streams stay, unless it is asked to delete them.
    assert job_output(tool.read("bad.out"))[0] == ["bad"]
    group = "/aws/batch/job"
    streams = [one["logStreamName"] for one in aws.logs.describe_log_streams(logGroupName=group)["logStreams"]]
    assert len(streams) == 2
    for stream in streams:
        events = aws.logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]
        assert [event["message"] for event in events] != ["bad"]


def test_results_of_jobs_are_never_deleted(tool: Tool, aws: LocalServer) -> None:
    aws.s3.create_bucket(Bucket="theirs-bucket")
    aws.s3.put_object(Bucket="theirs-bucket", Key="precious.txt", Body=b"precious")
    tool.write("data.txt", "data")
    inputs = {"TRANSFER_INPUT_FILES": "data.txt"}
    mine = tool.bag(*(shell(name, f"{RESULT}; echo done", inputs) for name in ("a", "b")), name="mine.in")
    theirs = tool.bag(shell("c", "echo c", inputs), name="theirs.in")
    of_mine, of_theirs = tool.run_all([*FILES, mine], [*FILES, theirs])
    assert (of_mine.status, of_theirs.status) == (0, 0), (of_mine, of_theirs)
    assert aws.everything() == {**NOTHING, "buckets": ["mine-bucket", "theirs-bucket"]}
    a, b = aws.keys("mine-bucket")  # what the run itself sent is gone
    assert [key.partition("/")[2] for key in (a, b)] == ["results/a.txt", "results/b.txt"]
    assert aws.content("mine-bucket", a) == b"a\n"
    assert "the bucket mine-bucket stays" in of_mine.err
    assert f"{a}, {b}" in of_mine.err
    block = aws.s3.get_public_access_block(Bucket="mine-bucket")["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    # A bucket that was there before is not the run's, even under the default name: only what the run sent goes.
    assert aws.keys("theirs-bucket") == ["precious.txt"]


def test_a_bucket_that_the_user_names_stays(tool: Tool, aws: LocalServer) -> None:
    aws.s3.create_bucket(Bucket="old")
    aws.s3.put_object(Bucket="old", Key="dir/foreign.txt", Body=b"foreign")
    aws.s3.put_object(Bucket="old", Key="directory.txt", Body=b"foreign too")
    tool.write("data.txt", "data")
    command_lines: list[list[str | Path]] = []
    for name in ("old", "new"):
        bag = tool.bag(shell(name, f"{RESULT}; echo done", {"TRANSFER_INPUT_FILES": "data.txt"}), name=f"{name}.in")
        command_lines.append([*FILES, "--s3", f"s3://{name}/dir", bag])
    for done in tool.run_all(*command_lines):
        assert done.status == 0, done.err
    assert aws.everything() == {**NOTHING, "buckets": ["new", "old"]}
    assert aws.keys("new") == ["dir/data.txt", "dir/results/new.txt"]
    assert aws.keys("old") == ["dir/data.txt", "dir/foreign.txt", "dir/results/old.txt", "directory.txt"]
    # --delete with a key prefix takes what is below it, and no more.
    done = tool.run("--delete", "--s3", "s3://old/dir")
    assert done.status == 0, done.err
    assert aws.keys("old") == ["directory.txt"]
    assert tool.run("--delete", "--s3", "s3://new").status == 0
    assert aws.buckets() == ["old"]


def refuse(*_: object, **__: object) -> None:
    """What moto answers in the place of deleting."""
    from moto.batch.exceptions import ClientException

    raise ClientException("it cannot go")


def test_one_failure_does_not_stop_the_rest(
    tool: Tool, moto_with_files: MotoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.batch.models import BatchBackend

    create(tool, moto_with_files)
    monkeypatch.setattr(BatchBackend, "delete_job_queue", refuse)
    done = tool.run("--delete", *BY_NAME, "--s3", "s3://my-bucket")
    assert done.status == 2
    (line,) = done.errors
    assert "mine-job-queue could not be deleted" in line
    assert "it cannot go" in line
    assert moto_with_files.everything() == {**NOTHING, "queues": ["mine-job-queue"]}


def test_the_samples_are_created_as_they_are(tool: Tool, aws: LocalServer) -> None:
    # The files of conf/, which are those of the manual, on the embedded AWS.
    conf = Path(__file__).parents[2] / "conf"
    words: list[str | Path] = [
        *("-j", conf / "sample-job-definition.json", "--ce", conf / "sample-compute-env.json"),
        *("-q", conf / "sample-job-queue.json", "-p", "demo"),
    ]
    done = tool.run("--create", *words)
    assert done.status == 0, done.err
    (environment,) = aws.batch.describe_compute_environments()["computeEnvironments"]
    sample = json.loads((conf / "sample-compute-env.json").read_text(encoding="utf-8"))
    assert environment["computeResources"].items() >= sample["computeResources"].items()
    assert environment["serviceRole"] == "AWSBatchServiceRole"
    assert tool.run("--delete", *words).status == 0
    assert aws.everything() == NOTHING
