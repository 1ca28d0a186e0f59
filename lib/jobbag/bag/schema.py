"""The job submit file as a JSON Schema, from which editors complete and check; made from the model of the API."""

from __future__ import annotations

from typing import Any

from jobbag.bag import api_model
from jobbag.bag.api_rules import MAX_CHILDREN, MAX_PRIORITY, MIN_TIMEOUT
from jobbag.bag.rules import LEAST_MEMORY, MEMORY_FIELD, MOST_FACTOR, MOST_MEMORY, MOST_TIMES, QUEUE_FIELD

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCALARS = {"string": "string", "integer": "integer", "long": "integer", "boolean": "boolean"}
_BOUNDS: dict[str, dict[str, int]] = {
    "arrayProperties.size": {"minimum": 2, "maximum": MAX_CHILDREN},
    "retryStrategy.attempts": {"minimum": 1, "maximum": 10},
    "schedulingPriorityOverride": {"minimum": 0, "maximum": MAX_PRIORITY},
    "timeout.attemptDurationSeconds": {"minimum": MIN_TIMEOUT},
}  # by the path of a field; api_rules has them

_TEXT = {"type": "string", "minLength": 1}
_AS_TEXT = {"type": ["string", "number", "boolean"]}  # of which the job gets the text


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, **needed, "additionalProperties": False}


_VARIABLES = {"type": "array", "items": _object(("name", "value"), name=_TEXT, value=_AS_TEXT)}
_DEPENDENCY = _object(("jobId",), jobId=_TEXT, type={"enum": ["N_TO_N", "SEQUENTIAL"]})
_ITEM = _object(("from",), **{"from": _TEXT, "to": _TEXT})

_TIMES = {"type": "integer", "minimum": 1, "maximum": MOST_TIMES}
_MORE_MEMORY = _object(
    factor={"type": "number", "exclusiveMinimum": 1, "maximum": MOST_FACTOR},
    times=_TIMES,
    limit={"type": "integer", "minimum": LEAST_MEMORY, "maximum": MOST_MEMORY},
)
_OTHER_QUEUE = _object(("jobQueue",), jobQueue=_TEXT, after=_TIMES)

# The fields that are this command's own, or mean more here than in the API.
_OWN: dict[str, dict[str, Any]] = {
    "jobName": {
        "type": "string",
        "pattern": "^[^/.][^/]*$",
        "description": "The name of the job, which also names its output files.",
    },
    "executable": {**_TEXT, "description": "The first word of the command."},
    "arguments": {
        "anyOf": [_AS_TEXT, {"type": "array", "items": _AS_TEXT}],
        "description": "The other words: a string, which is split as a shell splits words, or a list.",
    },
    "environment": {**_VARIABLES, "description": "Variables of the job."},
    "inputs": {
        "type": "array",
        "items": {"anyOf": [_TEXT, _ITEM]},
        "description": "What is to be in the working directory: paths, s3:// URLs, results of jobs (job:NAME/PATH).",
    },
    "outputs": {"type": "array", "items": _TEXT, "description": "Files, directories/ and globs that are to come home."},
    "dependsOn": {
        "type": "array",
        "items": {"anyOf": [_TEXT, _DEPENDENCY]},
        "description": "The names of the jobs that must succeed first.",
    },
    "launcher": {"type": "boolean", "description": "Whether the launcher starts the job."},
    MEMORY_FIELD: {
        "anyOf": [{"const": False}, _MORE_MEMORY],
        "description": "With how much more memory (MiB) it is sent again that ended for want of memory, and how often.",
    },
    QUEUE_FIELD: {
        "anyOf": [{"const": False}, _OTHER_QUEUE],
        "description": "The job queue to which it is sent again when so many of its attempts have lost their machine.",
    },
}


def schema() -> dict[str, Any]:
    """The schema, of the draft 2020-12. What it does not tell: the names of jobs, what fits together, what is there."""
    fields = _of(api_model.input_shape("SubmitJob"), "")["properties"] | _OWN
    overrides = fields["containerOverrides"]["properties"]
    del overrides["command"]  # executable and arguments stand for it
    overrides["environment"] = _VARIABLES
    job = _object(("jobName",), **fields)
    defaults = _object(**{name: field for name, field in fields.items() if name != "jobName"})
    anything = {"$schema": {"type": "string"}, "SubmitJob": {"type": "array", "items": job}, "defaults": defaults}
    has_default = {"required": ["defaults"], "properties": {"defaults": {"required": ["executable"]}}}
    each_has_one = {"properties": {"SubmitJob": {"items": {"required": ["executable"]}}}}
    whole = _object(("SubmitJob",), **anything)
    return {"$schema": DIALECT, "title": "Job submit file", **whole, "if": {"not": has_default}, "then": each_has_one}


def _of(shape: Any, path: str) -> dict[str, Any]:
    """The schema of a shape of the API. `path`: of the field that has it."""
    kind = shape.type_name
    if kind == "structure":
        inside = f"{path}." if path else ""
        members = {name: _of(member, inside + name) for name, member in shape.members.items()}
        return _object(tuple(shape.required_members), **members)
    if kind == "map":
        return {"type": "object", "additionalProperties": _of(shape.value, "")}
    if kind == "list":
        return {"type": "array", "items": _of(shape.member, "")}
    words = {"enum": list(shape.enum)} if getattr(shape, "enum", ()) else {}
    return {"type": _SCALARS.get(kind, "number"), **words, **_BOUNDS.get(path, {})}
