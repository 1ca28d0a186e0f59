"""Checks requests against botocore's model of the AWS Batch API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from jobbag.bag import instead
from jobbag.hints import SHOWN, did_you_mean, some_of

_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "long": (int,), "boolean": (bool,), "float": (int, float),
    "double": (int, float),
}  # fmt: skip
_WORDS = {
    "string": "a string", "integer": "a whole number", "long": "a whole number", "boolean": "true or false",
    "float": "a number", "double": "a number", "structure": "an object", "map": "an object", "list": "a list",
}  # fmt: skip


@cache
def _model() -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("batch", "service-2"), "batch")


def input_shape(operation: str) -> Any:
    """The shape of the request of `operation`, as botocore has it."""
    return _model().operation_model(operation).input_shape


def problems(
    operation: str,
    request: Mapping[str, Any],
    *,
    given: tuple[str, ...] = (),
    beside: Mapping[str, Any] | None = None,
) -> list[tuple[str, str]]:
    """What the model of `operation` finds wrong in a request: (field, what) pairs.

    The field is a path such as `retryStrategy.attempts`. Fields named in `given` are filled in later, so they may be
    missing. The values of an enumeration may have any letter case, as the service takes that in places. `beside`:
    fields that are this command's own, and may be meant by others.
    """
    own = {name: value for name, value in (beside or {}).items() if value is not None}
    found = _structure(operation, input_shape(operation), request, "", beside or (), {**own, **request})
    return [(path, what) for path, what in found if not (path in given and what == _MISSING)]


@cache
def _elsewhere(operation: str) -> dict[str, str]:
    """Where the fields of a request stand, and for a job those of its definition; by their name in small letters."""
    whole = "the job itself" if operation == "SubmitJob" else "the file itself"
    found = _places(operation, whole, "{}")
    if operation == "SubmitJob":
        found = {**_places("RegisterJobDefinition", "the job definition", "the job definition, {}"), **found}
    return found


def _places(operation: str, whole: str, inside: str) -> dict[str, str]:
    members = input_shape(operation).members.items()
    structures = {name: member.members for name, member in members if member.type_name == "structure"}
    nested = {one.lower(): inside.format(name) for name, inner in structures.items() for one in inner}
    return {**nested, **{name.lower(): whole for name, _ in members}}


_MISSING = "is missing"


def _check(operation: str, shape: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    kind = shape.type_name
    if kind in _SCALARS:
        right = isinstance(value, _SCALARS[kind]) and (kind == "boolean" or not isinstance(value, bool))
        if not right:
            yield path, _of_other_type(shape, value)
            return
        words = getattr(shape, "enum", ())
        if words and value.upper() not in map(str.upper, words):
            known = ", ".join(words) if len(words) <= SHOWN else some_of(words, value)
            yield path, f"{value!r} is none of {known}{did_you_mean(value, words)}"
    elif kind == "list":
        if not isinstance(value, list):
            yield path, _of_other_type(shape, value)
            return
        for index, item in enumerate(value):
            yield from _check(operation, shape.member, item, f"{path}[{index}]")
    elif not isinstance(value, Mapping):
        yield path, _of_other_type(shape, value)
    elif kind == "map":
        for key, item in value.items():
            yield from _check(operation, shape.value, item, f"{path}.{key}")
    else:
        yield from _structure(operation, shape, value, path, (), value)


def _structure(
    operation: str,
    shape: Any,
    value: Mapping[str, Any],
    path: str,
    beside: Iterable[str],
    siblings: Mapping[str, Any],
) -> Iterator[tuple[str, str]]:
    inside = f"{path}." if path else ""
    for name in shape.required_members:
        if name not in value:
            yield inside + name, _MISSING
    for name, item in value.items():
        member = shape.members.get(name)
        if member is not None:
            yield from _check(operation, member, item, inside + name)
            continue
        known = (*shape.members, *beside)
        yield (
            inside + name,
            f"is no field of AWS Batch{instead.for_unknown(name, siblings, known, _elsewhere(operation))}",
        )


def _of_other_type(shape: Any, value: Any) -> str:
    return f"must be {_WORDS[shape.type_name]}, not {_described(value)}{instead.for_type(shape, value)}"


def _described(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return repr(value) if len(repr(value)) < 60 else f"a {type(value).__name__}"
