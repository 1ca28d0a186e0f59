"""Events ↔ the objects that the lines of the journal hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from jobbag.bag.job import Job
from jobbag.errors import ToolError
from jobbag.events import costs, escalation, events, results
from jobbag.events.events import Event, Share
from jobbag.events.observation import Attempt, LogPlace, Observation, Peak

Value = TypeVar("Value")
Convert = Callable[[Any], Any] | None  # of JSON to what an event holds; None: it is that already

KINDS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        events.Making,
        events.Made,
        events.Removing,
        events.Removed,
        events.StagingBegun,
        events.PartsAsked,
        events.PartsBegun,
        events.Staged,
        events.Attached,
        costs.Priced,
        events.Submitting,
        events.Unsent,
        events.Submitted,
        events.NotSubmitted,
        events.NotRun,
        events.StateChanged,
        events.JobsWaiting,
        events.Lost,
        events.LogsWritten,
        events.Merged,
        results.ResultsFound,
        results.ResultFetched,
        results.ResultStays,
        events.Terminated,
        events.NotTerminated,
        escalation.Escalated,
        escalation.NotEscalated,
        escalation.StartsFrom,
        events.Halted,
        events.TakenDown,
        events.Finished,
    )
}


def encode(event: Event) -> dict[str, Any]:
    """An event as an object for JSON, without what is None or empty."""
    content: dict[str, Any] = {"event": type(event).__name__}
    for name, value in _members(event):
        if isinstance(value, Job):
            value = value.number
        elif isinstance(value, (Path, ToolError)):
            value = str(value)
        content[name] = value
    return {name: _short(value) for name, value in content.items() if value is not None and value != ()}


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    kind: Any = type(value)
    return ((name, getattr(value, name)) for name in _names(kind))


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _short(value: Any) -> Any:
    """The value without members that are None or empty: these are the defaults."""
    if isinstance(value, (Observation, LogPlace, Attempt)):  # dataclasses.asdict copies all that is in them
        value = dict(_members(value))
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items() if one is not None and one != ()}
    return tuple(map(_short, value)) if isinstance(value, tuple) else value


class _Known(dict[Any, Any]):
    """Each value → the first one that was equal."""

    def __missing__(self, value: Value) -> Value:
        self[value] = value
        return value


class Decoder:
    """What `encode` gave → events. What is equal in them is there once: a journal tells the same of a job often."""

    def __init__(self, jobs: Mapping[int, Job]) -> None:
        known = _Known().__getitem__
        convert: dict[str, Convert] = {
            **dict.fromkeys(_AS_THEY_ARE),
            **dict.fromkeys(("str", "str | None"), known),
            **dict.fromkeys(("tuple[str, ...]", "tuple[str | None, ...]", "tuple[int, int] | None"), tuple),
            "Job": jobs.__getitem__,
            "Path": Path,
            "Share | None": lambda numbers: Share(*numbers),
            "Peak | None": lambda parts: Peak(*parts),
            "ToolError": ToolError,
        }
        place, attempt = _reader(LogPlace, convert), _reader(Attempt, convert)
        convert["LogPlace"] = lambda value: known(place(value))
        convert["tuple[LogPlace, ...]"] = lambda values: tuple(known(place(value)) for value in values)
        convert["tuple[Attempt, ...]"] = lambda values: tuple(known(attempt(value)) for value in values)
        convert["Observation"] = _reader(Observation, convert)
        self._readers = {name: _reader(kind, convert) for name, kind in KINDS.items()}

    def event(self, content: Mapping[str, Any]) -> Event:
        """The event that `encode` was given. Raises KeyError, TypeError or ValueError for anything else."""
        event: Event = self._readers[content["event"]](content)
        return event


_AS_THEY_ARE = ("bool", "bool | None", "int", "int | None", "float | None")


def _reader(kind: type[Any], convert: Mapping[str, Convert]) -> Callable[[Mapping[str, Any]], Any]:
    """A function that makes a value of the dataclass `kind` of a JSON object. `convert` goes by the fields' types."""
    fields = {field.name: convert[str(field.type)] for field in dataclasses.fields(kind)}

    plain = tuple(name for name, to_value in fields.items() if to_value is None)
    others = tuple((name, to_value) for name, to_value in fields.items() if to_value is not None)

    def read(content: Mapping[str, Any]) -> Any:
        values = {name: content[name] for name in plain if name in content}
        for name, to_value in others:
            if name in content:
                values[name] = to_value(content[name])
        return kind(**values)

    return read
