"""What botocore and moto work out anew for each session, client and server, though it is always the same.

That takes longer than most tests take. Each function here has it worked out once in this process.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import botocore.hooks
import botocore.loaders
import botocore.session

Function = Callable[..., Any]


@functools.cache
def remember_botocore() -> None:
    """What a session and a client are made of."""
    _patch(botocore.session, "create_loader", functools.cache)  # it reads the descriptions of the services
    _patch(botocore.hooks.EventAliaser, "_alias_event_name", _known_names)
    _patch(botocore.hooks, "accepts_kwargs", _seen_from_the_code)


@functools.cache
def remember_moto() -> None:
    """The routes of a server, and which of moto's packages answers; none of it is state."""
    from moto import backends
    from moto.moto_server import threaded_moto_server

    from jobbag.local import web

    _patch(backends, "list_of_moto_modules", lambda names: functools.cache(lambda: frozenset(names())))
    for module in (web, threaded_moto_server):
        _patch(module, "create_backend_app", functools.cache)


def _patch(owner: Any, name: str, change: Callable[[Function], Function]) -> None:
    setattr(owner, name, change(getattr(owner, name)))


def _known_names(alias: Function) -> Function:
    names: dict[str, str] = {}

    def known(self: Any, name: str) -> str:
        if name not in names:
            names[name] = alias(self, name)
        return names[name]

    return known


def _seen_from_the_code(accepts_kwargs: Function) -> Function:
    def seen(function: Any) -> Any:
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        return accepts_kwargs(function) if code is None else code.co_flags & inspect.CO_VARKEYWORDS

    return seen
