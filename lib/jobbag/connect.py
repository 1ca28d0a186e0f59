"""The connection to AWS, the real or the embedded one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from jobbag.aws import Access, Cloud
from jobbag.config import Settings
from jobbag.embedded import Embedded, embedded_aws
from jobbag.errors import InputError

log = logging.getLogger(__name__)


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
