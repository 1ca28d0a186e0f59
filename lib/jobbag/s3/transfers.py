"""s3transfer, which sends large files in parts, several at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

from jobbag.aws.client import Cloud
from jobbag.errors import Cancelled
from jobbag.s3.contents import PART_SIZE
from jobbag.threads import DaemonPool

REQUESTS_AT_ONCE = 16  # of all files together: the parts of a large file go at the same time


class Transfers:
    """Transfers to one bucket, on the current client: another one once the credentials have been renewed."""

    def __init__(self, cloud: Cloud, bucket: str, most: int, begun: Callable[[Any], None] = lambda _: None) -> None:
        """`most`: requests at the same time, at most. `begun` is called with each new client."""
        self._cloud = cloud
        self._bucket = bucket
        self._most = most
        self._begun = begun
        self._lock = threading.Lock()
        self._managers: dict[Any, Any] = {}  # by client
        self._under_way: set[Any] = set()
        self._cancelled = False

    def run(self, begin: Callable[[Any], Any]) -> None:
        """Wait for a transfer, which `begin` begins with the manager it is given. Raises what s3transfer raises."""
        transfer = begin(self._manager())
        with self._lock:
            self._under_way.add(transfer)
        if self._cancelled:
            transfer.cancel()
        try:
            transfer.result()
        except Exception as error:
            if self._cancelled:
                raise Cancelled("the run is being stopped") from error
            raise
        finally:
            with self._lock:
                self._under_way.discard(transfer)

    def cancel(self) -> None:
        """Give up what is under way, and all that comes."""
        self._cancelled = True
        with self._lock:
            for transfer in self._under_way:
                transfer.cancel()

    def shutdown(self) -> None:
        """End the threads, none of which has work any more."""
        for manager in self._managers.values():
            manager.shutdown()

    def _manager(self) -> Any:
        from s3transfer.manager import TransferConfig, TransferManager

        client = self._cloud.transfer_client(self._bucket)
        with self._lock:
            if client not in self._managers:
                config = TransferConfig(
                    multipart_threshold=PART_SIZE,
                    multipart_chunksize=PART_SIZE,
                    max_request_concurrency=min(REQUESTS_AT_ONCE, self._most),
                )
                self._managers[client] = TransferManager(client, config, executor_cls=cast(Any, DaemonPool))
                self._begun(client)
            return self._managers[client]
