"""Job submit files: what they mean, and that everything wrong with them is told at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobbag.bag import api_model, reader
from jobbag.bag.job import Bag, Job
from jobbag.errors import Problem

from ..builders import JSON_VALUES, TEXT

OPEN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


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
    return reader.load([write({"SubmitJob": entries})], files)


def jobs(*entries: object) -> tuple[Job, ...]:
    bag, problems = read(*entries)
    assert problems == []
    return bag.jobs


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


@pytest.mark.parametrize(
    ("arguments", "words"), [(7, ("7",)), (1.5, ("1.5",)), (["-n", 7, True], ("-n", "7", "true")), ([-0.5], ("-0.5",))]
)
def test_numbers_are_the_text_that_they_are(arguments: object, words: tuple[str, ...]) -> None:
    variables = [{"name": "N", "value": 7}, {"name": "X", "value": 1.5}, {"name": "T", "value": False}]
    (only,) = jobs(entry(arguments=arguments, environment=variables))
    assert only.arguments == words
    assert only.environment == {"N": "7", "X": "1.5", "T": "false"}


@OPEN
@given(st.lists(TEXT.filter(lambda word: word and "\0" not in word)))
def test_a_list_of_arguments_is_passed_as_it_is(words: list[str]) -> None:
    assert jobs(entry(arguments=words))[0].arguments == tuple(words)


def test_several_files_are_one_bag_in_their_order() -> None:
    first = write({"SubmitJob": [entry("b"), entry("a")]}, "first.in")
    second = write({"SubmitJob": [entry("c")]}, "second.in")
    bag, problems = reader.load([first, second], ())
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
    bag, problems = reader.load([path], ())
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
    bag, problems = reader.load([write(text)], ())
    assert bag.jobs == ()
    assert len(problems) == 1
    assert str(problems[0]).startswith("bag.in: ")
    assert said in str(problems[0])


@pytest.mark.parametrize("path", ["missing.in", "."])
def test_a_file_that_cannot_be_read(path: str) -> None:
    _, problems = reader.load([Path(path)], ())
    assert [problem.where for problem in problems] == [path]


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
    bag, problems = reader.load([write(content)], ())
    assert all(str(problem).startswith("bag.in: ") for problem in problems)
    if not problems:
        assert isinstance(content, dict)
        assert [job.name for job in bag.jobs] == [one["jobName"] for one in content["SubmitJob"]]


@OPEN
@given(st.binary(max_size=50))
def test_any_bytes_give_jobs_or_problems(content: bytes) -> None:
    bag, problems = reader.load([write(content)], ())
    assert problems or bag.jobs == ()


# -- order and defaults


def test_dependencies_are_names_of_the_bag_or_ids_of_aws() -> None:
    aws_id = "12345678-1234-1234-1234-123456789abc"
    one, two = jobs(entry(jobName="one"), entry(jobName="two", dependsOn=["one", {"jobId": aws_id}, {"jobId": "one"}]))
    assert (one.depends_on, two.depends_on) == ((), ("one",))
    assert two.request == {"dependsOn": [{"jobId": aws_id}]}


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
    bag, problems = reader.load([Path("bag.in")], ())
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
    bag, problems = reader.load([write({"defaults": defaults, "SubmitJob": [own]})], ())
    assert problems == []
    assert bag.jobs[0].request == needing(("VCPU", "2"), ("MEMORY", "1024"))


def test_the_launcher_is_for_the_jobs_that_want_it_or_for_all_that_do_not_refuse_it() -> None:
    path = write({"SubmitJob": [entry("with", launcher=True), entry("without", launcher=False), entry("silent")]})
    for_all = {name: reader.load([path], (), launcher=name)[0] for name in (False, True)}
    assert {name: [job.launcher for job in bag.jobs] for name, bag in for_all.items()} == {
        False: [True, False, False],
        True: [True, False, True],
    }
    assert all(job.request == {} for bag in for_all.values() for job in bag.jobs)


def test_each_job_is_held_against_the_model_of_the_api_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes most of the time of a large bag."""
    held: list[Any] = []
    problems = api_model.problems

    def noting(operation: str, request: Any, **given: Any) -> Any:
        held.append(request)
        return problems(operation, request, **given)

    monkeypatch.setattr(api_model, "problems", noting)
    tags = {"tags": {"project": "x"}}
    jobs(entry("a", **tags), entry("b", **tags, environment=variables(A="1")), entry("c"))
    assert held == [tags, tags]


# -- arrays of the user's own


def test_each_child_of_an_array_is_a_job() -> None:
    found = jobs(entry("first"), entry("sweep", arrayProperties={"size": 3}), entry("last", dependsOn=["sweep"]))
    assert [(one.number, one.name) for one in found] == [
        (1, "first"), (2, "sweep.0"), (3, "sweep.1"), (4, "sweep.2"), (5, "last"),
    ]  # fmt: skip
    assert {one.sent_name for one in found[1:4]} == {"sweep"}
    assert {one.where for one in found[1:4]} == {'bag.in: job "sweep"'}
    of = Bag(found, ())
    assert [one.name for one in of.named("sweep")] == [one.name for one in of.siblings(found[2])]
    assert [one.name for one in (*of.named("sweep.1"), *of.siblings(found[0]))] == ["sweep.1", "first"]
    assert list(of.named("nobody")) == []


@pytest.mark.parametrize("size", [0, 1, 10_001, None])
def test_an_array_has_a_size_that_aws_batch_takes(size: int | None) -> None:
    _, problems = read(entry(arrayProperties={} if size is None else {"size": size}))
    assert [one.what for one in problems] == [f"arrayProperties.size: must be 2 to 10000, not {size}"]


def test_no_job_has_the_name_of_a_child() -> None:
    for entries in (
        [entry("a.1"), entry("a", arrayProperties={"size": 2})],
        [entry("a", arrayProperties={"size": 2}), entry("a.1")],
    ):
        _, (problem,) = read(*entries)
        assert "bag.in has" in problem.what
    _, (problem,) = read(entry("a" * 199, arrayProperties={"size": 2}))
    assert "becomes a file name" in problem.what


def test_arrays_wait_for_each_other_as_a_whole() -> None:
    one, other = entry("one", arrayProperties={"size": 2}, dependsOn=["other"]), entry("other", dependsOn=["one.1"])
    _, (problem,) = read(one, other)
    assert "the jobs wait for each other" in problem.what
    pair = {"jobId": "other", "type": "N_TO_N"}
    _, (problem,) = read(entry("one", arrayProperties={"size": 2}, dependsOn=[pair]), entry("other"))
    assert problem.what.startswith('dependsOn: "other" with the type N_TO_N')


def test_a_file_that_is_not_there_leads_to_the_one_that_is_like_it(tmp_path: Path) -> None:
    (tmp_path / "bag.json").write_text('{"SubmitJob": [{"jobName": "a", "executable": "x", "inputs": ["dta.csv"]}]}')
    (tmp_path / "data.csv").write_text("")
    _, problems = reader.load([tmp_path / "bga.json"], (str(tmp_path / "dta.csv"),))
    assert [str(one).partition("; ")[2] for one in problems] == [
        f"did you mean {tmp_path / 'bag.json'}?",
        f"did you mean {tmp_path / 'data.csv'}?",
    ]
