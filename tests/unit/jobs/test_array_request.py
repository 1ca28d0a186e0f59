"""What AWS Batch and the launcher are given for the children of an array job."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobbag.bag.job import Bag, Job
from jobbag.jobs.array_request import PreparedRequest, Requests, launch_problems
from jobbag.jobs.request import MAX_OVERRIDES, MAX_REQUEST_BYTES, TOKEN_VARIABLE, Target, environment_of
from jobbag.jobs.submission import token_of
from jobbag.s3.place import S3Place

from ..builders import array

PLACE = S3Place("bucket", "some/dir/", own=False)
FETCH = {"BATCH_FILE_TYPE": "script", "BATCH_FILE_S3_URL": "s3://b/run.sh"}
TELL = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"


def job(number: int, environment: dict[str, str] | None = None, **fields: Any) -> Job:
    usual: dict[str, Any] = {"executable": "run", "arguments": (), "inputs": (), "launcher": False}
    own = {name: fields.pop(name, value) for name, value in usual.items()}
    own |= {"environment": environment or {}, "submit_file": Path("bag.in")}
    return Job(number, f"job-{number}", request=fields, **own)


def jobs(count: int, environment: dict[str, str] | None = None, **fields: Any) -> list[Job]:
    return [job(number, environment, **fields) for number in range(1, count + 1)]


# -- what is sent


def requests(bag: list[Job]) -> Requests:
    return Requests(Bag(tuple(bag), ()), PLACE, Target("q", "d"), "us-west-2")


def records(prepared: PreparedRequest) -> list[str]:
    manifest = next(one.content() for key, one in prepared.objects.items() if key.endswith(".manifest"))
    variables = variables_of(prepared)
    size = int(variables["PEGASUS_AWS_BATCH_RECORD"])
    assert len(manifest) % size == 0
    return [manifest[at : at + size].decode() for at in range(0, len(manifest), size)]


def variables_of(prepared: PreparedRequest) -> dict[str, str]:
    return {one["name"]: one["value"] for one in prepared.request["containerOverrides"]["environment"]}


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
NAMES = st.one_of(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True), st.sampled_from(["a.b", "9x", "ü"]))
CHILDREN = st.lists(
    st.tuples(st.lists(WORDS, max_size=3), st.dictionaries(NAMES.map("V{}".format), WORDS, max_size=3)),
    min_size=2,
    max_size=4,
)


@settings(max_examples=8)  # each starts processes
@given(CHILDREN)
def test_a_child_has_the_words_and_the_variables_of_its_job(children: list[tuple[list[str], dict[str, str]]]) -> None:
    bag = [
        Job(number, f"job-{number}", sys.executable, ("-IS", "-c", TELL, *words), own, (), {}, Path("bag.in"))
        for number, (words, own) in enumerate(children, 1)
    ]
    prepared = requests(bag).of(tuple(bag), "s.1")
    shared = variables_of(prepared)
    for one, record in zip(bag, records(prepared), strict=True):
        done = subprocess.run(
            ["sh", "-c", f'become() {{ exec "$@"; }}\n{record}\nbecome "$@"'],
            env=shared,
            capture_output=True,
            check=True,
            timeout=60,
        )
        words, environment = json.loads(done.stdout)
        wanted = environment_of(one, Bag(tuple(bag), ()), PLACE)
        assert words == list(one.arguments[3:])
        assert {name: environment.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("count", [1, 2])
def test_the_launcher_is_told_where_the_bucket_is(count: int) -> None:
    bag = [replace(one, launcher=True) for one in jobs(count)]
    elsewhere = Requests(Bag(tuple(bag), ()), PLACE, Target("q", "d"), "cn-north-1", "https://s3.cn")
    variables = variables_of(elsewhere.of(tuple(bag), "s.1"))
    assert variables["PEGASUS_AWS_BATCH_REGION"] == "cn-north-1"
    assert variables["PEGASUS_AWS_BATCH_ENDPOINT"] == "https://s3.cn"


def test_an_array_of_scripts_runs_the_launcher_as_its_script() -> None:
    bag = jobs(2, FETCH)
    prepared = requests(bag).of(tuple(bag), "s.1")
    variables = variables_of(prepared)
    assert variables["BATCH_FILE_TYPE"] == "script"
    bucket, _, key = variables["BATCH_FILE_S3_URL"].removeprefix("s3://").partition("/")
    assert prepared.place is not None
    assert bucket == prepared.place.bucket
    assert prepared.objects[key].content().strip()
    assert all("BATCH_FILE_S3_URL=s3://b/run.sh" in record for record in records(prepared))


@pytest.mark.parametrize("environment", [{}, FETCH], ids=["command", "script"])
def test_the_request_keeps_the_limits_of_the_service_however_much_the_jobs_share(environment: dict[str, str]) -> None:
    large = {f"V{number}": "x" * 100 for number in range(60)}
    bag = jobs(3, {**environment, **large})
    request = requests(bag).of(tuple(bag), "s.1").request
    overrides = json.dumps(request["containerOverrides"], ensure_ascii=False, separators=(",", ":"))
    assert len(overrides) <= MAX_OVERRIDES
    assert len(json.dumps(request)) <= MAX_REQUEST_BYTES
    assert request["arrayProperties"] == {"size": 3}


@pytest.mark.parametrize("name", ["PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "PEGASUS_AWS_BATCH_LAUNCHER"])
def test_what_would_change_the_launcher_itself_is_only_for_the_jobs(name: str) -> None:
    bag = jobs(2, {name: "of the job", "OTHER": "x"})
    prepared = requests(bag).of(tuple(bag), "s.1")
    assert name not in variables_of(prepared)
    assert variables_of(prepared)["OTHER"] == "x"
    assert all(f"'{name}=of the job'" in record for record in records(prepared))


def test_a_command_with_parameters_is_sent_where_aws_sees_it_or_refused() -> None:
    words = ("Ref::what", "x")
    good = job(1, launcher=True, arguments=words)
    assert [*launch_problems(Bag((good,), ()), PLACE)] == []
    assert requests([good]).of((good,), "s.1").request["containerOverrides"]["command"][-2:] == ["Ref::what", "x"]
    bad = [
        job(1, FETCH, launcher=True, arguments=words),
        job(2, {"odd.name": "x"}, launcher=True, arguments=words),
        job(3, launcher=True, arguments=(*words, "x" * 6000)),
    ]
    found = [*launch_problems(Bag((*bad, job(4, {"odd.name": "x"}, arguments=words)), ()), PLACE)]
    assert [one.where for one in found] == [one.where for one in bad]
    assert all(one.what.startswith("launcher: ") and "Ref::" in one.what for one in found)


def test_a_job_alone_is_sent_as_ever() -> None:
    one = job(1)
    prepared = requests([one]).of((one,), "s.1")
    assert prepared.request["jobName"] == "job-1"
    assert prepared.objects == {}
    assert list(prepared.ids((one,), "id")) == [(one, "id")]


def test_the_launcher_starts_a_job_by_itself_with_nothing_in_the_bucket() -> None:
    one = job(1, {"A": "b"}, arguments=("x", "y z"), launcher=True)
    prepared = requests([one]).of((one,), "s.1")
    assert (prepared.request["jobName"], prepared.objects, prepared.is_array) == ("job-1", {}, False)
    command = prepared.request["containerOverrides"]["command"]
    assert (command[:2], command[4:]) == (["sh", "-c"], ["run", "x", "y z"])
    variables = variables_of(prepared)
    assert (variables["A"], variables[TOKEN_VARIABLE]) == ("b", "s.1")
    assert (variables["PEGASUS_AWS_BATCH_LAUNCHER"], variables["PEGASUS_AWS_BATCH_REGION"]) == ("1", "us-west-2")


@pytest.mark.parametrize(
    "one",
    [
        job(1, FETCH, launcher=True),
        job(1, {"odd.name": "x"}, launcher=True),
        job(1, launcher=True, arguments=("x" * 7000,)),
    ],
    ids=["a script", "a variable that shells drop", "a long command"],
)
def test_the_launcher_reads_what_would_not_reach_the_job_otherwise(one: Job) -> None:
    prepared = requests([one]).of((one,), "s.1")
    assert "arrayProperties" not in prepared.request
    assert prepared.request["jobName"] == "job-1"
    assert list(prepared.ids((one,), "id")) == [(one, "id")]
    (record,) = records(prepared)
    assert all(word in record for word in (one.executable, *one.arguments, *one.environment))
    variables = variables_of(prepared)
    assert (variables[TOKEN_VARIABLE], variables["PEGASUS_AWS_BATCH_LAUNCHER"]) == ("s.1", "1")
    assert len(json.dumps(prepared.request["containerOverrides"], separators=(",", ":"))) <= MAX_OVERRIDES


def test_the_launcher_stays_beside_the_children_of_an_array_that_want_it() -> None:
    for wanted in (True, False):
        bag = jobs(2, launcher=wanted)
        assert ("PEGASUS_AWS_BATCH_LAUNCHER" in variables_of(requests(bag).of(tuple(bag), "s.1"))) is wanted


def test_a_large_manifest_is_in_memory_only_while_it_is_sent() -> None:
    bag = [job(number, arguments=(f"{number:07d}" * 1000,)) for number in range(1, 2001)]
    tracemalloc.start()
    try:
        prepared = requests(bag).of(tuple(bag), "token")
        (manifest,) = (one for key, one in prepared.objects.items() if key.endswith(".manifest"))
        assert tracemalloc.get_traced_memory()[1] < manifest.size / 4
    finally:
        tracemalloc.stop()
    assert manifest.size == len(manifest.content()) > 14_000_000
    assert all(f"{one.number:07d}" * 1000 in record for one, record in zip(bag, records(prepared), strict=True))


# -- arrays of the user's own, and definitions of other forms


def test_an_array_of_the_users_own_is_sent_as_it_is() -> None:
    children = tuple(array(1, "sweep", 3))
    prepared = requests(list(children)).of(children, "s.1", ["id-9"])
    assert (prepared.request["jobName"], prepared.request["arrayProperties"]) == ("sweep", {"size": 3})
    assert prepared.request["dependsOn"] == [{"jobId": "id-9"}]
    assert variables_of(prepared)["PEGASUS_JOB_NAME"] == "sweep"
    assert prepared.objects == {}
    assert [aws_id for _, aws_id in prepared.ids(children, "id")] == ["id:0", "id:1", "id:2"]
    sought = requests(list(children)).sought(dict(enumerate(children)), "s.1", "other")
    assert (sought.request["jobName"], sought.request["jobQueue"]) == ("sweep", "other")
    assert token_of(sought.request) == "s.1"


def test_a_request_has_the_overrides_that_its_definition_takes() -> None:
    ecs = {"ecsProperties": {"taskProperties": [{"containers": [{"name": "main"}]}]}}
    nodes = {"nodeProperties": {"numNodes": 2, "mainNode": 0, "nodeRangeProperties": [{"targetNodes": "0:"}]}}
    details: dict[str | None, dict[str, Any]] = {None: ecs, "nodes": nodes}
    target = Target("q", "d", details=details.__getitem__)
    many = [*jobs(2), job(3, jobDefinition="nodes")]
    of = Requests(Bag(tuple(many), ()), PLACE, target, "us-west-2")
    for group, member in (
        (many[:1], "ecsPropertiesOverride"),
        (many[:2], "ecsPropertiesOverride"),
        (many[2:], "nodeOverrides"),
    ):
        prepared = of.of(tuple(group), "s.1")
        assert [name for name in prepared.request if name.lower().endswith(("override", "overrides"))] == [member]
        assert token_of(prepared.request) == "s.1"
    assert [of.can_be_packed(one) for one in many] == [True, True, False]
