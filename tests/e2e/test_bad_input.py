"""Bad input: one clear line for each problem, exit status 3, no call of AWS, and nothing written."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.servers import ACCOUNT, NOTHING, REGION, Listener, MotoServer
from helpers.tool import Done, Inside, Tool, job, restricted, shell
from jobbag.aws import client

GOOD = job("good", "/bin/true")


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """The command in this process, but for what the files allow."""
    return Inside(tmp_path)


ENTITIES = ("-j", "some-definition", "-q", "some-queue")
DEFINITION = {"type": "container", "containerProperties": {"image": "local", "vcpus": 1, "memory": 64}}
QUEUE = {"priority": 1, "state": "ENABLED", "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "some-env"}]}

Words = list[str | Path]
Prepare = Callable[[Tool], Words]


def bag_of(*jobs: object) -> Prepare:
    """A run of these jobs, with all else in order."""
    return lambda tool: [*ENTITIES, tool.bag(*jobs)]


def submit_file(content: str | bytes) -> Prepare:
    """A run of a submit file with this content, with all else in order."""
    return lambda tool: [*ENTITIES, tool.write("bag.in", content)]


def options(*words: str) -> Prepare:
    """A run of a good bag with these options beside the usual ones."""
    return lambda tool: [*ENTITIES, *words, tool.bag(GOOD)]


def alone(*words: str) -> Prepare:
    """These words and no others."""
    return lambda _: list(words)


def with_file(name: str, content: str | bytes, prepare: Prepare) -> Prepare:
    """The same, in a directory that has this file."""

    def prepare_both(tool: Tool) -> Words:
        tool.write(name, content)
        return prepare(tool)

    return prepare_both


def entity(option: str, content: object) -> Prepare:
    """A run with this JSON file for an entity."""
    return lambda tool: [*ENTITIES, option, tool.json("entity.json", content), tool.bag(GOOD)]


def inputs(*items: str) -> dict[str, object]:
    """A job with these local inputs."""
    return job("good", "/bin/true", env={"TRANSFER_INPUT_FILES": ",".join(items)})


def two_files(tool: Tool) -> Words:
    return [*ENTITIES, tool.bag(GOOD, name="one.in"), tool.bag(GOOD, name="two.in")]


def same_base_name(tool: Tool) -> Words:
    tool.write("one/data.txt", "one")
    tool.write("two/data.txt", "two")
    return [*ENTITIES, tool.bag(inputs("one/data.txt", "two/data.txt"))]


def same_base_name_as_a_common_file(tool: Tool) -> Words:
    tool.write("one/data.txt", "one")
    tool.write("two/data.txt", "two")
    return [*ENTITIES, "--files", "one/data.txt", tool.bag(inputs("two/data.txt"))]


def with_environment(name: str, value: object) -> dict[str, object]:
    """A job with this environment."""
    return {"jobName": name, "executable": "/bin/true", "environment": value}


# A job with one thing wrong, and what the one line on stderr must hold.
BAD_JOBS: list[tuple[object, list[str]]] = [
    ("good", ["job 1: must be an object"]),
    ({"executable": "/bin/true"}, ["job 2: has no jobName"]),
    ({"jobName": 5, "executable": "/bin/true"}, ["job 3: jobName: "]),
    (job("../x", "/bin/true"), ['job "../x": jobName: ', "file name"]),
    (job("a\0b", "/bin/true"), ['job "a\\x00b": jobName: ', "control character"]),
    (job("a\nb", "/bin/true"), ['job "a\\nb": jobName: ', "control character"]),
    (job(".x", "/bin/true"), ['job ".x": jobName: ', "dot"]),
    (job("n" * 201, "/bin/true"), ["jobName: ", "200 bytes", "201"]),
    (job("ż" * 101, "/bin/true"), ["jobName: ", "200 bytes", "202"]),
    ({"jobName": "a"}, ['job "a": executable: ']),
    (job("b", ""), ['job "b": executable: ']),
    ({"jobName": "c", "executable": ["/bin/true"]}, ['job "c": executable: ']),
    ({"jobName": "d", "executable": "/bin/true", "arguments": "it's"}, ['job "d": arguments: ', "quotation"]),
    ({"jobName": "e", "executable": "/bin/true", "arguments": {"a": 5}}, ['job "e": arguments: ']),
    (with_environment("f", {"A": "b"}), ['job "f": environment: ', "list"]),
    (with_environment("g", ["A=b"]), ['job "g": environment[0]: ']),
    (with_environment("h", [{"name": "A", "value": "b"}, {"name": "B"}]), ['job "h": environment[1]: ']),
    (with_environment("i", [{"name": "A", "value": [5]}]), ['job "i": environment[0]: ', "A", "string"]),
    (
        with_environment("j", [{"name": "AWS_BATCH_JOB_ID", "value": "x"}]),
        ['job "j": environment[0]: AWS_BATCH_JOB_ID', "reserved"],
    ),
    (job("k", "/bin/true", timeOut={"attemptDurationSeconds": 60}), ['job "k": timeOut: ']),
    (
        job("l", "/bin/true", timeout={"attemptDurationSeconds": "60"}),
        ['job "l": timeout.attemptDurationSeconds: '],
    ),
]


# What is wrong -> how to do it, and what the one line on stderr must hold.
CASES: dict[str, tuple[Prepare, list[str]]] = {
    # The command line
    "no arguments": (alone(), ["usage: nothing to do", "--help"]),
    "unknown option": (options("--nonsense"), ["usage: unknown option --nonsense"]),
    "option without its value": (alone("bag.in", "--job-queue"), ["usage: ", "--job-queue", "expected one argument"]),
    "no submit file": (alone(*ENTITIES), ["usage: no job submit file"]),
    "unknown log level": (
        options("--log-level", "loud"),
        ["--log-level: 'loud' is none of error, warn, info, debug, trace"],
    ),
    "create with submit file": (
        lambda tool: ["--create", *ENTITIES, tool.bag(GOOD)],
        ["usage: --create takes no job submit file, but got bag.in"],
    ),
    "delete with submit file": (
        lambda tool: ["--delete", *ENTITIES, tool.bag(GOOD)],
        ["usage: --delete takes no job submit file, but got bag.in"],
    ),
    "create and delete": (
        alone("--create", "--delete", *ENTITIES),
        ["usage: --create and --delete exclude each other"],
    ),
    "create nothing": (alone("--create"), ["usage: ", "need at least one of -j, --ce, -q and --s3"]),
    "delete nothing": (alone("--delete"), ["usage: ", "need at least one of -j, --ce, -q and --s3"]),
    "missing properties file": (options("--conf", "no.properties"), ["no.properties", "No such file"]),
    "bad unicode escape in the properties": (
        with_file("bad.properties", "a=\\u12\n", options("--conf", "bad.properties")),
        ["bad.properties", "\\u12"],
    ),
    "account that is none": (options("--account", "12"), ["--account: '12'", "12 digits"]),
    "endpoint that is none": (options("--endpoint", "here"), ["--endpoint: 'here'", "URL"]),
    "bucket that is none": (options("--s3", "s3://no:bucket"), ["--s3: 's3://no:bucket'", "s3://bucket"]),
    "URL that is not of S3": (options("--s3", "http://bucket/x"), ["--s3: 'http://bucket/x'", "s3://bucket"]),
    "prefix with a slash": (options("--prefix", "a/b"), ["--prefix: 'a/b'"]),
    "no queue": (lambda tool: ["-j", "some", tool.bag(GOOD)], ['bag.in: job "good"', "no job queue", "--job-queue"]),
    "no definition": (
        lambda tool: ["-q", "some", tool.bag(GOOD)],
        ['bag.in: job "good"', "no job definition", "--job-definition"],
    ),
    "no directory for the merged logs": (options("--merge-logs", "none/merged"), ["--merge-logs: ", "none"]),
    "no directory for the log": (options("--log-file", "none/log"), ["--log-file: ", "none"]),
    "no directory for the summary": (options("--summary", "none/s.json"), ["--summary: ", "none"]),
    "no directory for the report": (options("--report", "none/r.html"), ["--report: ", "none"]),
    "a report that takes the place of the summary": (
        options("--summary", "end", "--report", "./end"),
        ["--report: end would overwrite the summary end"],
    ),
    "a job whose output takes the place of its input": (
        with_file("good.out", "x", options("--files", "good.out")),
        ['bag.in: job "good": its output good.out would overwrite the input file good.out'],
    ),
    "a summary that takes the place of the bag": (
        options("--summary", "bag.in"),
        ["--summary: bag.in would overwrite the job submit file bag.in"],
    ),
    "a report that takes the place of the properties": (
        with_file("my.properties", "", options("-C", "my.properties", "--report", "my.properties")),
        ["--report: my.properties would overwrite the properties file my.properties"],
    ),
    "a summary that is no file": (
        with_file("folder/x", "", options("--summary", "folder")),
        ["--summary: folder is no regular file"],
    ),
    # The submit file
    "missing submit file": (alone(*ENTITIES, "no.in"), ["no.in: ", "No such file"]),
    "directory as submit file": (
        with_file("folder/x", "", alone(*ENTITIES, "folder")),
        ["folder: ", "Is a directory"],
    ),
    "invalid JSON": (submit_file('{\n "SubmitJob": [,]\n}'), ["bag.in: line 2, column 16: invalid JSON"]),
    "empty file": (submit_file(""), ["bag.in: line 1, column 1: invalid JSON"]),
    "not UTF-8": (submit_file(b'{"SubmitJob": ["\xff"]}'), ["bag.in: invalid JSON", "UTF-8"]),
    "JSON that is nested too deep": (submit_file("[" * 100_000), ["bag.in: ", "invalid JSON"]),
    "bag that is a list": (submit_file("[]"), ["bag.in: must be an object"]),
    "bag that is null": (submit_file("null"), ["bag.in: must be an object"]),
    "bag without SubmitJob": (submit_file("{}"), ["bag.in: has no SubmitJob"]),
    "SubmitJob that is an object": (submit_file('{"SubmitJob": {}}'), ["bag.in: SubmitJob must be a list"]),
    "unknown field of the bag": (submit_file('{"SubmitJob": [], "Submitjob": 1}'), ["bag.in: ", "'Submitjob'"]),
    "empty name": (bag_of(job("", "/bin/true")), ["bag.in: job ", "jobName: "]),
    "same name twice": (bag_of(GOOD, GOOD), ['bag.in: job "good": jobName: ', "bag.in"]),
    "same name in two files": (two_files, ['two.in: job "good": jobName: ', "one.in"]),
    "reserved name": (
        bag_of(with_environment("good", [{"name": "AWS_BATCH_X", "value": "x"}])),
        ['bag.in: job "good": environment[0]: AWS_BATCH_X', "reserved"],
    ),
    "name ../x": (bag_of(job("../x", "/bin/true")), ['bag.in: job "../x": jobName: ', "file name"]),
    "no executable": (bag_of({"jobName": "good"}), ['bag.in: job "good": executable: ']),
    "overrides over the limit": (
        bag_of(job("good", "/bin/true", env={"LONG": "x" * 8200})),
        ['bag.in: job "good": ', "8192"],
    ),
    # Inputs
    "missing input": (bag_of(inputs("no.txt")), ['bag.in: job "good": ', "'no.txt'", "No such file"]),
    "input that is a directory": (
        with_file("folder/x", "", bag_of(inputs("folder"))),
        ['bag.in: job "good": ', "'folder'", "is a directory"],
    ),
    "input that is a device": (bag_of(inputs("/dev/null")), ['bag.in: job "good": ', "'/dev/null'"]),
    "missing common file": (options("--files", "no.txt"), ["--files: ", "'no.txt'", "No such file"]),
    "one base name, different content": (
        same_base_name,
        ['bag.in: job "good": ', "'one/data.txt'", "'two/data.txt'", "same base name"],
    ),
    "one base name with a common file": (
        same_base_name_as_a_common_file,
        ['bag.in: job "good": ', "'one/data.txt'", "'two/data.txt'", "same base name"],
    ),
    # Entities
    "missing entity file": (options("-j", "conf/no.json"), ["--job-definition: ", "conf/no.json", "No such file"]),
    "entity file with invalid JSON": (
        with_file("entity.json", '{"type":\n}', options("-q", "entity.json")),
        ["entity.json: line 2, column 1: invalid JSON"],
    ),
    "entity file that is a list of two": (entity("-q", [QUEUE, QUEUE]), ["entity.json: must be an object"]),
    "unknown field of a definition": (
        entity("-j", {**DEFINITION, "colour": "red"}),
        ["entity.json: colour: "],
    ),
    "unknown field inside a definition": (
        entity("-j", {**DEFINITION, "containerProperties": {"image": "local", "vcpu": 1}}),
        ["entity.json: containerProperties.vcpu: "],
    ),
    "wrong type in a definition": (
        entity("-j", {**DEFINITION, "containerProperties": {"image": "local", "memory": "500"}}),
        ["entity.json: containerProperties.memory: "],
    ),
    "wrong type in a queue": (entity("-q", {**QUEUE, "priority": "high"}), ["entity.json: priority: "]),
    "unknown field of a compute environment": (
        lambda tool: [
            *(
                "-j",
                "some",
                "--ce",
                tool.json("entity.json", {"type": "UNMANAGED", "serviceRole": "r", "colour": "red"}),
            ),
            tool.bag(GOOD),
        ],
        ["entity.json: colour: "],
    ),
    "unknown field of an entity to create": (
        lambda tool: ["--create", "-p", "x", "-j", tool.json("entity.json", {**DEFINITION, "colour": "red"})],
        ["entity.json: colour: "],
    ),
    "entity to create with no name and no prefix": (
        lambda tool: ["--create", "-j", tool.json("entity.json", DEFINITION)],
        ["entity.json: ", "jobDefinitionName", "--prefix"],
    ),
    "input file whose name is not UTF-8": (
        with_file("x\udce4", "", options("--files", "x\udce4")),
        ["input file 'x\\udce4'", "is not UTF-8", "LC_ALL"],
    ),
    "S3 key that is not UTF-8": (options("--s3", "s3://bucket/x\udce4"), ["--s3", "is not UTF-8", "LC_ALL"]),
    "ARN of another kind": (
        options("-q", f"arn:aws:batch:us-east-1:{ACCOUNT}:job-definition/x:1"),
        ["--job-queue: ", "no ARN of a job queue"],
    ),
}


def assert_refused(done: Done, *lines: list[str]) -> None:
    """Exit status 3, and on stderr exactly these lines, of which each holds these words."""
    assert done.status == 3, done
    assert done.out == ""
    assert len(done.err.splitlines()) == len(done.errors) == len(lines), done.err
    for line, words in zip(done.errors, lines, strict=True):
        assert all(word in line for word in words), line


def test_an_unreachable_endpoint(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_CONTACT", 1.0)  # s for which it is tried again
    with socket.socket() as nobody:  # bound, so that the port is ours, but nobody listens
        nobody.bind(("127.0.0.1", 0))
        tool.point_to(f"http://127.0.0.1:{nobody.getsockname()[1]}")
        bag = tool.bag(GOOD)
        files = tool.files()
        done = tool.run(*ENTITIES, bag, timeout=60)
    assert done.status == 2
    (line,) = done.errors
    assert tool.env["AWS_ENDPOINT_URL"] in line
    assert "Traceback" not in done.err
    assert tool.files() == files


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_before_anything_is_done(name: str, tool: Tool, listener: Listener) -> None:
    prepare, words = CASES[name]
    tool.point_to(listener.endpoint)
    arguments = prepare(tool)
    before = tool.files()
    assert_refused(tool.run(*arguments), words)
    assert tool.files() == before
    assert listener.connections == 0


def test_each_bad_job_has_its_line(tool: Tool, listener: Listener) -> None:
    tool.point_to(listener.endpoint)
    bag = tool.bag(*(entry for entry, _ in BAD_JOBS))
    before = tool.files()
    assert_refused(tool.run(*ENTITIES, bag), *(["bag.in: ", *words] for _, words in BAD_JOBS))
    assert tool.files() == before
    assert listener.connections == 0


def test_no_log_file_and_no_merged_file_appear(tool: Tool, listener: Listener) -> None:
    tool.point_to(listener.endpoint)
    for name in ("merged.out", "merged.err"):
        tool.write(name, "of an earlier run")
    bag = tool.bag(GOOD, GOOD)
    before = tool.files()
    done = tool.run(*ENTITIES, "--log-file", "tool.log", "--merge-logs", "merged", bag)
    assert_refused(done, ["jobName"])
    assert tool.files() == before
    assert listener.connections == 0


def test_all_problems_of_all_files_are_told_at_once(tool: Tool, listener: Listener) -> None:
    tool.point_to(listener.endpoint)
    first = tool.bag(
        {"jobName": ".hidden", "executable": "/bin/true"},
        {"jobName": "idle", "environment": [{"name": "AWS_BATCH_X", "value": "x"}]},
        job("hungry", "/bin/true", env={"TRANSFER_INPUT_FILES": "no.txt"}),
        name="one.in",
    )
    second = tool.write("two.in", '{"SubmitJob": [')
    entity = tool.json("queue.json", {**QUEUE, "priority": "high"})
    before = tool.files()
    done = tool.run("-j", "some", "-q", entity, "--files", "none.txt", first, second)
    assert_refused(
        done,
        ['one.in: job ".hidden": jobName: '],
        ['one.in: job "idle": executable: '],
        ['one.in: job "idle": environment[0]: AWS_BATCH_X'],
        ["two.in: line 1, column 16: invalid JSON"],
        ["--files: ", "'none.txt'"],
        ['one.in: job "hungry": ', "'no.txt'"],
        ["queue.json: priority: "],
    )
    assert tool.files() == before
    assert listener.connections == 0


@pytest.mark.parametrize("log", [(), ("--log-file", "tool.log")])
def test_an_empty_bag_is_fine(tool: Tool, listener: Listener, log: tuple[str, ...]) -> None:
    tool.point_to(listener.endpoint)
    bag = tool.bag()
    before = tool.files()
    done = tool.run(*ENTITIES, *log, bag)
    assert done.status == 0
    assert "no jobs in bag.in" in done.out + done.err
    assert tool.files() == before
    assert listener.connections == 0


def test_debug_adds_no_second_copy_of_a_problem(tool: Tool) -> None:
    done = tool.run(*ENTITIES, "--log-level", "warn", tool.bag(GOOD, GOOD))
    assert done.err.count("another job of this name") == 1
    assert "Traceback" not in done.err


# -- what files and directories allow. root may read and write all of them, unless it lays that power down.


@pytest.fixture
def closed(tool: Tool) -> Iterator[Callable[[str, int], None]]:
    """Takes permissions from a file or directory until the test is over."""
    changed: list[Path] = []

    def close(name: str, mode: int) -> None:
        changed.append(tool.cwd / name)
        changed[-1].chmod(mode)

    yield close
    for path in changed:
        path.chmod(0o755)


def run_without_power(tool: Tool, *arguments: str | Path) -> Done:
    done = tool.run(*arguments, before=restricted("power"))
    if done.status == 99:
        pytest.skip("root cannot lay down its power over files here")
    return done


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("bag.in", ["bag.in: ", "Permission denied"]),
        ("data.txt", ['bag.in: job "good": ', "'data.txt'", "Permission denied"]),
        ("queue.json", ["--job-queue: ", "queue.json", "Permission denied"]),
        ("my.properties", ["my.properties", "Permission denied"]),
    ],
)
def test_an_unreadable_file(
    tool: Tool, listener: Listener, closed: Callable[[str, int], None], file: str, words: list[str]
) -> None:
    tool.point_to(listener.endpoint)
    tool.write("data.txt", "data")
    tool.json("queue.json", QUEUE)
    tool.write("my.properties", "")
    bag = tool.bag(inputs("data.txt"))
    before = tool.files()
    closed(file, 0)
    assert_refused(run_without_power(tool, "-C", "my.properties", "-j", "some", "-q", "queue.json", bag), words)
    assert tool.files() == before
    assert listener.connections == 0


def test_an_unwritable_working_directory(tool: Tool, listener: Listener, closed: Callable[[str, int], None]) -> None:
    tool.point_to(listener.endpoint)
    bag = tool.bag(GOOD)
    before = tool.files()
    closed(".", 0o555)
    assert_refused(run_without_power(tool, *ENTITIES, bag), ["the working directory: ", str(tool.cwd), "not writable"])
    assert tool.files() == before
    assert listener.connections == 0


@pytest.mark.parametrize("option", ["--merge-logs", "--log-file", "--summary", "--report"])
def test_an_unwritable_directory_for_output(
    tool: Tool, listener: Listener, closed: Callable[[str, int], None], option: str
) -> None:
    tool.point_to(listener.endpoint)
    (tool.cwd / "shut").mkdir()
    bag = tool.bag(GOOD)
    before = tool.files()
    closed("shut", 0o555)
    assert_refused(run_without_power(tool, *ENTITIES, option, "shut/x", bag), [f"{option}: ", "shut", "not writable"])
    assert tool.files() == before
    assert listener.connections == 0


# -- what only AWS knows


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ["AWS credentials: none found", "AWS_PROFILE"]),
        (("AWS_DEFAULT_REGION",), ["AWS region: none given", "--region"]),
    ],
)
@pytest.mark.parametrize("what", [("bag.in",), ("--delete",)])
def test_no_credentials_or_no_region(
    tool: Tool, listener: Listener, taken: tuple[str, ...], words: list[str], what: tuple[str, ...]
) -> None:
    tool.point_to(listener.endpoint)
    for name in taken:
        del tool.env[name]
    tool.bag(GOOD)
    before = tool.files()
    assert_refused(tool.run(*ENTITIES, "--s3", "s3://bucket", *what), words)
    assert tool.files() == before
    assert listener.connections == 0


def test_a_profile_that_does_not_exist(tool: Tool, listener: Listener) -> None:
    tool.point_to(listener.endpoint)
    tool.env["AWS_PROFILE"] = "nobody"
    bag = tool.bag(GOOD)
    before = tool.files()
    assert_refused(tool.run(*ENTITIES, bag), ["AWS configuration: ", "nobody"])
    assert tool.files() == before
    assert listener.connections == 0


@pytest.fixture
def entities(tool: Tool, moto: MotoServer) -> MotoServer:
    """moto with a compute environment, a queue and a job definition, to which the tool points."""
    tool.point_to(moto.endpoint)
    moto.batch.create_compute_environment(
        computeEnvironmentName="some-env", type="UNMANAGED", state="ENABLED", serviceRole=moto.role()
    )
    environment = moto.batch.describe_compute_environments()["computeEnvironments"][0]["computeEnvironmentArn"]
    moto.batch.create_job_queue(
        jobQueueName="some-queue",
        priority=1,
        state="ENABLED",
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )
    moto.batch.register_job_definition(jobDefinitionName="some-definition", **DEFINITION)
    return moto


def nothing(_: MotoServer) -> None:
    pass


def disable_queue(moto: MotoServer) -> None:
    moto.batch.update_job_queue(jobQueue="some-queue", state="DISABLED")


def disable_environment(moto: MotoServer) -> None:
    moto.batch.update_compute_environment(computeEnvironment="some-env", state="DISABLED")


def spoil_queue(_: MotoServer) -> None:
    from moto.batch.models import batch_backends

    backend: Any = batch_backends[ACCOUNT][REGION]
    for queue in backend._job_queues.values():
        queue.status = "INVALID"


def deregister(moto: MotoServer) -> None:
    for one in moto.batch.describe_job_definitions()["jobDefinitions"]:
        moto.batch.deregister_job_definition(jobDefinition=one["jobDefinitionArn"])


NO_QUEUE = f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/none"


@pytest.mark.parametrize(
    ("arguments", "change", "lines"),
    [
        ([*ENTITIES, "-q", "none"], nothing, [["--job-queue: the job queue none does not exist in us-east-1"]]),
        ([*ENTITIES, "-q", NO_QUEUE], nothing, [["--job-queue: ", NO_QUEUE, "does not exist"]]),
        ([*ENTITIES, "-j", "none"], nothing, [["--job-definition: the job definition none does not exist"]]),
        ([*ENTITIES, "-j", "some-definition:9"], nothing, [["--job-definition: ", "some-definition:9", "not exist"]]),
        (ENTITIES, deregister, [["--job-definition: ", "some-definition", "no ACTIVE revision"]]),
        (["-j", "some-definition", "--ce", "none"], nothing, [["--compute-environment: ", "none does not exist"]]),
        (["-j", "none", "-q", "none"], nothing, [["--job-queue: "], ["--job-definition: "]]),
        (ENTITIES, disable_queue, [["--job-queue: the job queue some-queue is DISABLED"]]),
        (["-j", "some-definition", "--ce", "some-env"], disable_environment, [["some-env is DISABLED"]]),
        (ENTITIES, spoil_queue, [["--job-queue: the job queue some-queue is INVALID: "]]),
    ],
)
def test_an_entity_that_cannot_be_used(
    tool: Tool,
    entities: MotoServer,
    arguments: list[str],
    change: Callable[[MotoServer], None],
    lines: list[list[str]],
) -> None:
    change(entities)
    bag = tool.bag(GOOD)
    files, there = tool.files(), entities.everything()
    assert_refused(tool.run(*arguments, "--log-file", "tool.log", bag), *lines)
    assert tool.files() == files
    assert entities.everything() == there
    assert there["buckets"] == []


def test_a_job_for_fargate_that_asks_for_what_fargate_does_not_have(tool: Tool, entities: MotoServer) -> None:
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
    container = {"image": "x", "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/x", "resourceRequirements": needs}
    definition = {"type": "container", "platformCapabilities": ["FARGATE"], "containerProperties": container}
    entities.batch.register_job_definition(jobDefinitionName="fargate", **definition)
    tool.json("fargate.json", {"jobDefinitionName": "new", **definition})
    small = {"resourceRequirements": [{"type": "MEMORY", "value": "100"}]}
    bag = tool.bag(
        shell("good", "true"),
        shell("bad", "true", containerOverrides=small),
        shell("own", "true", containerOverrides=small, jobDefinition="fargate"),
    )
    files, there = tool.files(), entities.everything()
    said = "Fargate has no 100 MiB with 1 vCPU: ask for 2048 to 8192 by 1024 MiB"
    assert_refused(tool.run("-j", "fargate.json", "-q", "some-queue", bag), [f'bag.in: job "bad": {said}'])
    both = [f'bag.in: job "bad": {said}'], [f'bag.in: job "own": {said}']
    assert_refused(tool.run("-j", "fargate", "-q", "some-queue", bag), *both)
    assert tool.files() == files
    assert entities.everything() == there


def test_entities_that_jobs_name_themselves(tool: Tool, entities: MotoServer) -> None:
    bag = tool.bag(shell("one", "true", jobQueue="none"), shell("two", "true", jobDefinition="nix"))
    files, there = tool.files(), entities.everything()
    assert_refused(
        tool.run(*ENTITIES, bag),
        ['bag.in: job "one": ', "the job queue none does not exist"],
        ['bag.in: job "two": ', "the job definition nix does not exist"],
    )
    assert tool.files() == files
    assert entities.everything() == there


@pytest.mark.parametrize("how", [("bag.in",), ("--create",), ("--delete",)])
def test_an_account_that_is_not_the_credentials(tool: Tool, moto: MotoServer, how: tuple[str, ...]) -> None:
    tool.point_to(moto.endpoint)
    moto.s3.create_bucket(Bucket="precious")
    tool.bag(GOOD)
    definition = tool.json("definition.json", DEFINITION)
    files = tool.files()
    done = tool.run("-a", "999999999999", "-p", "x", "-j", definition, "-q", "some", "--s3", "s3://precious", *how)
    assert_refused(done, ["--account: 999999999999", ACCOUNT])
    assert tool.files() == files
    assert moto.everything() == {**NOTHING, "buckets": ["precious"]}


def test_the_properties_file_is_no_excuse(tool: Tool, listener: Listener) -> None:
    # A value that comes from the file is checked as one of the command line is.
    tool.point_to(listener.endpoint)
    tool.write("my.properties", "pegasus.aws.account = twelve\npegasus.aws.batch.s3_bucket = s3://B\n")
    bag = tool.bag(GOOD)
    before = tool.files()
    done = tool.run("-C", "my.properties", *ENTITIES, bag)
    assert done.status == 3
    assert "'twelve'" in done.err
    assert tool.files() == before
    assert listener.connections == 0


def test_the_json_of_a_bag_may_be_any_json(tool: Tool, listener: Listener) -> None:
    # Every kind of value in every place of a job: an answer in words, never an internal error.
    tool.point_to(listener.endpoint)
    odd: list[object] = [None, True, 5, 1.5, "", "x", [], ["x"], {}, {"x": 1}]
    fields = ("jobName", "executable", "arguments", "environment", "timeout", "containerOverrides", "tags", "dependsOn")
    jobs = [{**GOOD, "jobName": f"{field}{n}", field: value} for field in fields for n, value in enumerate(odd)]
    tool.write("bag.in", json.dumps({"SubmitJob": [*jobs, *odd]}))
    before = tool.files()
    done = tool.run(*ENTITIES, "bag.in")
    assert done.status == 3
    assert all(line.startswith(("bag.in: job ", "and ")) for line in done.errors), done.err
    assert len(done.errors) == len(done.err.splitlines())
    assert tool.files() == before
    assert listener.connections == 0
