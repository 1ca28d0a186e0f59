"""What the user's words for entities mean, what entities are called, and what is refused before any call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Existing, Kind, Plan, ToCreate
from jobbag.entities.plan import plan_of
from jobbag.options.settings import Mode

from ..builders import JSON_VALUES, bag, job, settings

OPEN = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
KINDS = {"job_definition": DEFINITION, "compute_environment": ENVIRONMENT, "job_queue": QUEUE}
CONTENTS: dict[Kind, dict[str, Any]] = {
    DEFINITION: {"type": "container", "containerProperties": {"image": "busybox", "vcpus": 1, "memory": 64}},
    ENVIRONMENT: {"type": "UNMANAGED", "serviceRole": "AWSBatchServiceRole"},
    QUEUE: {"priority": 10, "state": "ENABLED", "computeEnvironmentOrder": [{"order": 1}]},
}


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(content: object, name: str = "entity.json") -> str:
    Path(name).write_text(json.dumps(content))
    return name


def planned(mode: Any = Mode.CREATE, jobs: Any = None, **values: Any) -> Plan:
    plan, problems = plan_of(settings(mode=mode, **values), jobs)
    assert problems == []
    return plan


def told(mode: Any = Mode.CREATE, jobs: Any = None, **values: Any) -> list[str]:
    return [str(problem) for problem in plan_of(settings(mode=mode, **values), jobs)[1]]


def spec_of(plan: Plan, option: str) -> Any:
    return getattr(plan, {"job_definition": "definition", "compute_environment": "environment"}.get(option, "queue"))


# -- the three forms


@pytest.mark.parametrize("option", KINDS)
@pytest.mark.parametrize(
    "form", ["name", "name:3", "arn:aws:batch:us-west-2:123456789012:{}/x", "arn:aws-cn:batch:::{}/x:2"]
)
def test_names_and_arns_are_existing_entities(option: str, form: str) -> None:
    ref = form.format(KINDS[option].arn_type)
    plan = planned(**{option: ref})
    assert spec_of(plan, option) == Existing(KINDS[option], ref)


@pytest.mark.parametrize("option", KINDS)
def test_an_arn_of_another_kind_is_told(option: str) -> None:
    (found,) = told(**{option: "arn:aws:batch:us-west-2:1:scheduling-policy/x"})
    assert KINDS[option].words in found


@pytest.mark.parametrize("option", KINDS)
@pytest.mark.parametrize("path", ["plain", "dir/entity.json", "entity.json"])
def test_an_existing_path_is_a_file(option: str, path: str) -> None:
    kind = KINDS[option]
    Path("dir").mkdir()
    write(CONTENTS[kind], path)
    plan = planned(**{"compute_environment": "ce", option: path})
    spec = spec_of(plan, option)
    assert isinstance(spec, ToCreate)
    assert spec.path == Path(path)
    assert spec.name == f"bag{kind.suffix}"


@pytest.mark.parametrize("option", KINDS)
@pytest.mark.parametrize("path", ["no/such", "/no/such.json", "nosuch.json"])
def test_a_missing_file_is_told_with_its_name(option: str, path: str) -> None:
    (found,) = told(**{option: path})
    assert path in found
    assert "No such file" in found


def test_a_value_too_long_for_a_path_is_no_crash() -> None:
    long = "x" * 300
    assert planned(job_queue=long).queue == Existing(QUEUE, long)


@pytest.mark.parametrize("option", KINDS)
@pytest.mark.parametrize("wrap", ["op: [input: X]", "op: X", "op: input: X", "[input: X]", "input: X"])
def test_the_older_form_with_a_wrapper(option: str, wrap: str) -> None:
    kind = KINDS[option]
    content: Any = CONTENTS[kind]
    if "input" in wrap:
        content = {"input": content}
    if "[" in wrap:
        content = [content]
    if "op" in wrap:
        content = {kind.create: content}
    plan = planned(**{"compute_environment": "ce", option: write(content)})
    spec = spec_of(plan, option)
    assert isinstance(spec, ToCreate)
    for field, value in CONTENTS[kind].items():
        if field != "computeEnvironmentOrder":
            assert spec.request[field] == value


@pytest.mark.parametrize("option", KINDS)
def test_the_name_in_the_file_wins(option: str) -> None:
    kind = KINDS[option]
    path = write({**CONTENTS[kind], kind.name_field: "mine"})
    for prefix in ("p", None):
        spec = spec_of(planned(**{"compute_environment": "ce", option: path}, prefix=prefix), option)
        assert spec.name == "mine"


@pytest.mark.parametrize("option", KINDS)
def test_a_file_without_a_name_needs_a_prefix(option: str) -> None:
    found = told(**{option: write(CONTENTS[KINDS[option]])}, prefix=None)
    assert any("--prefix" in line and "entity.json" in line for line in found)


# -- what is wrong with a file


@pytest.mark.parametrize("option", KINDS)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "entity.json: line 1, column 2: invalid JSON"),
        ("[]", "entity.json: must be an object"),
        ("7", "entity.json: must be an object"),
        ('{"nonsense": 1}', "entity.json: nonsense: is no field of AWS Batch"),
        ('{"tags": []}', "entity.json: tags: must be an object"),
        ("[" * 100_000, "entity.json: invalid JSON"),
        ("\udcff", "entity.json: invalid JSON"),
    ],
)
def test_a_file_that_is_no_request_is_told(option: str, text: str, said: str) -> None:
    Path("entity.json").write_bytes(text.encode(errors="surrogateescape"))
    assert any(line.startswith(said) for line in told(**{option: "entity.json"}))


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("job_definition", {"type": "container"}, "containerProperties"),
        ("job_definition", {"type": "container", "containerProperties": {}}, "containerProperties.image: is missing"),
        ("job_definition", {"type": "multinode", "containerProperties": {"image": "x"}}, "nodeProperties"),
        (
            "job_definition",
            {"type": "container", "containerProperties": {"image": "x"}, "ecsProperties": {"taskProperties": []}},
            "has one of",
        ),
        ("job_definition", {"containerProperties": {"image": "x"}}, "type: is missing"),
        (
            "job_definition",
            {**CONTENTS[DEFINITION], "retryStrategy": {"attempts": 11}},
            "retryStrategy.attempts: must be 1 to 10",
        ),
        ("job_definition", {**CONTENTS[DEFINITION], "parameters": {"a": "x" * 24 * 1024}}, "24576 at most"),
        ("job_definition", {**CONTENTS[DEFINITION], "jobDefinitionName": "a.b"}, "jobDefinitionName"),
        ("compute_environment", {"type": "MANAGED"}, "computeResources: is missing"),
        ("compute_environment", {"type": "UNMANAGED", "state": "DISABLED"}, "state:"),
        ("compute_environment", {"type": "X"}, "type: 'X' is none of"),
        ("compute_environment", {"type": "UNMANAGED", "computeEnvironmentName": "-a"}, "computeEnvironmentName"),
        ("job_queue", {"priority": "1"}, "priority: must be a whole number"),
        ("job_queue", {}, "priority: is missing"),
        ("job_queue", {"priority": 1, "jobQueueName": "x" * 129}, "jobQueueName"),
        ("job_queue", {"priority": 1, "computeEnvironmentOrder": [{}]}, "computeEnvironmentOrder[0].order: is missing"),
    ],
)
def test_what_the_api_would_reject_is_told_with_file_and_field(option: str, content: dict[str, Any], said: str) -> None:
    found = told(**{option: write(content)})
    assert any(line.startswith("entity.json: ") and said in line for line in found)


@pytest.mark.parametrize("option", KINDS)
@OPEN
@given(content=JSON_VALUES)
def test_any_json_file_is_a_request_or_a_problem(option: str, content: object) -> None:
    plan, problems = plan_of(settings(mode=Mode.CREATE, **{option: write(content)}), None)
    assert problems or isinstance(spec_of(plan, option), ToCreate)


MAIN = {
    "name": "a",
    "image": "x",
    "essential": True,
    "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}],
}


def test_fields_of_today_are_passed_on() -> None:
    content = {
        "type": "container",
        "platformCapabilities": ["FARGATE"],
        "ecsProperties": {"taskProperties": [{"executionRoleArn": "r", "containers": [MAIN]}]},
        "tags": {"a": "b"},
        "propagateTags": True,
        "schedulingPriority": 5,
        "timeout": {"attemptDurationSeconds": 100},
    }
    definition = planned(job_definition=write(content)).definition
    assert isinstance(definition, ToCreate)
    assert definition.request == {**content, "jobDefinitionName": "bag-job-definition"}


# -- the job queue and its compute environment


def order_of(plan: Plan) -> object:
    assert isinstance(plan.queue, ToCreate)
    return plan.queue.request["computeEnvironmentOrder"]


def test_a_queue_that_names_no_compute_environment_gets_that_of_ce() -> None:
    queue = write(CONTENTS[QUEUE])
    assert order_of(planned(job_queue=queue, compute_environment="ce")) == [{"order": 1, "computeEnvironment": "ce"}]
    created = write(CONTENTS[ENVIRONMENT], "ce.json")
    assert order_of(planned(job_queue=queue, compute_environment=created)) == [
        {"order": 1, "computeEnvironment": "bag-compute-environment"}
    ]
    mixed = write({"priority": 1, "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "own"}, {"order": 2}]})
    assert order_of(planned(job_queue=mixed, compute_environment="ce")) == [
        {"order": 1, "computeEnvironment": "own"},
        {"order": 2, "computeEnvironment": "ce"},
    ]
    bare = write({"priority": 1}, "bare.json")
    assert order_of(planned(job_queue=bare, compute_environment="ce")) == [{"order": 1, "computeEnvironment": "ce"}]


def test_a_queue_that_names_its_own_keeps_it() -> None:
    order = [{"order": 1, "computeEnvironment": "a"}, {"order": 2, "computeEnvironment": "b"}]
    queue = write({"priority": 1, "computeEnvironmentOrder": order})
    assert order_of(planned(job_queue=queue, compute_environment="ce")) == order
    assert order_of(planned(job_queue=queue)) == order


def test_a_queue_without_any_compute_environment_is_told() -> None:
    (found,) = told(job_queue=write(CONTENTS[QUEUE]))
    assert "--compute-environment" in found
    assert told(Mode.DELETE, job_queue=write(CONTENTS[QUEUE])) == []


def test_without_a_queue_one_is_made_on_the_compute_environment() -> None:
    plan = planned(Mode.RUN, bag(job()), compute_environment="ce", job_definition="d")
    assert plan.queue == ToCreate(
        QUEUE,
        {
            "jobQueueName": "bag-job-queue",
            "priority": 1,
            "state": "ENABLED",
            "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "ce"}],
        },
        None,
    )


def test_with_an_existing_queue_no_compute_environment_is_needed() -> None:
    plan = planned(Mode.RUN, bag(job()), job_queue="q", job_definition="d")
    assert (plan.queue, plan.environment) == (Existing(QUEUE, "q"), None)
    stale = planned(Mode.RUN, bag(job()), job_queue="q", job_definition="d", compute_environment="/gone/ce.json")
    assert stale.environment is None


def test_jobs_need_a_queue_and_a_definition() -> None:
    found = told(Mode.RUN, bag(job()))
    assert any("--job-queue" in line and 'job "one"' in line for line in found)
    assert any("--job-definition" in line and 'job "one"' in line for line in found)
    assert told(Mode.RUN, bag(job(request={"jobQueue": "q", "jobDefinition": "d"}))) == []
    assert told(Mode.RUN, bag(job()), local=True) == []
    assert told(Mode.RUN, bag()) == []
