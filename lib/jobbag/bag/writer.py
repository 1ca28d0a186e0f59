"""A bag → the lines of a job submit file that gives the same bag."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jobbag.bag.job import INPUTS_VARIABLE, Bag, Job
from jobbag.bag.rules import MEMORY_FIELD, QUEUE_FIELD, MoreMemory, OtherQueue


def lines_of(
    bag: Bag,
    *,
    launcher: bool = False,
    on_out_of_memory: MoreMemory | None = None,
    on_spot_loss: OtherQueue | None = None,
) -> Iterator[str]:
    """The lines of a file in JSON, one for each job or array; `launcher` and the rules as for `reader.load`."""
    rules = {MEMORY_FIELD: on_out_of_memory, QUEUE_FIELD: on_spot_loss}
    entries = [_entry(job, launcher, rules) for job in bag.jobs if job.child is None or job.child.index == 0]
    yield '{"SubmitJob": ['
    for number, entry in enumerate(entries, 1):
        yield f"  {json.dumps(entry)}{',' if number < len(entries) else ''}"
    yield "]}"


def _entry(job: Job, launcher: bool, rules: Mapping[str, MoreMemory | OtherQueue | None]) -> dict[str, Any]:
    request = dict(job.request)
    variables = dict(job.environment)
    if job.inputs:
        variables[INPUTS_VARIABLE] = ",".join(job.inputs)
    fields: dict[str, Any] = {
        "arguments": list(job.arguments),
        "environment": [{"name": name, "value": value} for name, value in variables.items()],
        "inputs": [{"from": item.source, "to": item.target} for item in job.items],
        "outputs": list(job.outputs),
        "dependsOn": [*job.depends_on, *request.pop("dependsOn", ())],
    }
    entry: dict[str, Any] = {"jobName": job.sent_name, "executable": job.executable}
    entry |= {key: value for key, value in fields.items() if value}
    if job.launcher != (launcher or bool(job.items or job.outputs)):
        entry["launcher"] = job.launcher
    for field, rule in ((MEMORY_FIELD, job.on_out_of_memory), (QUEUE_FIELD, job.on_spot_loss)):
        if job.child is None and rule != rules[field]:
            entry[field] = False if rule is None else rule.entry()
    return {**entry, **request}
