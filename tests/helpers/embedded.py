"""The embedded AWS in this process, for one test after the other."""

from __future__ import annotations

import atexit
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import pytest

from helpers.remembered import remember_moto
from jobbag.local import Buckets, LocalAws, server
from jobbag.local.workplace import Workplace

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@functools.cache
def _workplace() -> Workplace:
    """Where the jobs of all of them run; each would start a watchdog of its own."""
    place = Workplace().__enter__()
    atexit.register(place.__exit__, None, None, None)
    return place


@contextmanager
def embedded(
    slots: int, wrap: Callable[[WSGIApplication], WSGIApplication] | None = None, buckets: Buckets | None = None
) -> Iterator[LocalAws]:
    """An embedded AWS with this layer before all requests, and these buckets."""
    remember_moto()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "Workplace", lambda: nullcontext(_workplace()))
        aws = LocalAws(slots=slots, wrap=wrap, buckets=buckets).__enter__()
    try:
        yield aws
    finally:
        aws.__exit__(None, None, None)
