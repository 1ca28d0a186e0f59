"""The overrides that each form of job definition takes, and what it does not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jobbag.jobs.overrides import override_problems, placed, variables_of

from ..builders import array, job

COMMAND = ["run.sh", "a"]
VARIABLES = [{"name": "A", "value": "ours"}]
OURS = {"command": COMMAND, "environment": VARIABLES}
REQUEST = {"jobName": "one", "containerOverrides": OURS}
SIDECAR = {"name": "side", "essential": False}


def ecs(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"ecsProperties": {"taskProperties": [{"containers": list(containers)}]}}


def eks(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"eksProperties": {"podProperties": {"containers": list(containers)}}}


def nodes(**ranges: dict[str, Any]) -> dict[str, Any]:
    """A definition of three nodes by range; `n0_1` stands for 0:1."""
    parts = [{"targetNodes": name[1:].replace("_", ":"), **one} for name, one in ranges.items()]
    return {"nodeProperties": {"numNodes": 3, "mainNode": 0, "nodeRangeProperties": parts}}


PLAIN: dict[str, Any] = {"container": {"image": "x"}}
MPI = nodes(n0_0=PLAIN, n1_=PLAIN)


def in_task(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"ecsPropertiesOverride": {"taskProperties": [{"containers": list(containers)}]}}


def in_pod(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"eksPropertiesOverride": {"podProperties": {"containers": list(containers), **more}}}


@pytest.mark.parametrize("definition", [{}, {"containerProperties": {"image": "x"}}])
def test_a_job_of_one_container_stays_as_it_is(definition: dict[str, Any]) -> None:
    assert placed(REQUEST, definition) == REQUEST


def test_the_command_is_for_the_first_container_that_decides_how_the_task_ends() -> None:
    definition = ecs(SIDECAR, {"name": "main"}, {"name": "other"})
    assert placed(REQUEST, definition) == {"jobName": "one", **in_task({"name": "main", **OURS})}
    assert placed(REQUEST, ecs({"image": "x"})) == {"jobName": "one", **in_task(OURS)}  # a container without a name


def test_what_a_job_says_of_the_containers_of_a_task_is_kept() -> None:
    large = {"resourceRequirements": [{"type": "VCPU", "value": "4"}]}
    variables = [{"name": "A", "value": "its own"}, {"name": "B", "value": "b"}]
    given = in_task({"name": "side", "command": ["x"]}, {"name": "main", "environment": variables, **large})
    main = {"name": "main", **large, "command": COMMAND, "environment": [variables[1], *VARIABLES]}
    assert placed({**REQUEST, **given}, ecs(SIDECAR, {"name": "main"})) == {
        "jobName": "one",
        **in_task(main, {"name": "side", "command": ["x"]}),
    }


def test_on_eks_the_command_is_for_the_entry_point_of_the_image_or_takes_the_place_of_that_of_the_pod() -> None:
    assert (
        placed(REQUEST, eks({"name": "c"}))["eksPropertiesOverride"]
        == (in_pod({"name": "c", "args": COMMAND, "env": VARIABLES})["eksPropertiesOverride"])
    )
    with_command = eks({"command": ["sleep"], "args": ["60"]})
    assert (
        placed(REQUEST, with_command)["eksPropertiesOverride"]
        == (in_pod({"name": "Default", "command": COMMAND, "args": [], "env": VARIABLES})["eksPropertiesOverride"])
    )


def test_every_node_gets_the_command() -> None:
    given = {"numNodes": 5, "nodePropertyOverrides": [{"targetNodes": "1:", "instanceTypes": ["c5.large"]}]}
    assert placed({**REQUEST, "nodeOverrides": given}, MPI)["nodeOverrides"] == {
        "numNodes": 5,
        "nodePropertyOverrides": [
            {"targetNodes": "0:0", "containerOverrides": OURS},
            {"targetNodes": "1:", "instanceTypes": ["c5.large"], "containerOverrides": OURS},
        ],
    }


def test_a_job_may_give_other_nodes_than_the_main_one_another_command() -> None:
    given = {"nodePropertyOverrides": [{"targetNodes": "1:", "containerOverrides": {"command": ["worker"]}}]}
    _, other = placed({**REQUEST, "nodeOverrides": given}, MPI)["nodeOverrides"]["nodePropertyOverrides"]
    assert other["containerOverrides"] == {"command": ["worker"], "environment": VARIABLES}


def test_nodes_have_forms_of_their_own() -> None:
    definition = nodes(n0_0=ecs({"name": "m"}, SIDECAR), n1_1=eks({"name": "p"}), n2_=PLAIN)
    ranges = placed(REQUEST, definition)["nodeOverrides"]["nodePropertyOverrides"]
    assert [sorted(one.keys() - {"targetNodes"}) for one in ranges] == [
        ["ecsPropertiesOverride"], ["eksPropertiesOverride"], ["containerOverrides"],
    ]  # fmt: skip
    assert all(list(variables_of(one)) == VARIABLES for one in ranges)


@pytest.mark.parametrize(
    ("definition", "request_", "words"),
    [
        ({}, {}, None),
        ({"containerProperties": {}}, in_task(), "ecsPropertiesOverride: the job definition has containerProperties"),
        (ecs({}), {"containerOverrides": {"resourceRequirements": []}}, None),
        (ecs({}), {"containerOverrides": {"memory": 1}}, "containerOverrides.memory: .* ecsPropertiesOverride"),
        (ecs({}), {"nodeOverrides": {}}, "nodeOverrides: the job definition has ecsProperties, which takes ecsPropert"),
        (ecs({"name": "m"}), in_task({"name": "x"}), "no container x, but m"),
        (ecs({"name": "m"}), in_task({"name": "m", "command": ["x"]}), "the command of m is executable and arguments"),
        (ecs({"name": "m"}, SIDECAR), in_task({"name": "side", "command": ["x"]}), None),
        (
            eks({}),
            {"containerOverrides": {"resourceRequirements": []}},
            "resourceRequirements: .* eksPropertiesOverrid",
        ),
        (eks({}), {"propagateTags": True}, "propagateTags"),
        (eks({"name": "c"}), in_pod({"name": "c", "args": ["x"]}), "the command of c is executable and arguments"),
        (eks({"name": "c"}), in_pod({"name": "c", "resources": {}}), None),
        (MPI, {"containerOverrides": {"vcpus": 2}}, None),
        (nodes(n0_=ecs({})), {"containerOverrides": {"vcpus": 2}}, "containerOverrides.vcpus: .* nodeOverrides"),
        (
            nodes(n0_=eks({})),
            {"containerOverrides": {"resourceRequirements": []}},
            "resourceRequirements: .* nodeOverr",
        ),
        (
            MPI,
            {"nodeOverrides": {"nodePropertyOverrides": [{"targetNodes": "0:2"}]}},
            "no targetNodes 0:2, but 0:0, 1:",
        ),
        (MPI, {"nodeOverrides": {"numNodes": 9}}, None),
        (nodes(n0_2=PLAIN), {"nodeOverrides": {"numNodes": 9}}, "numNodes: needs a range"),
        (
            MPI,
            {
                "nodeOverrides": {
                    "nodePropertyOverrides": [{"targetNodes": "0:0", "containerOverrides": {"command": []}}]
                }
            },
            "command of the main node",
        ),
    ],
)
def test_what_a_form_does_not_take(definition: dict[str, Any], request_: dict[str, Any], words: str | None) -> None:
    told = [one.what for one in override_problems(job(request=request_), definition)]
    assert len(told) == (words is not None), told
    if words is not None:
        assert re.search(words, told[0]), told


def test_there_are_no_arrays_of_multi_node_jobs() -> None:
    assert {one.what for child in array(1, "a", 2) for one in override_problems(child, MPI)} == {
        "arrayProperties: AWS Batch has no arrays of multi-node jobs"
    }
