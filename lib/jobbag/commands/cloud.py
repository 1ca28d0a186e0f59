"""The embedded AWS as the rest of the tool sees it: where it is, and who plays the entities of the real one."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from jobbag.aws.client import Cloud
from jobbag.aws.connection import Access
from jobbag.bag.job import Bag, Job
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, JOB_ENTITIES, KINDS, QUEUE, Existing, Kind, Plan, Spec
from jobbag.errors import PROG, InputError
from jobbag.options import version
from jobbag.options.settings import Settings

if TYPE_CHECKING:
    from jobbag.local import LocalAws

log = logging.getLogger(__name__)

REGION = "us-east-1"  # as good as any other


class Embedded:
    """A running embedded AWS."""

    def __init__(self, local: LocalAws) -> None:
        self._local = local
        self._players: dict[tuple[str, Kind, str], str] = {}

    def access(self, region: str | None) -> Access:
        """How to reach it; no request goes anywhere else."""
        from jobbag.local import CREDENTIALS

        return Access(self._local.endpoint, region or REGION, CREDENTIALS, embedded=True)

    def close(self) -> None:
        """End it at once, and its jobs."""
        self._local.__exit__(None, None, None)

    def play(self, region: str, bag: Bag, plan: Plan) -> tuple[Bag, Plan]:
        """Stand-ins for the existing entities that the command line and the jobs name, and where none is given."""
        played = replace(
            plan,
            definition=self._stand_in(region, DEFINITION, plan.definition or Existing(DEFINITION, "local")),
            queue=self._stand_in(region, QUEUE, plan.queue or Existing(QUEUE, "local")),
            environment=self._stand_in(region, ENVIRONMENT, plan.environment),
        )
        return replace(bag, jobs=tuple(self._for_job(region, job) for job in bag.jobs)), played

    def _stand_in(self, region: str, kind: Kind, spec: Spec | None) -> Spec | None:
        return Existing(kind, self._player(region, kind, spec.ref)) if isinstance(spec, Existing) else spec

    def _for_job(self, region: str, job: Job) -> Job:
        own = {
            field: self._player(region, kind, job.request[field])
            for field, kind in JOB_ENTITIES.items()
            if field in job.request
        }
        return replace(job, request={**job.request, **own}) if own else job

    def _player(self, region: str, kind: Kind, ref: str) -> str:
        """The name of the embedded entity that plays the one that `ref` means on the real AWS."""
        if (region, kind, ref) not in self._players:
            names = dict.fromkeys(one.identifier for one in KINDS.values())
            names[kind.identifier] = ref
            stand_in = self._local.stand_in(region, **names)
            self._players[region, kind, ref] = getattr(stand_in, kind.identifier)
            log.debug("--local: %s plays the %s %s", self._players[region, kind, ref], kind.words, ref)
        return self._players[region, kind, ref]


@contextmanager
def embedded_aws() -> Iterator[Embedded]:
    """An embedded AWS while the context lasts.

    Nothing of the user's own AWS environment is heeded meanwhile: neither profile nor endpoint nor credentials.
    """
    try:
        from jobbag.local import LocalAws
    except ImportError as error:
        if version.archive() is None:
            what = f"needs {error.name}: python3 -m pip install '{PROG}[local]'"
        else:
            what = f"needs {error.name}, which is not in the single file: install a checkout (pip install '.[local]')"
        raise InputError.of("--local", what) from None
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    with LocalAws(private=True) as local:
        yield Embedded(local)


@contextmanager
def connected(settings: Settings) -> Iterator[tuple[Cloud, Embedded | None]]:
    """AWS as the settings say, while the context lasts; and the embedded one, if it is that. Raises InputError."""
    if not settings.local:
        yield Cloud(Access(settings.endpoint, settings.region)), None
        return
    if settings.endpoint:
        log.warning("--local: the endpoint %s is not used", settings.endpoint)
    with embedded_aws() as embedded:
        yield Cloud(embedded.access(settings.region)), embedded


def check_account(settings: Settings, cloud: Cloud) -> None:
    """Raises InputError if the account that the user gave is not that of the credentials."""
    if settings.account is None or settings.local:
        return
    account = cloud.account()
    if account != settings.account:
        raise InputError.of("--account", f"{settings.account} is given, but the credentials are of {account}")
