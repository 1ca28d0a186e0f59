"""The clients of AWS, and the one policy for calling it: rates, retries, and what an error means.

Retries have one owner: here it is tenacity, and botocore makes a single attempt; only s3transfer, which calls
S3 itself, relies on botocore's.
"""

from __future__ import annotations

import copy
import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions as exceptions
from botocore.config import Config
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential
from tenacity.stop import stop_when_event_set

from jobbag.errors import AwsError, Cancelled, InputError
from jobbag.faults import is_throttle, is_transient, may_have_happened, translated
from jobbag.logfile import TRACE
from jobbag.pace import Pace, quota
from jobbag.trace import Shown

log = logging.getLogger(__name__)

FIRST_CONTACT = 15.0  # s to go on trying a service that has never answered: it is likely to be the wrong address
OUTAGE = 900.0  # s to go on trying a service that has answered before
CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60  # s
CONNECTIONS = 32  # at least as many as threads that share a client


@dataclass(frozen=True)
class Access:
    """Where AWS is and as whom to call it. What is None comes from AWS's own environment and configuration."""

    endpoint: str | None = None
    region: str | None = None
    credentials: Mapping[str, str] | None = None  # aws_access_key_id, aws_secret_access_key
    embedded: bool = False  # the embedded AWS: a request to any other address is stopped


class Cloud:
    """All calls of AWS of a run. Safe to share between threads."""

    def __init__(self, access: Access) -> None:
        """Raises InputError when there is no region, or there are no credentials."""
        self._access = access
        self._cancel = threading.Event()
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._paces: dict[tuple[str, str], Pace | None] = {}
        self._reached: set[str] = set()
        self._lock = threading.Lock()
        try:
            keys: dict[str, Any] = dict(access.credentials or {})
            self._session: Any = boto3.Session(region_name=access.region, **keys)
            found = self._session.get_credentials()
        except exceptions.BotoCoreError as error:
            raise InputError.of("AWS configuration", str(error)) from None
        if found is None:
            raise InputError.of(
                "AWS credentials", "none found; run `aws configure`, or set AWS_PROFILE or AWS_ACCESS_KEY_ID"
            )
        if not self._session.region_name:
            raise InputError.of("AWS region", "none given; use --region, pegasus.aws.region or AWS_DEFAULT_REGION")
        self.region: str = self._session.region_name

    @property
    def embedded(self) -> bool:
        """Whether this is the embedded AWS."""
        return self._access.embedded

    def cancelled_by(self, cancel: threading.Event) -> Cloud:
        """The same clients for one worker: its pauses and retries end when the event is set."""
        other = copy.copy(self)
        other._cancel = cancel
        return other

    def account(self) -> str:
        """The account of the credentials, as STS says."""
        return str(self.call("sts", "GetCallerIdentity")["Account"])

    def transfer_client(self) -> Any:
        """An S3 client for s3transfer: its single requests are retried by botocore."""
        return self._client("s3", self.region, retrying=True)

    def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
        """Call an API by its own name (`SubmitJob`), at the rate that it allows, until it answers.

        Throttles, server errors and lost connections are tried again for as long as that makes sense.
        Raises AwsError (an answer that will not change) or Cancelled.
        """
        return self._attempt(service, operation, region, params, lambda error: not isinstance(error, Cancelled))

    def call_once(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """The same for an API that is not idempotent: a call that may have taken effect is not repeated.

        The AwsError of such a call has `unsure` set.
        """
        return self._attempt(service, operation, None, params, lambda error: not may_have_happened(error))

    def _attempt(
        self,
        service: str,
        operation: str,
        region: str | None,
        params: Mapping[str, Any],
        may_repeat: Callable[[BaseException], bool],
    ) -> dict[str, Any]:
        client = self._client(service, region or self.region)
        method = getattr(client, _snake_case(operation))
        pace = self._pace(operation, region or self.region)

        def once() -> dict[str, Any]:
            self.pause(pace.reserve() if pace else 0.0)
            log.log(TRACE, "%s %s", operation, Shown(params))
            try:
                answer: dict[str, Any] = method(**params)
            except exceptions.ClientError as error:
                self._reached.add(service)
                if pace and is_throttle(error):
                    pace.throttled()
                raise
            self._reached.add(service)
            log.log(TRACE, "%s answered %s", operation, Shown(answer))
            return answer

        retrying = Retrying(
            retry=retry_if_exception(lambda error: is_transient(error) and may_repeat(error)),
            wait=wait_random_exponential(multiplier=0.5, max=20),
            stop=stop_when_event_set(self._cancel)
            | stop_after_delay(OUTAGE if service in self._reached else FIRST_CONTACT),
            sleep=self.pause,
            before_sleep=_tell_wait(operation),
            reraise=True,
        )
        try:
            return retrying(once)
        except (exceptions.ClientError, exceptions.BotoCoreError) as error:
            raise translated(operation, error) from error

    def pause(self, seconds: float) -> None:
        """A pause that does not sleep through a shutdown."""
        if seconds > 0 and self._cancel.wait(seconds):
            raise Cancelled("the run is being stopped")

    def _pace(self, operation: str, region: str) -> Pace | None:
        if self.embedded:
            return None
        with self._lock:
            if (operation, region) not in self._paces:
                per_second = quota(operation, region)
                self._paces[operation, region] = Pace(per_second) if per_second else None
            return self._paces[operation, region]

    def _client(self, service: str, region: str, *, retrying: bool = False) -> Any:
        with self._lock:  # a Session is not safe to share, its clients are
            key = (service, region, retrying)
            if key not in self._clients:
                self._clients[key] = self._new_client(service, region, retrying)
            return self._clients[key]

    def _new_client(self, service: str, region: str, retrying: bool) -> Any:
        embedded: dict[str, Any] = {"ignore_configured_endpoint_urls": True, "proxies": {}} if self.embedded else {}
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 10 if retrying else 1},
            max_pool_connections=CONNECTIONS,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            **embedded,
        )
        try:
            client = self._session.client(
                service,
                region_name=region,
                endpoint_url=_endpoint(self._access.endpoint, service),
                config=config,
            )
        except (exceptions.BotoCoreError, ValueError) as error:
            raise InputError.of("AWS configuration", str(error)) from None
        if self.embedded:
            home = urlsplit(self._access.endpoint or "").netloc
            client.meta.events.register("before-send", _stopper(home))
        return client


def _endpoint(endpoint: str | None, service: str) -> str | None:
    """The endpoint for one service. AWS's own host names belong to a single service each."""
    host = urlsplit(endpoint or "").hostname or ""
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")) and not host.startswith(f"{service}."):
        return None
    return endpoint


def _stopper(home: str) -> Callable[..., None]:
    """A hook that lets no request leave for any address but the embedded AWS. It keeps no state."""

    def stop(request: Any, **_: Any) -> None:
        address = urlsplit(request.url).netloc
        if address != home:
            raise AwsError("--local", "WouldLeaveTheMachine", f"a request to the real AWS at {address} was stopped")

    return stop


def _tell_wait(operation: str) -> Callable[[RetryCallState], None]:
    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        # The first few are everyday life; who waits for long wants to know why.
        level = logging.WARNING if state.attempt_number >= 4 else logging.DEBUG
        log.log(level, "%s: %s; attempt %d failed, next in %.1f s", operation, error, state.attempt_number, pause)

    return tell


def _snake_case(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
