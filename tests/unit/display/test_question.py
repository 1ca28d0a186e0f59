"""Who is asked about Ctrl-C at all."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from jobbag.display import question
from jobbag.display.question import Question, asking
from jobbag.display.views import Plain
from jobbag.events.state import RunState
from jobbag.signals import Signals

from ..builders import bag, job, settings


@pytest.mark.parametrize(
    ("wanted", "is_there", "asks"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"on_interrupt": "terminate"}, True, False),
        ({"on_interrupt": "detach"}, True, False),
    ],
)
def test_who_is_there_and_has_not_said_before_what_is_wanted(
    wanted: dict[str, Any], is_there: bool, asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(question, "_in_foreground", lambda: is_there)
    found = asking(settings(**wanted), Signals(), Plain(), RunState(bag(job()), 0))
    assert isinstance(found, Question if asks else nullcontext)
