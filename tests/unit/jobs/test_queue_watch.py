"""What waits to be learnt of the queues. How it is asked about is in the functional tests."""

from __future__ import annotations

import threading
import tracemalloc
from types import SimpleNamespace
from typing import Any, cast

from jobbag.aws.client import Cloud
from jobbag.jobs.queue_watch import QueueWatch


def detail(number: int) -> dict[str, Any]:
    environment = [{"name": "X", "value": f"{number:05d}" * 1000}]
    return {"jobQueue": "q", "status": "SUCCEEDED", "container": {"environment": environment}}


def test_what_is_new_of_thousands_of_children_takes_little_memory() -> None:
    """They come within seconds."""

    def cancelled_by(_: threading.Event) -> None:
        return None

    watch = QueueWatch(cast(Cloud, SimpleNamespace(cancelled_by=cancelled_by)), lambda _: None)
    tracemalloc.start()
    try:
        for number in range(1000):
            watch.saw(f"array:{number}", detail(number))
        assert tracemalloc.get_traced_memory()[0] < 1000 * 500
    finally:
        tracemalloc.stop()
