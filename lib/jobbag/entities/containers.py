"""Pure: the forms of a job definition, and the containers of each, as definitions and JobDetails show them.

What a job itself says, its command and variables, is for its main container, or for that of each node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any


class Form(Enum):
    """What a job definition, a node range or a JobDetail describes its containers with."""

    CONTAINER = "containerProperties"
    ECS = "ecsProperties"
    EKS = "eksProperties"
    NODES = "nodeProperties"

    @property
    def overrides(self) -> str:
        """The field of SubmitJob with which a job overrides such a definition."""
        return _OVERRIDES[self]


_OVERRIDES = {
    Form.CONTAINER: "containerOverrides",
    Form.ECS: "ecsPropertiesOverride",
    Form.EKS: "eksPropertiesOverride",
    Form.NODES: "nodeOverrides",
}


def form_of(detail: Mapping[str, Any]) -> Form:
    """The form of a job definition, of a node range, or of a JobDetail."""
    return next((form for form in (Form.NODES, Form.EKS, Form.ECS) if detail.get(form.value)), Form.CONTAINER)


def containers_of(detail: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Its containers; those of the nodes of a multi-node job are in its ranges."""
    form = form_of(detail)
    if form is Form.EKS:
        return list((detail[form.value].get("podProperties") or {}).get("containers") or ())
    if form is Form.ECS:
        tasks = detail[form.value].get("taskProperties") or ()
        return [container for task in tasks for container in task.get("containers") or ()]
    container = detail.get("container") or detail.get("containerProperties")
    return [container] if container else []


def main_of(containers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The container that a job's command and variables are for: the first one whose end is that of the job."""
    return next((one for one in containers if one.get("essential", True)), containers[0] if containers else {})


def ranges_of_nodes(properties: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The range that each node is in; of several, the narrowest. `properties` are `nodeProperties`."""
    number = int(properties["numNodes"])
    found: dict[int, tuple[int, Mapping[str, Any]]] = {}
    for one in properties.get("nodeRangeProperties") or ():
        first, colon, last = str(one["targetNodes"]).partition(":")
        low = int(first or 0)
        high = int(last or number - 1) if colon else low
        for node in range(low, min(high, number - 1) + 1):
            if node not in found or high - low < found[node][0]:
                found[node] = high - low, one
    return [found[node][1] for node in sorted(found)]
