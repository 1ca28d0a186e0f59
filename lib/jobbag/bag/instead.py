"""What to write in the place of a field that is none, or of a value of another type: the end of a message."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Mapping
from typing import Any

from jobbag.hints import bare_of, did_you_mean, same_but_for_spelling

_INTERPRETERS = re.compile(
    r"(python|pypy)[\d.]*|(ba|da|k|z|c)?sh|perl|R|Rscript|java|julia|node|ruby|env|mpirun|mpiexec"
)
_SCRIPTS = (".sh", ".bash", ".py", ".pl", ".R", ".r", ".jl", ".rb", ".exe")
MOST = 200  # characters of what is to be written
OVERRIDES, REQUIREMENTS = "containerOverrides", "resourceRequirements"

_ENTITIES = {
    "jobDefinition": "job-definition",
    "jobQueue": "job-queue",
    "computeEnvironment": "compute-environment",
}  # the field with their name, and their option
_AMOUNTS = {
    **dict.fromkeys(("vcpu", "vcpus", "cpu", "cpus", "cores", "ncpus"), "VCPU"),
    **dict.fromkeys(("memory", "mem", "ram", "memorymb", "memorymib"), "MEMORY"),
    **dict.fromkeys(("gpu", "gpus"), "GPU"),
}
_EXAMPLES = {"VCPU": "2", "MEMORY": "4096", "GPU": "1"}
_MIB = {"": 1, "m": 1, "mb": 1, "mib": 1, "g": 1024, "gb": 1024, "gib": 1024}
_COMMANDS = ("command", "commands", "cmd", "program", "exe", "exec", "run", "script", "shell")
_ATTEMPTS = {"retries": 1, "retry": 1, "maxretries": 1, "attempts": 0, "maxattempts": 0}  # and how many more they are
_SECONDS = ("timeoutseconds", "walltime", "timelimit", "maxruntime", "attemptdurationseconds")
_ALIASES = {
    **dict.fromkeys(("name", "id", "job", "title", "jobid"), "jobName"),
    **dict.fromkeys(("args", "arg", "argv", "params"), "arguments"),
    **dict.fromkeys(("env", "envs", "vars", "variables", "environmentvariables"), "environment"),
    **dict.fromkeys(("files", "inputfiles", "transferinputfiles"), "inputs"),
    **dict.fromkeys(("results", "outputfiles", "transferoutputfiles"), "outputs"),
    **dict.fromkeys(("depends", "dependencies", "after", "needs", "requires", "parents"), "dependsOn"),
    **dict.fromkeys(("queue",), "jobQueue"),
    **dict.fromkeys(("definition",), "jobDefinition"),
    **dict.fromkeys(("priority", "schedulingpriority"), "schedulingPriorityOverride"),
}


def for_unknown(name: str, siblings: Mapping[str, Any], known: Collection[str], elsewhere: Mapping[str, str]) -> str:
    """For a field that is none of the `known` ones, among its siblings. `elsewhere`: where fields of AWS stand."""
    if same := same_but_for_spelling(name, known):
        return f"; did you mean {same[0]}?"
    bare, value, is_job = bare_of(name), siblings[name], "executable" in known
    if bare in _AMOUNTS and (is_job or REQUIREMENTS in known):
        return _write(_amounts(siblings, nested=is_job))
    if is_job and bare in _COMMANDS and (words := _words(value)):
        given = {} if "executable" in siblings else {"executable": words[0]}
        rest = words if "executable" in siblings else words[1:]
        return _write({**given, **({"arguments": rest} if rest and "arguments" not in siblings else {})})
    if is_job and bare in _ATTEMPTS and type(value) is int:
        return _write({"retryStrategy": {"attempts": min(max(value + _ATTEMPTS[bare], 1), 10)}})
    if is_job and bare in _SECONDS and type(value) is int:
        return _write({"timeout": {"attemptDurationSeconds": max(value, 60)}})
    if is_job and bare in ("array", "arraysize", "size") and type(value) is int:
        return _write({"arrayProperties": {"size": value}})
    if is_job and _ALIASES.get(bare) == "environment" and (variables := pairs(value, "name")):
        return _write({"environment": variables})
    if is_job and bare in _ALIASES and _ALIASES[bare] not in siblings:
        return f"; did you mean {_ALIASES[bare]}?"
    if bare in elsewhere:
        return f"; it belongs into {elsewhere[bare]}"
    return did_you_mean(name, known)


def for_executable(executable: str, arguments: Any) -> str | None:
    """For an executable that is a whole command line; None if it is none, or may be a path with blanks in it."""
    words = _words(executable)
    if len(words) < 2 or executable.strip() != executable or "\n" in executable:
        return None
    first = words[0]
    name = first.rpartition("/")[2]
    if "/" in first and not _INTERPRETERS.fullmatch(name) and not name.endswith(_SCRIPTS):
        return None
    return _write({"executable": first, "arguments": [*words[1:], *_words(arguments)]})


def for_bag(content: Any) -> str:
    """For the content of a job submit file that has no SubmitJob."""
    if isinstance(content, list):
        return '; put the list into {"SubmitJob": ...}'
    for name, option in _ENTITIES.items():
        if isinstance(content, dict) and (f"{name}Name" in content):
            return f"; a {option.replace('-', ' ')} is given with --{option}"
    if isinstance(content, dict) and "jobName" in content:
        return '; put the job into {"SubmitJob": [...]}'
    lists = [name for name, value in content.items() if isinstance(value, list)] if isinstance(content, dict) else []
    return f'; write "SubmitJob" for {json.dumps(lists[0])}' if len(lists) == 1 else ""


def for_type(shape: Any, value: Any) -> str:
    """For a value of another type than a shape of the API, as far as it is plain what was meant."""
    kind = shape.type_name
    if kind == "string" and isinstance(value, (int, float)):
        return f'; write "{json.dumps(value)}"'
    if kind in ("integer", "long") and isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value.strip()):
        return f"; write {int(value)}, without quotes"
    if kind == "boolean" and isinstance(value, str) and value.lower() in ("true", "false"):
        return f"; write {value.lower()}, without quotes"
    if kind == "list":
        return _list_of(shape.member, value)
    if kind == "map" and (found := _map_of(value)):
        return f"; write {json.dumps(found)}"
    if kind == "structure" and type(value) is int:
        fitting = [name for name, member in shape.members.items() if member.type_name in ("integer", "long")]
        return f"; write {json.dumps({fitting[0]: value})}" if len(fitting) == 1 else ""
    return ""


def pairs(value: Any, key: str) -> list[dict[str, str]]:
    """A map, or a list of `name=value`, as the list of objects that AWS has; empty if it is neither."""
    if isinstance(value, list) and value and all(isinstance(one, str) and "=" in one for one in value):
        value = dict(one.split("=", 1) for one in value)
    if (
        not isinstance(value, dict)
        or key in value
        or not all(isinstance(one, (str, int, float)) for one in value.values())
    ):
        return []
    return [{key: name, "value": one if isinstance(one, str) else json.dumps(one)} for name, one in value.items()]


def for_list(value: Any) -> str:
    """For a text that stands where a list of texts should."""
    return f"; write {json.dumps([value])}" if isinstance(value, str) and 0 < len(value) < MOST else ""


def for_variables(value: Any) -> str:
    """For what stands where a list of variables should."""
    found = pairs(value, "name")
    return f"; write {_short(found)}" if found else ""


def _write(fields: Any) -> str:
    text = json.dumps(fields)
    return f"; write {text[1:-1]}" if len(text) <= MOST and len(fields) > 0 else ""


def _short(values: list[dict[str, str]]) -> str:
    whole = json.dumps(values)
    return whole if len(whole) <= MOST else f"[{json.dumps(values[0])}, ...]"


def _list_of(member: Any, value: Any) -> str:
    if member.type_name == "string":
        return for_list(value)
    names = set(getattr(member, "members", ()))
    key = next((one for one in ("name", "type", "key") if names == {one, "value"}), None)
    if key is None:
        return _objects(value) if member.type_name == "structure" else ""
    if key == "type" and isinstance(value, dict) and value and all(_amount_of(name) for name in value):
        return f"; write {json.dumps(_amounts(value, nested=False)[REQUIREMENTS])}"
    found = pairs(value, key)
    return f"; write {_short(found)}" if found else _objects(value)


def _objects(value: Any) -> str:
    return "; put it into [ ]" if isinstance(value, dict) and value else ""


def _map_of(value: Any) -> dict[str, str]:
    """A list of keys, or names, with their values as a map; empty if it is none."""
    found = {}
    for one in value if isinstance(value, list) else ():
        key = (
            next((one[key] for key in ("key", "Key", "name", "Name") if key in one), None)
            if isinstance(one, dict)
            else None
        )
        text = next((one[key] for key in ("value", "Value") if key in one), None) if isinstance(one, dict) else None
        if not isinstance(key, str) or not isinstance(text, str):
            return {}
        found[key] = text
    return found


def _amount_of(name: str) -> str | None:
    return _AMOUNTS.get(bare_of(name))


def _amounts(siblings: Mapping[str, Any], *, nested: bool) -> dict[str, Any]:
    """All amounts among the fields, as AWS has them."""
    found = {}
    for name, value in siblings.items():
        kind = _amount_of(name)
        if kind is not None:
            found[kind] = {"type": kind, "value": _amount(kind, value)}
    requirements = {REQUIREMENTS: list(found.values())}
    return {OVERRIDES: requirements} if nested else requirements


def _amount(kind: str, value: Any) -> str:
    """An amount as AWS has it; an example where it is not plain what was meant."""
    text = str(value).strip().lower() if isinstance(value, (int, float, str)) else ""
    if kind == "MEMORY" and (found := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text)) and found[2] in _MIB:
        return str(int(float(found[1]) * _MIB[found[2]]))
    return text if re.fullmatch(r"\d+(\.\d+)?", text) else _EXAMPLES[kind]


def _words(value: Any) -> list[str]:
    if isinstance(value, list) and all(isinstance(one, (str, int, float)) for one in value):
        return [str(one) for one in value]
    try:
        return shlex.split(value) if isinstance(value, str) else []
    except ValueError:
        return []
