"""Which pace each API of AWS is called at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from botocore.exceptions import ClientError

from jobbag.aws.connection import Connection
from jobbag.aws.faults import is_throttle
from jobbag.rates.clients import Clients, own_directory
from jobbag.rates.limit import RateLimit
from jobbag.rates.quotas import quota


class Rates:
    """The limits of all APIs that have one, by region. Safe to share between threads."""

    def __init__(self, connection: Connection, *, embedded: bool) -> None:
        """`embedded`: the AWS is the one in this process, which has no limits."""
        self._connection = connection
        self._embedded = embedded
        self._clients = Clients(own_directory())
        self._limits: dict[tuple[str, str], RateLimit] = {}

    def of(self, service: str, operation: str, region: str) -> RateLimit | None:
        """The limit of an API in a region; None if there is none."""
        per_second = None if self._embedded else quota(operation, region)
        if per_second is None:
            return None
        key = operation, region
        if key not in self._limits:
            api = f"{operation}@{self._connection.account_key(service, region)}"
            # setdefault is atomic, so all threads get the same one
            return self._limits.setdefault(key, RateLimit(per_second, partial(self._clients.tell, api)))
        return self._limits[key]

    @contextmanager
    def kept(self, service: str, operation: str, region: str, pause: Callable[[float], None]) -> Iterator[None]:
        """Make a call in this context, which begins when it may; whether it is throttled tells for the next ones."""
        limit = self.of(service, operation, region)
        if limit is None:
            yield
            return
        limit.wait(pause)
        try:
            yield
        except ClientError as error:
            if is_throttle(error):
                limit.throttled()
            raise
