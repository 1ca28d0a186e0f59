"""Which jobs go as array jobs, and what their children read."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobbag.bag import Bag, Job
from jobbag.jobrequest import MAX_OVERRIDES, MAX_REQUEST_BYTES, TOKEN_VARIABLE, Target, environment_of
from jobbag.packing import (
    FEWEST,
    MOST,
    PAYS_FROM,
    WITH_INPUTS,
    Packer,
    Packing,
    Requests,
    Sendable,
    by_token,
    child_token,
    packs,
    parent_token,
    shipment_name,
    shipments,
)
from jobbag.specs import S3Place

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


# -- which


def test_auto_packs_what_can_run_the_launcher_for_sure_and_takes_long_one_by_one() -> None:
    assert list(map(len, packs(jobs(PAYS_FROM, FETCH), Packing.AUTO))) == [PAYS_FROM]
    assert packs(jobs(PAYS_FROM - 1, FETCH), Packing.AUTO) == []
    assert list(map(len, packs(jobs(PAYS_FROM, launcher=True), Packing.AUTO))) == [PAYS_FROM]
    assert packs(jobs(PAYS_FROM), Packing.AUTO) == []


def test_never_packs_nothing() -> None:
    assert packs(jobs(PAYS_FROM, FETCH), Packing.NEVER) == []


@pytest.mark.parametrize(
    "other",
    [
        job(3, {"BATCH_FILE_TYPE": "zip", "BATCH_FILE_S3_URL": "s3://b/run.zip"}),
        job(3, arrayProperties={"size": 7}),
        job(3, dependsOn=[{"jobId": "x"}]),
        job(3, FETCH),
        job(3, jobQueue="another"),
        job(3, containerOverrides={"vcpus": 2}),
        job(3, launcher=True),
        job(3, executable="a=b"),
    ],
    ids=[
        "zip",
        "own array",
        "other dependencies",
        "another kind of image",
        "another queue",
        "other needs",
        "launcher",
        "no word for env",
    ],
)
def test_always_packs_those_that_agree_in_all_but_name_command_and_environment(other: Job) -> None:
    alike = [job(1, {"A": "1"}), job(2, {"B": "2"}, arguments=("x",))]
    assert packs([*alike, other], Packing.ALWAYS) == [tuple(alike)]


def test_an_array_has_as_many_children_as_aws_takes_and_none_has_one() -> None:
    sizes = list(map(len, packs(jobs(MOST + FEWEST + 1), Packing.ALWAYS)))
    assert sizes == [MOST, FEWEST + 1]
    assert list(map(len, packs(jobs(MOST + 1), Packing.ALWAYS))) == [MOST]


def test_jobs_with_files_of_their_own_go_in_smaller_arrays_so_that_the_first_start_soon() -> None:
    sizes = list(map(len, packs(jobs(2 * WITH_INPUTS, inputs=("a.txt",)), Packing.ALWAYS)))
    assert sizes == [WITH_INPUTS, WITH_INPUTS]


# -- when


@given(st.integers(0, 40), st.sets(st.integers(1, 40)), st.randoms(use_true_random=False))
def test_each_job_that_gets_ready_is_shipped_once_in_whatever_order(
    count: int, never: set[int], order: random.Random
) -> None:
    bag = [job(number, jobQueue=f"q{number % 3}") for number in range(1, count + 1)]
    packer = Packer(bag, Packing.ALWAYS)
    shipped: list[Job] = []
    for one in order.sample(bag, len(bag)):
        for shipment in packer.gone(one) if one.number in never else packer.ready(one):
            assert [each.number for each in shipment] == sorted(each.number for each in shipment)
            shipped += shipment
    assert sorted(each.number for each in shipped) == [each.number for each in bag if each.number not in never]


def test_an_array_waits_for_its_last_job() -> None:
    one, two, three = bag = jobs(3)
    packer = Packer(bag, Packing.ALWAYS)
    assert packer.ready(two) == packer.ready(one) == []
    assert packer.ready(three) == [(one, two, three)]


# -- what is sent


def requests(bag: list[Job]) -> Requests:
    return Requests(Bag(tuple(bag), ()), PLACE, Target("q", "d"), "us-west-2")


def records(sendable: Sendable) -> list[str]:
    manifest = next(content for key, content in sendable.objects.items() if key.endswith(".manifest"))
    variables = variables_of(sendable)
    size = int(variables["PEGASUS_AWS_BATCH_RECORD"])
    assert len(manifest) % size == 0
    return [manifest[at : at + size].decode() for at in range(0, len(manifest), size)]


def variables_of(sendable: Sendable) -> dict[str, str]:
    return {one["name"]: one["value"] for one in sendable.request["containerOverrides"]["environment"]}


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
NAMES = st.one_of(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True), st.sampled_from(["a.b", "9x", "ü"]))
CHILDREN = st.lists(
    st.tuples(st.lists(WORDS, max_size=3), st.dictionaries(NAMES.map("V{}".format), WORDS, max_size=3)),
    min_size=2,
    max_size=4,
)


@settings(max_examples=20, deadline=None)
@given(CHILDREN)
def test_a_child_has_the_words_and_the_variables_of_its_job(children: list[tuple[list[str], dict[str, str]]]) -> None:
    bag = [
        Job(number, f"job-{number}", sys.executable, ("-c", TELL, *words), own, (), {}, Path("bag.in"))
        for number, (words, own) in enumerate(children, 1)
    ]
    sendable = requests(bag).of(tuple(bag), "s.1")
    shared = variables_of(sendable)
    for one, record in zip(bag, records(sendable), strict=True):
        done = subprocess.run(
            ["sh", "-c", f'become() {{ exec "$@"; }}\n{record}\nbecome "$@"'],
            env=shared,
            capture_output=True,
            check=True,
            timeout=60,
        )
        words, environment = json.loads(done.stdout)
        wanted = environment_of(one, Bag(tuple(bag), ()), PLACE)
        assert words == list(one.arguments[2:])
        assert {name: environment.get(name) for name in wanted} == wanted


def test_an_array_of_scripts_runs_the_launcher_as_its_script() -> None:
    bag = jobs(2, FETCH)
    sendable = requests(bag).of(tuple(bag), "s.1")
    variables = variables_of(sendable)
    assert variables["BATCH_FILE_TYPE"] == "script"
    bucket, _, key = variables["BATCH_FILE_S3_URL"].removeprefix("s3://").partition("/")
    assert bucket == sendable.bucket
    assert sendable.objects[key].strip()
    assert all("BATCH_FILE_S3_URL=s3://b/run.sh" in record for record in records(sendable))


@pytest.mark.parametrize("environment", [{}, FETCH], ids=["command", "script"])
def test_the_request_keeps_the_limits_of_the_service_however_much_the_jobs_share(environment: dict[str, str]) -> None:
    large = {f"V{number}": "x" * 100 for number in range(60)}
    bag = jobs(3, {**environment, **large})
    request = requests(bag).of(tuple(bag), "s.1").request
    overrides = json.dumps(request["containerOverrides"], ensure_ascii=False, separators=(",", ":"))
    assert len(overrides) <= MAX_OVERRIDES
    assert len(json.dumps(request)) <= MAX_REQUEST_BYTES
    assert request["arrayProperties"] == {"size": 3}


def test_a_job_alone_is_sent_as_ever() -> None:
    one = job(1)
    sendable = requests([one]).of((one,), "s.1")
    assert sendable.request["jobName"] == "job-1"
    assert sendable.objects == {}
    assert list(sendable.ids((one,), "id")) == [(one, "id")]


def test_the_launcher_starts_a_job_by_itself_with_nothing_in_the_bucket() -> None:
    one = job(1, {"A": "b"}, arguments=("x", "y z"), launcher=True)
    sendable = requests([one]).of((one,), "s.1")
    assert (sendable.request["jobName"], sendable.objects, sendable.is_array) == ("job-1", {}, False)
    command = sendable.request["containerOverrides"]["command"]
    assert (command[:2], command[4:]) == (["sh", "-c"], ["run", "x", "y z"])
    variables = variables_of(sendable)
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
    sendable = requests([one]).of((one,), "s.1")
    assert "arrayProperties" not in sendable.request
    assert sendable.request["jobName"] == "job-1"
    assert list(sendable.ids((one,), "id")) == [(one, "id")]
    (record,) = records(sendable)
    assert all(word in record for word in (one.executable, *one.arguments, *one.environment))
    variables = variables_of(sendable)
    assert (variables[TOKEN_VARIABLE], variables["PEGASUS_AWS_BATCH_LAUNCHER"]) == ("s.1", "1")
    assert len(json.dumps(sendable.request["containerOverrides"], separators=(",", ":"))) <= MAX_OVERRIDES


def test_the_launcher_stays_beside_the_children_of_an_array_that_want_it() -> None:
    for wanted in (True, False):
        bag = jobs(2, launcher=wanted)
        assert ("PEGASUS_AWS_BATCH_LAUNCHER" in variables_of(requests(bag).of(tuple(bag), "s.1"))) is wanted


# -- how they are found again


def test_children_are_found_by_the_array_and_their_index() -> None:
    bag = jobs(4)
    known = [(bag[0], "s.9"), *((one, child_token("s.1", index)) for index, one in enumerate(bag[1:]))]
    found = by_token([known[0], known[2], known[3]])
    assert found == {"s.9": {None: bag[0]}, "s.1": {1: bag[2], 2: bag[3]}}
    sought = requests(bag).sought(found["s.1"], "s.1")
    sent = requests(bag).of(tuple(bag[1:]), "s.1")
    assert sought.request["jobName"] == sent.request["jobName"] == shipment_name("s.1")
    assert {"name": TOKEN_VARIABLE, "value": "s.1"} in sought.request["containerOverrides"]["environment"]
    assert list(sought.ids(tuple(found["s.1"].values()), "id")) == [(bag[2], "id:1"), (bag[3], "id:2")]
    assert list(sent.ids(tuple(bag[1:]), "id")) == [(bag[1], "id:0"), (bag[2], "id:1"), (bag[3], "id:2")]


def test_the_token_of_a_request_follows_from_that_of_a_child() -> None:
    assert parent_token(child_token("s.1", 12)) == ("s.1", 12)
    assert parent_token("s.1") == ("s.1", None)


def test_what_was_never_sent_is_packed_anew() -> None:
    bag = jobs(3)
    assert shipments(bag, Packing.ALWAYS) == [tuple(bag)]
    assert shipments(bag, Packing.NEVER) == [(one,) for one in bag]
