"""What botocore and moto work out anew for each session, client and server, though it is always the same.

That takes longer than most tests take.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import botocore.hooks
import botocore.loaders
import botocore.session

from jobbag.local import web


def remember() -> None:
    """Have it worked out once in this process."""
    _patch(botocore.session, "create_loader", functools.cache)  # it reads the descriptions of the services
    _patch(botocore.hooks.EventAliaser, "_alias_event_name", _known_names)
    _patch(botocore.hooks, "accepts_kwargs", _seen_from_the_code)
    _patch(web, "create_backend_app", functools.cache)  # moto's routes, and no state


def _patch(owner: Any, name: str, change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    setattr(owner, name, change(getattr(owner, name)))


def _known_names(alias: Callable[..., Any]) -> Callable[..., Any]:
    names: dict[str, str] = {}

    def known(self: Any, name: str) -> str:
        if name not in names:
            names[name] = alias(self, name)
        return names[name]

    return known


def _seen_from_the_code(accepts_kwargs: Callable[..., Any]) -> Callable[..., Any]:
    def seen(function: Any) -> Any:
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        return accepts_kwargs(function) if code is None else code.co_flags & inspect.CO_VARKEYWORDS

    return seen
