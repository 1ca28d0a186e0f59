"""Job submit files: what they mean, and that everything wrong with them is told at once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobbag import bag as bags
from jobbag.bag import Bag, Job
from jobbag.errors import Problem

from .builders import JSON_VALUES, TEXT

OPEN = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def entry(name: str = "one", **fields: Any) -> dict[str, Any]:
    return {"jobName": name, "executable": "/bin/true", **fields}


def variables(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def needing(*amounts: tuple[str, str]) -> dict[str, Any]:
    return {"containerOverrides": {"resourceRequirements": [{"type": kind, "value": value} for kind, value in amounts]}}


def write(content: object, name: str = "bag.in") -> Path:
    path = Path(name)
    if isinstance(content, (str, bytes)):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    else:
        path.write_text(json.dumps(content))
    return path


def read(*entries: object, files: tuple[str, ...] = ()) -> tuple[Bag, list[Problem]]:
    return bags.load([write({"SubmitJob": entries})], files)


def jobs(*entries: object) -> tuple[Job, ...]:
    bag, problems = read(*entries)
    assert problems == []
    return bag.jobs


def told(*entries: object, files: tuple[str, ...] = ()) -> list[str]:
    return [str(problem) for problem in read(*entries, files=files)[1]]


# -- what a submit file means


def test_the_format_of_the_manual() -> None:
    for path in ("worker.tar.gz", "findrange_ID0000002.sh"):
        Path(path).touch()
    (job,) = jobs(
        {
            "jobName": "findrange_ID0000002",
            "executable": "pegasus-aws-batch-launch.sh",
            "arguments": "findrange_ID0000002.sh",
            "environment": [
                {"name": "S3CFG_aws_batch", "value": "s3://pegasus-batch-bamboo/mybatch-bucket/run0001/.s3cfg"},
                {"name": "TRANSFER_INPUT_FILES", "value": "worker.tar.gz,findrange_ID0000002.sh"},
                {"name": "BATCH_FILE_TYPE", "value": "script"},
            ],
        }
    )
    assert (job.number, job.name, job.executable) == (1, "findrange_ID0000002", "pegasus-aws-batch-launch.sh")
    assert job.arguments == ("findrange_ID0000002.sh",)
    assert job.inputs == ("worker.tar.gz", "findrange_ID0000002.sh")
    assert job.environment == {
        "S3CFG_aws_batch": "s3://pegasus-batch-bamboo/mybatch-bucket/run0001/.s3cfg",
        "BATCH_FILE_TYPE": "script",
    }
    assert job.request == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("one", ("one",)),
        ("", ()),
        ("  ", ()),
        ("a 'b c' \"d e\" f\\ g", ("a", "b c", "d e", "f g")),
        ("--x='1 2' # no comment", ("--x=1 2", "#", "no", "comment")),
        ("$HOME * ; |", ("$HOME", "*", ";", "|")),
        (["a b", "'c'"], ("a b", "'c'")),
        ([], ()),
    ],
)
def test_arguments(arguments: object, words: tuple[str, ...]) -> None:
    assert jobs(entry(arguments=arguments))[0].arguments == words
    assert jobs(entry())[0].arguments == ()


@OPEN
@given(st.lists(TEXT.filter(lambda word: word and "\0" not in word)))
def test_a_list_of_arguments_is_passed_as_it_is(words: list[str]) -> None:
    assert jobs(entry(arguments=words))[0].arguments == tuple(words)


def test_several_files_are_one_bag_in_their_order() -> None:
    first = write({"SubmitJob": [entry("b"), entry("a")]}, "first.in")
    second = write({"SubmitJob": [entry("c")]}, "second.in")
    bag, problems = bags.load([first, second], ())
    assert problems == []
    assert [(job.number, job.name, job.submit_file) for job in bag.jobs] == [
        (1, "b", first),
        (2, "a", first),
        (3, "c", second),
    ]


def test_other_fields_of_the_api_are_kept() -> None:
    fields: dict[str, Any] = {
        "jobQueue": "mine",
        "jobDefinition": "arn:aws:batch:us-east-1:1:job-definition/d:3",
        "retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "RETRY", "onExitCode": "1*"}]},
        "timeout": {"attemptDurationSeconds": 60},
        "tags": {"a": "b"},
        "parameters": {"x": "y"},
        "dependsOn": [{"jobId": "1", "type": "SEQUENTIAL"}],
        "propagateTags": True,
        "schedulingPriorityOverride": 3,
    }
    assert jobs(entry(**fields))[0].request == fields


def test_container_overrides_and_environment_are_one() -> None:
    needs = [{"type": "MEMORY", "value": "512"}]
    overrides = {"resourceRequirements": needs, "environment": variables(A="theirs", C="3", TRANSFER_INPUT_FILES="f")}
    Path("f").touch()
    (job,) = jobs(entry(environment=variables(A="ours", B="2"), containerOverrides=overrides))
    assert job.request == {"containerOverrides": {"resourceRequirements": needs}}
    assert job.environment == {"A": "theirs", "B": "2", "C": "3"}
    assert job.inputs == ("f",)


def test_an_empty_bag_is_fine() -> None:
    bag, problems = read()
    assert (bag.jobs, problems) == ((), [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding: str) -> None:
    path = write(json.dumps({"SubmitJob": [entry("größe")]}, ensure_ascii=False).encode(encoding))
    bag, problems = bags.load([path], ())
    assert (problems, [job.name for job in bag.jobs]) == ([], ["größe"])


def test_common_files_come_first_and_each_local_file_once() -> None:
    for name in ("a", "b", "c"):
        Path(name).touch()
    shared = variables(TRANSFER_INPUT_FILES="b,a,s3://x/y,b")
    bag, problems = read(entry("1", environment=shared), entry("2", environment=shared), files=("c", "s3://x/z", "a"))
    assert problems == []
    assert bag.local_files() == ["c", "a", "b"]
    assert bag.jobs[0].inputs == ("b", "a", "s3://x/y", "b")


# -- problems


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1, column 1: invalid JSON"),
        ('{"SubmitJob": [\n  {"jobName": "a",}\n]}', "line 2, column"),
        ("[]", "must be an object"),
        ("null", "must be an object"),
        ('"SubmitJob"', "must be an object"),
        ("{}", "has no SubmitJob"),
        ('{"submitJob": []}', "has no SubmitJob"),
        ('{"SubmitJob": {}}', "SubmitJob must be a list"),
        ('{"SubmitJob": null}', "SubmitJob must be a list"),
        ('{"SubmitJob": [], "jobs": []}', "'jobs'"),
        (b"\xff\xff", "invalid JSON"),
        (b'{"SubmitJob": ["\xe9"]}', "invalid JSON"),
        ("[" * 100_000, "invalid JSON"),
        ("1" * 5000, "invalid JSON"),
    ],
)
def test_a_file_that_is_no_bag(text: str | bytes, said: str) -> None:
    bag, problems = bags.load([write(text)], ())
    assert bag.jobs == ()
    assert len(problems) == 1
    assert str(problems[0]).startswith("bag.in: ")
    assert said in str(problems[0])


@pytest.mark.parametrize("path", ["missing.in", "."])
def test_a_file_that_cannot_be_read(path: str) -> None:
    _, problems = bags.load([Path(path)], ())
    assert [problem.where for problem in problems] == [path]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"jobName": None}, "jobName"),
        ({"jobName": ""}, "jobName"),
        ({"jobName": 7}, "jobName"),
        ({"jobName": "../x"}, "jobName"),
        ({"jobName": "a/b"}, "jobName"),
        ({"jobName": ".x"}, "jobName"),
        ({"jobName": "a\0b"}, "control character"),
        ({"jobName": "a\nb"}, "control character"),
        ({"jobName": "a\x85b"}, "control character"),
        ({"jobName": "x" * 201}, "200 bytes"),
        ({"jobName": "é" * 101}, "200 bytes"),
        ({"jobName": "\ud800"}, "jobName"),
        ({"executable": None}, "executable"),
        ({"executable": ""}, "executable"),
        ({"executable": ["/bin/true"]}, "executable"),
        ({"arguments": "it's"}, "arguments"),
        ({"arguments": 7}, "arguments"),
        ({"arguments": ["a", 7]}, "arguments"),
        ({"arguments": ["a", ""]}, "arguments"),
        ({"arguments": "a ''"}, "arguments"),
        ({"environment": {"A": "b"}}, "environment"),
        ({"environment": None}, "environment"),
        ({"environment": ["A=b"]}, "environment[0]"),
        ({"environment": [*variables(A="b"), {"name": "A"}]}, "environment[1]"),
        ({"environment": [{"name": "A", "value": "b", "more": 1}]}, "environment[0]"),
        ({"environment": [{"name": "A", "value": 7}]}, "environment[0]"),
        ({"environment": [{"name": "", "value": ""}]}, "environment[0]"),
        ({"environment": variables(**{"A=B": ""})}, "environment[0]"),
        ({"environment": variables(**{"A\0": ""})}, "environment[0]"),
        ({"environment": variables(A="a\0b")}, "environment[0]"),
        ({"environment": variables(AWS_BATCH_JOB_ID="1")}, "reserved"),
        ({"environment": variables(AWS_BATCHES="1")}, "reserved"),
        ({"containerOverrides": {"environment": variables(AWS_BATCH_JOB_ID="1")}}, "reserved"),
        ({"containerOverrides": {"command": ["x"]}}, "containerOverrides.command"),
        ({"containerOverrides": []}, "containerOverrides: must be an object"),
        ({"containerOverrides": {"memmory": 1}}, "containerOverrides.memmory: is no field of AWS Batch; did you mean"),
        ({"jobqueue": "q"}, "did you mean jobQueue?"),
        ({"timeout": {"attemptDurationSeconds": "60"}}, "timeout.attemptDurationSeconds: must be a whole number"),
        ({"retryStrategy": {"attempts": 11}}, "retryStrategy.attempts"),
        ({"retryStrategy": {"attempts": 0}}, "retryStrategy.attempts"),
        ({"retryStrategy": {"evaluateOnExit": [{"action": "EXIT"}]}}, "retryStrategy.attempts"),
        ({"retryStrategy": {"attempts": 1, "evaluateOnExit": [{"action": "EXIT"}] * 6}}, "evaluateOnExit"),
        ({"tags": {"a": 1}}, "tags.a: must be a string"),
        ({"tags": {}}, "tags: must be 1 to 50, not 0"),
        ({"tags": {f"k{number}": "" for number in range(51)}}, "tags: must be 1 to 50, not 51"),
        ({"tags": {"a": "x" * 257}}, "tags: 'a'"),
        ({"tags": {"aws:a": "x"}}, "tags: 'aws:a': keys that begin with aws: are reserved"),
        ({"timeout": {"attemptDurationSeconds": 59}}, "timeout.attemptDurationSeconds: must be 60 or more, not 59"),
        ({"shareIdentifier": "a-b"}, "shareIdentifier: 'a-b' must be"),
        ({"schedulingPriorityOverride": 10000}, "schedulingPriority: must be 0 to 9999, not 10000"),
        (needing(("VCPU", "two")), "containerOverrides.resourceRequirements[0].value: "),
        (needing(("VCPU", "0")), "containerOverrides.resourceRequirements[0].value: "),
        (needing(("vcpu", "0.0")), "containerOverrides.resourceRequirements[0].value: "),
        (needing(("MEMORY", "2GB")), "containerOverrides.resourceRequirements[0].value: "),
        (needing(("MEMORY", "3")), "containerOverrides.resourceRequirements[0].value: "),
        (needing(("MEMORY", "0.5")), "containerOverrides.resourceRequirements[0].value: "),
        (needing(("GPU", "0")), "containerOverrides.resourceRequirements[0].value: "),
        (needing(("VCPU", "1"), ("VCPU", "2")), "resourceRequirements[1]: VCPU is given twice"),
        ({"launcher": 1}, "launcher: must be true or false"),
        ({"launcher": True, "environment": variables(BATCH_FILE_TYPE="zip")}, "launcher: with BATCH_FILE_TYPE=zip"),
        ({"launcher": True, "arrayProperties": {"size": 2}}, "launcher: it does not start the children"),
        (
            {"launcher": True, "tags": {}, "containerOverrides": {"environment": variables(BATCH_FILE_TYPE="zip")}},
            "launcher: with BATCH_FILE_TYPE=zip",
        ),
        ({"launcher": True, "executable": "a=b"}, "launcher: it cannot start an executable that has a '='"),
    ],
)
def test_a_problem_of_a_job_names_file_job_and_field(changes: dict[str, Any], said: str) -> None:
    found = told(entry("first"), {**entry("second"), **changes})
    name = changes.get("jobName", "second")
    job = f'job "{name}"' if isinstance(name, str) else "job 2"
    assert all(line.startswith(f"bag.in: {job}: ") for line in found)
    assert any(said in line for line in found)


@pytest.mark.parametrize("missing", ["jobName", "executable"])
def test_what_a_job_must_have(missing: str) -> None:
    (found,) = told({key: value for key, value in entry().items() if key != missing})
    assert missing in found


def test_names_up_to_200_bytes_are_fine() -> None:
    assert told(entry("x" * 200), entry("é" * 100), entry("a b@c#\"']")) == []


@pytest.mark.parametrize("entry", [None, [], "job", 7])
def test_a_job_that_is_no_object(entry: object) -> None:
    assert told(entry) == ["bag.in: job 1: must be an object"]


def test_a_name_that_comes_twice() -> None:
    assert told(entry("a"), entry("b"), entry("a")) == ['bag.in: job "a": jobName: bag.in has another job of this name']
    write({"SubmitJob": [entry("a")]}, "other.in")
    _, problems = bags.load([Path("bag.in"), Path("other.in")], ())
    assert 'other.in: job "a": jobName: bag.in has another job of this name' in map(str, problems)


def test_all_problems_of_all_files_are_told_at_once() -> None:
    write("{", "bad.in")
    write({"SubmitJob": [entry("../x", environment=7), {"jobName": "b"}]}, "worse.in")
    Path("folder").mkdir()
    last = write({"SubmitJob": [entry("c", environment=variables(TRANSFER_INPUT_FILES="nowhere"))]}, "last.in")
    _, problems = bags.load([Path("missing.in"), Path("bad.in"), Path("worse.in"), last], ("folder",))
    found = [str(problem) for problem in problems]
    for said in (
        "missing.in: ",
        "bad.in: line 1",
        'worse.in: job "../x": jobName',
        'worse.in: job "../x": environment',
        'worse.in: job "b": executable',
        "--files: input file 'folder': is a directory",
        "last.in: job \"c\": input file 'nowhere': No such file",
    ):
        assert any(line.startswith(said) for line in found), said


# -- input files


def test_inputs_that_cannot_be_sent() -> None:
    os.mkfifo("pipe")
    Path("folder").mkdir()
    found = told(entry(environment=variables(TRANSFER_INPUT_FILES="missing,pipe,folder,folder/,s3://any/thing")))
    assert [line.partition("input file ")[2] for line in found] == [
        "'missing': No such file or directory",
        "'pipe': is no regular file",
        "'folder': is a directory",
        "'folder/': is a directory",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_input_that_may_not_be_read() -> None:
    Path("secret").touch(mode=0)
    assert told(entry(environment=variables(TRANSFER_INPUT_FILES="secret")))[0].endswith("Permission denied")


@pytest.mark.parametrize(("content", "clash"), [("same", False), ("diff", True), ("longer", True)])
def test_two_inputs_of_one_base_name(content: str, clash: bool) -> None:
    Path("x").mkdir()
    Path("f").write_text("same")
    Path("x/f").write_text(content)
    found = told(entry("1", environment=variables(TRANSFER_INPUT_FILES="x/f")), files=("f",))
    assert bool(found) == clash
    assert all("'x/f'" in line and "'f'" in line for line in found)


# -- anything at all


SOME_JOB = st.fixed_dictionaries(
    {},
    optional={
        "jobName": st.text(max_size=5) | JSON_VALUES,
        "executable": st.text(max_size=5) | JSON_VALUES,
        "arguments": st.text(max_size=9) | st.lists(st.text(max_size=3)) | JSON_VALUES,
        "environment": st.lists(
            st.fixed_dictionaries({"name": st.text(max_size=3) | JSON_VALUES, "value": st.text() | JSON_VALUES})
        )
        | JSON_VALUES,
        "containerOverrides": st.fixed_dictionaries(
            {}, optional={"environment": JSON_VALUES, "memory": JSON_VALUES, "resourceRequirements": JSON_VALUES}
        )
        | JSON_VALUES,
        "retryStrategy": st.fixed_dictionaries({}, optional={"attempts": JSON_VALUES, "evaluateOnExit": JSON_VALUES}),
        "tags": JSON_VALUES,
        "timeout": JSON_VALUES,
        "launcher": JSON_VALUES,
        "shareIdentifier": JSON_VALUES,
    },
)


@OPEN
@given(JSON_VALUES | st.fixed_dictionaries({"SubmitJob": st.lists(SOME_JOB | JSON_VALUES, max_size=3)}))
@example({"SubmitJob": [{"jobName": "\ud800", "executable": "\ud800", "arguments": "\ud800"}]})
@example({"SubmitJob": [{"jobName": [], "executable": {}, "arguments": {}, "environment": [[]]}]})
@example({"SubmitJob": [{"jobName": "a", "executable": "b", "containerOverrides": {"environment": None}}]})
def test_any_json_gives_jobs_or_problems(content: object) -> None:
    bag, problems = bags.load([write(content)], ())
    assert all(str(problem).startswith("bag.in: ") for problem in problems)
    if not problems:
        assert isinstance(content, dict)
        assert [job.name for job in bag.jobs] == [one["jobName"] for one in content["SubmitJob"]]


@OPEN
@given(st.binary(max_size=50))
def test_any_bytes_give_jobs_or_problems(content: bytes) -> None:
    bag, problems = bags.load([write(content)], ())
    assert problems or bag.jobs == ()


@OPEN
@given(TEXT | st.text() | st.sampled_from(["..", ".", "a/..", "-", "~", "a\\b", "con", "\u202ename", "x" * 300]))
def test_a_name_is_a_problem_or_a_file_name_in_the_directory(name: str) -> None:
    bag, problems = read(entry(name))
    if problems:
        return
    path = Path(f"{bag.jobs[0].name}.out")
    assert path.name == str(path)
    before = {*os.listdir()}
    path.write_text("")
    assert {*os.listdir()} - before == {path.name}
    path.unlink()


# -- order and defaults


def test_dependencies_are_names_of_the_bag_or_ids_of_aws() -> None:
    aws_id = "12345678-1234-1234-1234-123456789abc"
    one, two = jobs(entry(jobName="one"), entry(jobName="two", dependsOn=["one", {"jobId": aws_id}, {"jobId": "one"}]))
    assert (one.depends_on, two.depends_on) == ((), ("one",))
    assert two.request == {"dependsOn": [{"jobId": aws_id}]}


@pytest.mark.parametrize(
    ("depends_on", "what"),
    [
        (["nobody"], 'dependsOn: no job of the bag has the name "nobody"'),
        ([7], "dependsOn[0]: must be the name of a job, or the id of a job in AWS Batch"),
        ("one", "dependsOn: must be a list of names of jobs"),
        (["one"], "dependsOn: the jobs wait for each other: one → one"),
        (["two"], "dependsOn: the jobs wait for each other: "),
    ],
)
def test_dependencies_that_cannot_be_are_problems(depends_on: object, what: str) -> None:
    Path("bag.in").write_text(
        json.dumps({"SubmitJob": [entry(jobName="one", dependsOn=depends_on), entry(jobName="two", dependsOn=["one"])]})
    )
    _, problems = bags.load([Path("bag.in")], ())
    assert [problem.what for problem in problems if what in problem.what]


def test_defaults_hold_for_each_job_of_their_file_and_the_job_wins() -> None:
    defaults = {
        "executable": "/bin/default",
        "jobQueue": "q",
        "environment": variables(A="1", B="2"),
        "containerOverrides": {"vcpus": 1, "memory": 8},
        "tags": {"a": "b"},
    }
    own = {
        "jobName": "own",
        "environment": variables(B="3"),
        "containerOverrides": {"memory": 9},
        "tags": {"c": "d"},
        "executable": "/bin/own",
    }
    Path("bag.in").write_text(json.dumps({"defaults": defaults, "SubmitJob": [{"jobName": "plain"}, own]}))
    bag, problems = bags.load([Path("bag.in")], ())
    assert problems == []
    plain, with_own = bag.jobs
    assert (plain.executable, plain.environment, plain.request["jobQueue"]) == (
        "/bin/default",
        {"A": "1", "B": "2"},
        "q",
    )
    assert (with_own.executable, with_own.environment) == ("/bin/own", {"A": "1", "B": "3"})
    assert with_own.request["containerOverrides"] == {"vcpus": 1, "memory": 9}
    assert with_own.request["tags"] == {"a": "b", "c": "d"}


def test_a_job_that_asks_for_more_memory_than_the_defaults_keeps_their_vcpus() -> None:
    defaults = needing(("VCPU", "2"), ("MEMORY", "512"))
    own = entry(**needing(("MEMORY", "1024")))
    bag, problems = bags.load([write({"defaults": defaults, "SubmitJob": [own]})], ())
    assert problems == []
    assert bag.jobs[0].request == needing(("VCPU", "2"), ("MEMORY", "1024"))


def test_the_launcher_is_for_the_jobs_that_want_it_or_for_all_that_do_not_refuse_it() -> None:
    path = write({"SubmitJob": [entry("with", launcher=True), entry("without", launcher=False), entry("silent")]})
    for_all = {name: bags.load([path], (), launcher=name)[0] for name in (False, True)}
    assert {name: [job.launcher for job in bag.jobs] for name, bag in for_all.items()} == {
        False: [True, False, False],
        True: [True, False, True],
    }
    assert all(job.request == {} for bag in for_all.values() for job in bag.jobs)


@pytest.mark.parametrize("defaults", [7, {"jobName": "x"}])
def test_defaults_that_cannot_be_are_problems(defaults: object) -> None:
    Path("bag.in").write_text(json.dumps({"defaults": defaults, "SubmitJob": [entry()]}))
    _, problems = bags.load([Path("bag.in")], ())
    assert any("defaults" in problem.where for problem in problems)
