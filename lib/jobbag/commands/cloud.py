"""The connection to AWS, the real or the embedded one; and what stands in the embedded one for entities of the real."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jobbag.aws.client import Cloud
from jobbag.aws.connection import Access
from jobbag.bag.job import Bag, Job
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, JOB_ENTITIES, KINDS, QUEUE, Existing, Kind, Plan, Spec
from jobbag.errors import PROG, InputError
from jobbag.options import version
from jobbag.options.settings import Settings
from jobbag.run.task import Task, TaskOnAws

if TYPE_CHECKING:
    from jobbag.local import LocalAws

log = logging.getLogger(__name__)

REGION = "us-east-1"  # as good as any other


class Embedded:
    """A running embedded AWS."""

    def __init__(self, local: LocalAws) -> None:
        self._local = local
        self._stand_ins: dict[tuple[str, Kind, str], str] = {}

    def access(self, region: str | None) -> Access:
        """How to reach it; no request goes anywhere else."""
        from jobbag.local import CREDENTIALS

        return Access(self._local.endpoint, region or REGION, CREDENTIALS, embedded=True)

    @property
    def keys(self) -> dict[str, str]:
        """What another process needs to reach it (`others_aws`)."""
        from jobbag.local import CREDENTIALS

        return {"endpoint": self._local.endpoint, **CREDENTIALS}

    def close(self) -> None:
        """End it at once, and its jobs."""
        self._local.__exit__(None, None, None)

    def with_stand_ins(self, region: str, bag: Bag, plan: Plan) -> tuple[Bag, Plan]:
        """The bag and the plan with stand-ins for all existing entities that they name, and for missing ones."""
        changed = replace(
            plan,
            definition=self._stand_in_spec(region, DEFINITION, plan.definition or Existing(DEFINITION, "local")),
            queue=self._stand_in_spec(region, QUEUE, plan.queue or Existing(QUEUE, "local")),
            environment=self._stand_in_spec(region, ENVIRONMENT, plan.environment),
        )
        return replace(bag, jobs=tuple(self._for_job(region, job) for job in bag.jobs)), changed

    def _stand_in_spec(self, region: str, kind: Kind, spec: Spec | None) -> Spec | None:
        return Existing(kind, self._stand_in(region, kind, spec.ref)) if isinstance(spec, Existing) else spec

    def _for_job(self, region: str, job: Job) -> Job:
        own = {
            field: self._stand_in(region, kind, job.request[field])
            for field, kind in JOB_ENTITIES.items()
            if field in job.request
        }
        return replace(job, request={**job.request, **own}) if own else job

    def _stand_in(self, region: str, kind: Kind, ref: str) -> str:
        """The name of the embedded entity that stands for the one with this name or ARN on the real AWS."""
        if (region, kind, ref) not in self._stand_ins:
            names = dict.fromkeys(one.identifier for one in KINDS.values())
            names[kind.identifier] = ref
            stand_in = self._local.stand_in(region, **names)
            self._stand_ins[region, kind, ref] = getattr(stand_in, kind.identifier)
            log.debug("--local: %s stands in for the %s %s", self._stand_ins[region, kind, ref], kind.words, ref)
        return self._stand_ins[region, kind, ref]


@contextmanager
def embedded_aws(directory: Path | None, *, looks: bool = False) -> Iterator[Embedded]:
    """An embedded AWS while the context lasts, with its buckets in the directory; in None if they end with it.

    One that only `looks` writes nothing there. It waits for the end of one that another thread has. Raises InputError
    where packages that the embedded AWS needs are missing, or the directory is of no use.
    """
    try:
        from jobbag.local import Buckets, InUse, LocalAws
    except ImportError as error:
        if version.archive() is None:
            what = f"needs {error.name}: python3 -m pip install '{PROG}[local]'"
        else:
            what = f"needs {error.name}, which is not in the single file: install a checkout (pip install '.[local]')"
        raise InputError.of("--local", what) from None
    with ExitStack() as stack:
        stack.enter_context(_alone())
        if directory is None:
            yield Embedded(stack.enter_context(LocalAws(private=True)))
            return
        try:
            buckets = stack.enter_context(Buckets(directory, write=not looks))
        except InUse:
            what = f"another run has its buckets in {directory}: wait for its end, or give another --local=directory"
            raise InputError.of("--local", what) from None
        except OSError as error:
            raise InputError.of("--local", f"cannot use the directory {directory}: {error.strerror or error}") from None
        yield Embedded(stack.enter_context(LocalAws(private=True, buckets=buckets)))
        if not looks and not buckets.is_empty:
            log.info("--local: the buckets are in %s", directory)


_free = threading.Lock()  # held by the run of this process that has the embedded AWS, of which there can be one
_has_it = ContextVar("_has_it", default=False)  # whether that is this run, or the one that this one is within


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other threads from an embedded AWS of their own meanwhile. Raises InputError within a run that has one."""
    if _has_it.get():
        raise InputError.of("--local", "this is begun within a run with it, and there can be one at a time")
    with _free:
        token = _has_it.set(True)
        try:
            yield
        finally:
            _has_it.reset(token)


def others_aws(keys: Mapping[str, str], region: str | None) -> Cloud:
    """The embedded AWS of another process. Raises InputError."""
    credentials = {name: value for name, value in keys.items() if name != "endpoint"}
    return Cloud(Access(keys["endpoint"], region or REGION, credentials, embedded=True))


@contextmanager
def connected(settings: Settings, *, may_ask: bool = True) -> Iterator[tuple[Cloud, Embedded | None]]:
    """The clients for the AWS that the settings ask for, during this context; and the embedded AWS, or None.

    `may_ask`: the user, for a code of MFA. Raises InputError for wrong credentials or configuration.
    """
    if not settings.local:
        yield Cloud(Access(settings.endpoint, settings.region, may_ask=may_ask)), None
        return
    if settings.endpoint:
        log.warning("--local: the endpoint %s is not used", settings.endpoint)
    with embedded_aws(settings.local_buckets, looks=settings.dry_run) as embedded:
        yield Cloud(embedded.access(settings.region)), embedded


@contextmanager
def connected_task(
    settings: Settings, task: Task, *, may_ask: bool = True
) -> Iterator[tuple[TaskOnAws, Embedded | None]]:
    """The same with a task, whose entities the embedded AWS has stand-ins for, if it is that."""
    with connected(settings, may_ask=may_ask) as (cloud, embedded):
        bag, plan = embedded.with_stand_ins(cloud.region, task.bag, task.plan) if embedded else (task.bag, task.plan)
        yield TaskOnAws(bag, plan, task.place, cloud), embedded
