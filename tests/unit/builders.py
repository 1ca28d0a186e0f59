"""Jobs, settings and other things that many unit tests need, with what they do not care about filled in."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from hypothesis import strategies as st

from jobbag.bag.job import Bag, Child, Job
from jobbag.events.observation import LogPlace, Observation
from jobbag.options.settings import Mode, Settings

NOTHING = Settings(
    mode=Mode.RUN,
    submit_files=(Path("bag.in"),),
    prefix="bag",
    account=None,
    region=None,
    endpoint=None,
    job_definition=None,
    compute_environment=None,
    job_queue=None,
    s3=None,
    files=(),
    merge_logs=None,
    log_level="info",
    log_file=None,
    local=False,
    keep=False,
    delete_log_streams=False,
)

# Any text that UTF-8 can write, control characters and all.
# Without surrogates, as UTF-8 is; Hypothesis finds out what a codec can hold in six seconds, in each new clone.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@cache
def api_fields(operation: str) -> list[str]:
    """The fields of a request of AWS Batch, such as `SubmitJob`."""
    model: Any = ServiceModel(Loader().load_service_model("batch", "service-2"), "batch")
    return list(model.operation_model(operation).input_shape.members)


def settings(**values: Any) -> Settings:
    """Settings in which only these were given."""
    return replace(NOTHING, **values)


def job(number: int = 1, name: str = "one", **values: Any) -> Job:
    """A job that runs /bin/true."""
    plain: dict[str, Any] = {
        "executable": "/bin/true",
        "arguments": (),
        "environment": {},
        "inputs": (),
        "request": {},
        "submit_file": Path("bag.in"),
    }
    return Job(number, name, **{**plain, **values})


def array(number: int, name: str, size: int, **values: Any) -> list[Job]:
    """The children of an array of the user's own."""
    request = {"arrayProperties": {"size": size}, **values.pop("request", {})}
    return [
        job(number + index, f"{name}.{index}", request=request, child=Child(name, index, size), **values)
        for index in range(size)
    ]


def bag(*jobs: Job, common: tuple[str, ...] = ()) -> Bag:
    """A bag of these jobs."""
    return Bag(jobs, common)


def ended(status: str = "SUCCEEDED", exit_code: int | None = 0, **values: Any) -> Observation:
    """What is seen of a job that has ended."""
    plain: dict[str, Any] = {"log": LogPlace("stream"), "created": 1_000, "started": 2_000, "stopped": 3_500}
    return Observation(status, exit_code=exit_code, **{**plain, **values})


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.getMessage()}")


@contextmanager
def heard(name: str) -> Iterator[list[str]]:
    """What the logger of this name is told meanwhile, as `LEVEL message`."""
    logger, handler = logging.getLogger(name), _Heard()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler.lines
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
