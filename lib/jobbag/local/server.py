"""The embedded AWS as a whole: starts, plays AWS, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from .attempt import CREDENTIALS, Site
from .backends import MOTO, download, forget
from .batch import Batch
from .buckets import Buckets
from .jobs import STAND_IN
from .memory import OomKiller
from .pool import Pool
from .web import Server, application
from .workplace import Workplace

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ENVIRONMENT = "local"


class StandIns(NamedTuple):
    """The names of entities of the embedded AWS that stand in for others; None where none was asked for."""

    job_definition: str | None
    job_queue: str | None
    compute_environment: str | None


class LocalAws:
    """The embedded AWS: S3, CloudWatch Logs and STS on moto, and Batch, whose jobs are processes.

    A context manager. All lines of a job's log are in CloudWatch before the job shows as ended: nothing comes
    late. moto's state belongs to the process, so there can be one at a time.
    """

    endpoint: str

    def __init__(
        self,
        *,
        slots: int | None = None,
        private: bool = False,
        wrap: Callable[[WSGIApplication], WSGIApplication] | None = None,
        buckets: Buckets | None = None,
    ) -> None:
        """At most `slots` jobs run at once, by default one for each processor.

        A private one answers only who has the access key of CREDENTIALS: who can submit jobs can run anything as
        this user, and on a shared machine everybody reaches 127.0.0.1.
        What S3 holds is kept in `buckets`; without them, it is gone with this.
        `wrap` lays a layer of WSGI before all requests; it may raise ConnectionError to drop the connection.
        """
        self._slots = slots or _processors()
        self._key = CREDENTIALS["aws_access_key_id"] if private else None
        self._wrap = wrap or (lambda app: app)
        self._buckets = buckets
        self._regions: dict[str, Batch] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> LocalAws:
        with contextlib.ExitStack() as stack:
            forget()
            stack.callback(forget)
            if self._buckets is not None:
                with MOTO:
                    self._buckets.load()
            keep = self._buckets.keep if self._buckets is not None else _keep_nothing
            server = Server(self._wrap(application(self._batch, keep)), self._key)
            stack.callback(server.server_close)
            self.endpoint = f"http://127.0.0.1:{server.server_port}"
            place = stack.enter_context(Workplace())
            killer = stack.enter_context(OomKiller())
            self._pool = Pool(self._slots, Site(self.endpoint, place.directory, download, place.guarded, killer))
            stack.callback(self._pool.close)
            thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="local-aws", daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def stand_in(
        self,
        region: str,
        *,
        job_definition: str | None,
        job_queue: str | None,
        compute_environment: str | None,
    ) -> StandIns:
        """Make entities to be used instead of those that the names or ARNs mean on the real AWS."""
        definition, queue, environment = (_legal(each) for each in (job_definition, job_queue, compute_environment))
        batch = self._batch(region)
        if environment or queue:
            _make_environment(batch, environment or ENVIRONMENT)
        if queue and not batch.entities.queue(queue):
            order = [{"order": 1, "computeEnvironment": environment or ENVIRONMENT}]
            batch.entities.create_job_queue({"jobQueueName": queue, "priority": 1, "computeEnvironmentOrder": order})
        if definition and not batch.entities.definition(definition):
            needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}]
            container = {"image": STAND_IN, "resourceRequirements": needs}
            batch.entities.register_job_definition(
                {"jobDefinitionName": definition, "type": "container", "containerProperties": container}
            )
        return StandIns(definition, queue, environment)

    def _batch(self, region: str) -> Batch:
        with self._lock:
            if region not in self._regions:
                self._regions[region] = Batch(region, self._pool)
            return self._regions[region]


def _keep_nothing() -> None:
    """What S3 holds stays in memory."""


def _make_environment(batch: Batch, name: str) -> None:
    if not batch.entities.environment(name):
        request = {"computeEnvironmentName": name, "type": "UNMANAGED", "serviceRole": "local"}
        batch.entities.create_compute_environment(request)


def _legal(reference: str | None) -> str | None:
    """A legal name after the name or ARN of an entity, without a revision."""
    if not reference:
        return None
    name = reference.split(":", 5)[-1].partition("/")[2] if reference.startswith("arn:") else reference
    legal = re.sub(r"[^A-Za-z0-9_-]", "-", re.sub(r":\d+$", "", name)).lstrip("-_")
    return legal[:128] or "local"


def _processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
