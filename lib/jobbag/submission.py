"""SubmitJob for each job that is ready: side by side, at the rate that the service allows, each job once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

from jobbag.aws import Cloud
from jobbag.bag import Job
from jobbag.errors import Cancelled, ToolError
from jobbag.events import Emit, NotSubmitted, Submitted, Submitting, WorkerFailed

log = logging.getLogger(__name__)

REQUESTS_AT_ONCE = 12  # fills 50 a second up to a latency of 240 ms


class Submitter:
    """Submits jobs in threads of its own.

    A context manager: leaving it drops the jobs that were not sent yet, and waits for those under way, so that
    no job is left that nobody knows.
    """

    def __init__(self, cloud: Cloud, request_of: Callable[[Job], dict[str, Any]], emit: Emit) -> None:
        self._cancel = threading.Event()
        self._cloud = cloud.cancelled_by(self._cancel)
        self._request_of = request_of
        self._emit = emit
        self._pool = ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="submit")

    def __enter__(self) -> Submitter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Send no more jobs; the requests under way end, and what they gave is told."""
        self._cancel.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, job: Job) -> None:
        """Send the job soon; gives a Submitted or a NotSubmitted."""
        if not self._cancel.is_set():
            self._pool.submit(self._submit, job)

    def _submit(self, job: Job) -> None:
        try:
            self._emit(Submitting(job))
            answer = self._cloud.call_once("batch", "SubmitJob", **self._request_of(job))
        except Cancelled:
            return
        except ToolError as error:
            self._emit(NotSubmitted(job, error))
        except BaseException as error:
            self._emit(WorkerFailed("submission", error))
        else:
            self._emit(Submitted(job, answer["jobId"]))
