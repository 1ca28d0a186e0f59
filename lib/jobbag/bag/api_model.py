"""Checks requests against botocore's model of the AWS Batch API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

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


def problems(operation: str, request: Mapping[str, Any], *, given: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """What the model of `operation` finds wrong in a request: (field, what) pairs.

    The field is a path such as `retryStrategy.attempts`. Fields named in `given` are filled in later, so they may be
    missing. The values of an enumeration may have any letter case, as the service takes that in places.
    """
    found = _check(input_shape(operation), request, "")
    return [(path, what) for path, what in found if not (path in given and what == _MISSING)]


_MISSING = "is missing"


def _check(shape: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    kind = shape.type_name
    if kind in _SCALARS:
        right = isinstance(value, _SCALARS[kind]) and (kind == "boolean" or not isinstance(value, bool))
        if not right:
            yield path, f"must be {_WORDS[kind]}, not {_described(value)}"
            return
        words = getattr(shape, "enum", ())
        if words and value.upper() not in map(str.upper, words):
            yield path, f"{value!r} is none of {', '.join(words)}"
    elif kind == "list":
        if not isinstance(value, list):
            yield path, f"must be a list, not {_described(value)}"
            return
        for index, item in enumerate(value):
            yield from _check(shape.member, item, f"{path}[{index}]")
    elif not isinstance(value, Mapping):
        yield path, f"must be an object, not {_described(value)}"
    elif kind == "map":
        for key, item in value.items():
            yield from _check(shape.value, item, f"{path}.{key}")
    else:
        yield from _check_structure(shape, value, path)


def _check_structure(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    inside = f"{path}." if path else ""
    for name in shape.required_members:
        if name not in value:
            yield inside + name, _MISSING
    for name, item in value.items():
        member = shape.members.get(name)
        if member is not None:
            yield from _check(member, item, inside + name)
            continue
        similar = get_close_matches(name, shape.members, 1)
        hint = f"; did you mean {similar[0]}?" if similar else ""
        yield inside + name, f"is no field of AWS Batch{hint}"


def _described(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return repr(value) if len(repr(value)) < 60 else f"a {type(value).__name__}"
