"""Events ↔ the objects that the lines of the journal hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from jobbag.bag.job import Job
from jobbag.errors import ToolError
from jobbag.events import events, results
from jobbag.events.events import Event, Share
from jobbag.events.observation import Attempt, LogPlace, Observation

Value = TypeVar("Value")

KINDS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        events.Making,
        events.Made,
        events.Removing,
        events.Removed,
        events.PartsAsked,
        events.PartsBegun,
        events.Staged,
        events.Attached,
        events.Submitting,
        events.Unsent,
        events.Submitted,
        events.NotSubmitted,
        events.NotRun,
        events.StateChanged,
        events.Lost,
        events.LogsWritten,
        events.Merged,
        results.ResultFetched,
        results.ResultStays,
        events.Terminated,
        events.NotTerminated,
        events.Halted,
        events.TakenDown,
        events.Finished,
    )
}


def encode(event: Event) -> dict[str, Any]:
    """An event as an object for JSON, without what is None or empty."""
    content: dict[str, Any] = {"event": type(event).__name__}
    for field in dataclasses.fields(event):
        value = getattr(event, field.name)
        if isinstance(value, Job):
            value = value.number
        elif isinstance(value, Observation):
            value = dataclasses.asdict(value)
        elif isinstance(value, (Path, ToolError)):
            value = str(value)
        content[field.name] = value
    return {name: _short(value) for name, value in content.items() if value is not None and value != ()}


def _short(value: Any) -> Any:
    """The value without members that are None or empty: these are the defaults."""
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items() if one is not None and one != ()}
    return tuple(map(_short, value)) if isinstance(value, tuple) else value


class Decoder:
    """What `encode` gave → events. What is equal in them is there once: a journal tells the same of a job often."""

    def __init__(self, jobs: Mapping[int, Job]) -> None:
        self._jobs = jobs
        self._known: dict[Any, Any] = {}

    def event(self, content: Mapping[str, Any]) -> Event:
        """The event that `encode` was given. Raises KeyError, TypeError or ValueError for anything else."""
        kind = KINDS[content["event"]]
        return kind(**{name: self._value(name, content[name]) for name in _FIELDS[kind] if name in content})

    def _value(self, name: str, value: Any) -> Any:
        if name == "job":
            return self._jobs[value]
        if name == "observation":
            return self._observation(value)
        if (convert := _CONVERT.get(name)) is not None:
            return convert(value)
        return self._one(value) if isinstance(value, str) else value

    def _observation(self, value: Mapping[str, Any]) -> Observation:
        attempts = (Attempt(**{**one, "more": tuple(one.get("more", ()))}) for one in value.get("attempts", ()))
        log, *more = (self._one(LogPlace(**one)) for one in (value["log"], *value.get("more_logs", ())))
        texts = {key: self._one(text) for key, text in value.items() if isinstance(text, str)}
        parts = {"log": log, "more_logs": tuple(more), "attempts": tuple(map(self._one, attempts))}
        return Observation(**{**value, **texts, **parts})

    def _one(self, value: Value) -> Value:
        """The first value that was equal."""
        known: Value = self._known.setdefault(value, value)
        return known


_FIELDS = {kind: tuple(field.name for field in dataclasses.fields(kind)) for kind in KINDS.values()}
_CONVERT: dict[str, Callable[[Any], Any]] = {
    "out": Path,
    "path": Path,
    "err": Path,
    "tail": tuple,
    "sizes": tuple,
    "starts": tuple,
    "sums": tuple,
    "share": lambda numbers: Share(*numbers),
    "error": ToolError,
}
