"""A bag → the lines of a job submit file that gives the same bag."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jobbag.bag.job import INPUTS_VARIABLE, Bag, Job
from jobbag.bag.rules import MEMORY_FIELD, NONE, QUEUE_FIELD, Rules


def lines_of(bag: Bag, *, launcher: bool = False, rules: Rules = NONE) -> Iterator[str]:
    """The lines of a file in JSON, one for each job or array; `launcher` and `rules` as for `reader.load`."""
    entries = entries_of(bag, launcher=launcher, rules=rules)
    yield '{"SubmitJob": ['
    for number, entry in enumerate(entries, 1):
        yield f"  {json.dumps(entry)}{',' if number < len(entries) else ''}"
    yield "]}"


def entries_of(bag: Bag, *, launcher: bool = False, rules: Rules = NONE) -> list[dict[str, Any]]:
    """The jobs and arrays as they stand in a job submit file."""
    return [_entry(job, launcher, rules) for job in bag.jobs if job.child is None or job.child.index == 0]


def _entry(job: Job, launcher: bool, rules: Rules) -> dict[str, Any]:
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
    memory, queue = (job.on_out_of_memory, rules.on_out_of_memory), (job.on_spot_loss, rules.on_spot_loss)
    for field, (own, usual) in {MEMORY_FIELD: memory, QUEUE_FIELD: queue}.items():
        if job.child is None and own != usual:
            entry[field] = False if own is None else own.entry()
    return {**entry, **request}
