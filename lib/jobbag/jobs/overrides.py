"""Pure: a job's command and variables → the overrides that its job definition takes.

A SubmitJob request is made with `containerOverrides`. Other forms of definition have other fields for the same, for
which it is then given its final form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobbag.bag.job import Job
from jobbag.entities.containers import Form, containers_of, form_of, main_of, ranges_of_nodes
from jobbag.errors import Problem

Params = Mapping[str, Any]

POD_CONTAINER = "Default"  # the name of a container of a pod that has none


def placed(request: Params, definition: Params) -> dict[str, Any]:
    """The request with its `containerOverrides` where the definition takes them. An unknown definition is empty."""
    form = form_of(definition)
    if form is Form.CONTAINER:
        return dict(request)
    rest = {name: value for name, value in request.items() if name != Form.CONTAINER.overrides}
    return {**rest, form.overrides: _PLACE[form](rest.get(form.overrides, {}), _of(request), definition)}


def _of(request: Params) -> Params:
    found: Params = request.get(Form.CONTAINER.overrides, {})
    return found


def _in_container(given: Params, ours: Params, definition: Params) -> dict[str, Any]:
    del definition
    return {**given, **ours, "environment": _merged(given.get("environment"), ours["environment"])}


def _in_task(given: Params, ours: Params, definition: Params) -> dict[str, Any]:
    main = main_of(containers_of(definition))
    task: Params = next(iter(given.get("taskProperties") or ()), {})
    mine, others = _parted(task.get("containers") or (), main.get("name"))
    named = {"name": main["name"]} if "name" in main else {}
    container = {**named, **_in_container(mine, ours, main)}
    return {**given, "taskProperties": [{**task, "containers": [container, *others]}]}


def _in_pod(given: Params, ours: Params, definition: Params) -> dict[str, Any]:
    """As on ECS, the command is what the image's entry point is given, unless the definition has one of its own."""
    main = main_of(containers_of(definition))
    pod = given.get("podProperties") or {}
    name = main.get("name", POD_CONTAINER)
    mine, others = _parted(pod.get("containers") or (), name)
    command = {"command": ours["command"], "args": []} if main.get("command") else {"args": ours["command"]}
    container = {"name": name, **mine, **command, "env": _merged(mine.get("env"), ours["environment"])}
    return {**given, "podProperties": {**pod, "containers": [container, *others]}}


def _in_nodes(given: Params, ours: Params, definition: Params) -> dict[str, Any]:
    """For every range. What the job says itself of one that the main node is not in wins."""
    by_target = {one["targetNodes"]: one for one in given.get("nodePropertyOverrides") or ()}
    ranges = []
    for one in definition[Form.NODES.value]["nodeRangeProperties"]:
        form = form_of(one)
        mine = by_target.get(one["targetNodes"], {})
        own = mine.get(form.overrides, {})
        wanted = {**ours, "command": own["command"]} if "command" in own else ours
        ranges.append({**mine, "targetNodes": one["targetNodes"], form.overrides: _PLACE[form](own, wanted, one)})
    return {**given, "nodePropertyOverrides": ranges}


_PLACE = {Form.CONTAINER: _in_container, Form.ECS: _in_task, Form.EKS: _in_pod, Form.NODES: _in_nodes}


def _parted(containers: Sequence[Params], name: str | None) -> tuple[Params, list[Params]]:
    """The overrides of the container of this name, and those of the others."""
    mine = [one for one in containers if one.get("name", name) == name]
    return next(iter(mine), {}), [one for one in containers if one not in mine]


def _merged(given: Any, ours: Sequence[Params]) -> list[Params]:
    names = {one["name"] for one in ours}
    return [*(one for one in given or () if one.get("name") not in names), *ours]


def variables_of(content: Any) -> Iterator[Params]:
    """The variables of all containers in a SubmitJob request, or in a JobDetail."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            if name in ("environment", "env") and isinstance(value, list):
                yield from value
            elif isinstance(value, (Mapping, list)):
                yield from variables_of(value)
    elif isinstance(content, list):
        for one in content:
            yield from variables_of(one)


# -- what cannot be


def override_problems(job: Job, definition: Params) -> Iterator[Problem]:
    """What a job says that its job definition does not take."""
    form = form_of(definition)
    for other in Form:
        if other.overrides in job.request and other not in (form, Form.CONTAINER):
            what = f"the job definition has {form.value}, which takes {form.overrides} instead"
            yield Problem(job.where, f"{other.overrides}: {what}")
    if form is not Form.CONTAINER:
        for what in _PROBLEMS[form](job, definition):
            yield Problem(job.where, what)


def _of_task(job: Job, definition: Params) -> Iterator[str]:
    tasks = job.request.get(Form.ECS.overrides, {}).get("taskProperties") or ()
    where = f"{Form.ECS.overrides}.taskProperties"
    if len(tasks) > 1:
        yield f"{where}: has one element at most"
    yield from _not_taken(job, Form.ECS, {"resourceRequirements"})
    for task in tasks:
        yield from _of_containers(task.get("containers") or (), containers_of(definition), "name", where)


def _of_pod(job: Job, definition: Params) -> Iterator[str]:
    pod = job.request.get(Form.EKS.overrides, {}).get("podProperties") or {}
    yield from _not_taken(job, Form.EKS, set())
    if "propagateTags" in job.request:
        yield "propagateTags: AWS Batch has none for jobs on EKS"
    where = f"{Form.EKS.overrides}.podProperties"
    yield from _of_containers(pod.get("containers") or (), containers_of(definition), POD_CONTAINER, where)


def _not_taken(job: Job, form: Form, taken: set[str]) -> Iterator[str]:
    for name in _of(job.request).keys() - taken:
        yield f"containerOverrides.{name}: the job definition has {form.value}: give it in {form.overrides}"


def _of_containers(given: Sequence[Params], known: Sequence[Params], default: str, where: str) -> Iterator[str]:
    """`default`: the name of a container that has none."""
    names = [one.get("name", default) for one in known]
    main = main_of(known).get("name", default)
    for one in given:
        name = one.get("name", main)
        if name not in names:
            yield f"{where}: the job definition has no container {name}, but {', '.join(names)}"
        if name == main and ("command" in one or "args" in one):
            yield f"{where}: the command of {name} is executable and arguments"


def _of_nodes(job: Job, definition: Params) -> Iterator[str]:
    if job.child is not None:
        yield "arrayProperties: AWS Batch has no arrays of multi-node jobs"
    properties, overrides = definition[Form.NODES.value], job.request.get(Form.NODES.overrides, {})
    known = [one["targetNodes"] for one in properties["nodeRangeProperties"]]
    number = overrides.get("numNodes")
    if number is not None and number != properties["numNodes"] and not any(one.endswith(":") for one in known):
        yield f"{Form.NODES.overrides}.numNodes: needs a range of nodes that is open at its end, as 1:"
    for one in overrides.get("nodePropertyOverrides") or ():
        target = one["targetNodes"]
        where = f"{Form.NODES.overrides}.nodePropertyOverrides"
        if target not in known:
            yield f"{where}: the job definition has no targetNodes {target}, but {', '.join(known)}"
        main = properties["mainNode"] < properties["numNodes"] and ranges_of_nodes(properties)[properties["mainNode"]]
        if main and target == main["targetNodes"] and any("command" in one.get(f.overrides, {}) for f in Form):
            yield f"{where}: the command of the main node is executable and arguments"
    ranges = properties["nodeRangeProperties"]
    if any(form_of(one) is Form.EKS for one in ranges):
        yield from _not_taken(job, Form.NODES, set())
    elif any(form_of(one) is Form.ECS for one in ranges):
        yield from _not_taken(job, Form.NODES, {"resourceRequirements"})


_PROBLEMS = {Form.ECS: _of_task, Form.EKS: _of_pod, Form.NODES: _of_nodes}
