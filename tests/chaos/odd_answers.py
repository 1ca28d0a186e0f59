"""Answers as AWS does not give them: those of a proxy, cut ones, and such as have other types than they should."""

from __future__ import annotations

from typing import Any

from functional.fault_layer import Answer

PAGE = "<!DOCTYPE html><html><head><title>Log in</title></head><body><h1>Log in to go on</h1></body></html>"


def page(_: Answer) -> Answer:
    """A page of a portal, which claims that all is well."""
    return _html("200 OK")


def gateway(_: Answer) -> Answer:
    """A page of a proxy that could not reach AWS."""
    return _html("502 Bad Gateway")


def cut(answer: Answer) -> Answer:
    """Only the first half."""
    return Answer(answer.status, answer.headers, answer.body[: len(answer.body) // 2])


def nulls(answer: Answer) -> Answer:
    """All values are null; of an answer that is no JSON, nothing is left."""
    return _changed(answer, lambda _: None)


def types(answer: Answer) -> Answer:
    """Numbers for texts, texts for numbers, lists for truth values; of an answer that is no JSON, a number is left."""
    return _changed(answer, _other_type)


KINDS = {each.__name__: each for each in (page, gateway, cut, nulls, types)}


def _html(status: str) -> Answer:
    return Answer(status, [("Content-Type", "text/html")], PAGE.encode())


def _changed(answer: Answer, change: Any) -> Answer:
    if not any(name.lower() == "content-type" and "json" in value for name, value in answer.headers):
        return Answer(answer.status, answer.headers, b"" if change(1) is None else b"7")
    return Answer.of(_with(answer.content, change))


def _with(content: Any, change: Any) -> Any:
    if isinstance(content, dict):
        return {name: _with(value, change) for name, value in content.items()}
    if isinstance(content, list):
        return [_with(value, change) for value in content]
    return change(content)


def _other_type(value: object) -> object:
    if isinstance(value, bool) or value is None:
        return [value]
    return 7 if isinstance(value, str) else str(value)
