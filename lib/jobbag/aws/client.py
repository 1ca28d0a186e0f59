"""The clients of AWS, and the one policy for calling it: rates, retries, and what an error means.

Retries have one owner: here it is tenacity, and botocore makes a single attempt.
"""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import botocore.exceptions as exceptions
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from jobbag.aws.connection import Access, Connection
from jobbag.aws.faults import (
    Unfit,
    is_bare_refusal,
    is_expired,
    is_throttle,
    is_transient,
    may_have_happened,
    translated,
)
from jobbag.aws.paging import pages
from jobbag.aws.rates import Rates
from jobbag.aws.redaction import Redacted
from jobbag.aws.regions import BucketRegions
from jobbag.aws.settling import Settling
from jobbag.aws.troubles import Troubles
from jobbag.errors import AwsError, Cancelled
from jobbag.threads import in_time
from jobbag.tool_log import TRACE

log = logging.getLogger(__name__)

FIRST_CONTACT = 15.0  # s to go on trying a service that has never answered: the address is likely to be wrong
OUTAGE = 900.0  # s to go on trying a service that has answered before
UNFIT = 15.0  # s to go on asking for an answer that fits, of a service that answers
KNOWN_GOOD = 10.0  # s for which credentials that were accepted are not asked about again
RENEWAL = 12 * 3600.0  # s to wait for credentials that expired to be renewed
A_MOMENT = 1.0  # s that a call gets at least when the time for it is over
IDS_PER_CALL = 100  # jobs that DescribeJobs takes

Answer = TypeVar("Answer")
Test = Callable[[BaseException], bool]
Heard = Callable[[int], None]


class Cloud:
    """All calls of AWS of a run. Safe to share between threads."""

    def __init__(self, access: Access) -> None:
        """Raises InputError when there is no region, or there are no credentials."""
        self._connection = Connection(access)
        self._cancel = threading.Event()
        self._deadline: float | None = None  # time.monotonic()
        self._is_worker = False
        self._check: Callable[[], None] = lambda: None
        self.rates = Rates(self._connection, embedded=access.embedded)
        self._reached: set[str] = set()  # services that have answered
        self._known_good = [float("-inf")]  # when the credentials were last known to be good (time.monotonic())
        self.troubles = Troubles()
        self.settling = Settling()
        self.region = self._connection.region
        self.buckets = BucketRegions(self.region)
        self.embedded = access.embedded

    def cancelled_by(self, cancel: threading.Event) -> Cloud:
        """The same clients for one worker: its pauses and retries end when the event is set.

        A worker starts when AWS has been reached. A service that it is the first to call, such as CloudWatch Logs, gets
        the time of an outage, not that of a wrong address.
        """
        other = copy.copy(self)
        other._cancel = cancel
        other._is_worker = True
        return other

    def guarded_by(self, check: Callable[[], None]) -> Cloud:
        """The same clients, which call `check` before each request: where it raises ToolError, none is made."""
        other = copy.copy(self)
        other._check = check
        return other

    @contextmanager
    def within(self, seconds: float) -> Iterator[Cloud]:
        """The same clients for calls that raise Cancelled after so many seconds.

        A call that is under way then is abandoned: its thread ends by itself. Each call gets A_MOMENT at least.
        """
        other = copy.copy(self)
        other._cancel = threading.Event()
        other._deadline = time.monotonic() + seconds
        yield other

    def account(self) -> str:
        """The AWS account of the credentials: 12 digits. Raises AwsError."""
        return str(self.call("sts", "GetCallerIdentity")["Account"])

    def put_object(self, bucket: str, key: str, content: bytes, **params: Any) -> None:
        """Put a small object, without a retry; `params`: more of the API. Raises ClientError or a HTTPClientError."""
        with self._counted("PutObject"):
            self._connection.put_object(bucket, self.buckets.of(bucket), params).put(key, content)

    def put_part(self, bucket: str, key: str, place: tuple[str, int], content: bytes, sent: Heard) -> Mapping[str, str]:
        """Put a part (upload and number) of a large object, see PutPart, without a retry. Raises the same."""
        with self._counted("UploadPart"):
            return self._connection.put_part(bucket, self.buckets.of(bucket)).put(key, *place, content, sent)

    def get_object(self, bucket: str, key: str) -> tuple[Mapping[str, str], list[bytes]]:
        """The headers and the content, in pieces, of a small object, without a retry. Raises the same."""
        with self._counted("GetObject"):
            return self._connection.get_object(bucket, self.buckets.of(bucket)).get(key)

    def get_part(self, bucket: str, key: str, etag: str, part: range, write: Callable[[bytes], None]) -> None:
        """Let `write` have these bytes of an object, see GetObject, without a retry. Raises the same."""
        with self._counted("GetObject"):
            self._connection.get_object(bucket, self.buckets.of(bucket)).get_part(key, etag, part, write)

    @contextmanager
    def _counted(self, operation: str) -> Iterator[None]:
        """A quick request to S3, which is made in this context."""
        self._check()
        with self._connection.call_counts.counted("s3", operation):
            yield

    @property
    def calls(self) -> dict[str, dict[str, int]]:
        """How many requests were made so far, see CallCounts."""
        return self._connection.call_counts.calls

    def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
        """Call an API by its own name (`SubmitJob`), at the rate that it allows, until it answers.

        Throttles, server errors and lost connections are tried again for as long as that makes sense, as is what parts
        of AWS do not know yet (`settling`); expired credentials are read again until they are renewed.
        Raises AwsError for an answer that will not change, or when there was none for too long; Cancelled when the run
        is being stopped.
        """
        return self.persist(service, operation, lambda: self.once(service, operation, region, params))

    def pages(self, service: str, operation: str, region: str | None = None, **params: Any) -> Iterator[dict[str, Any]]:
        """The pages of a listing with a `nextToken`, one call each (`call`). Raises AwsError if they lead nowhere."""
        return pages(operation, partial(self.call, service, operation, region, **params))

    def call_once(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """The same for an API that is not idempotent: a call that may have taken effect is not repeated.

        The AwsError of such a call has `unsure` set.
        """
        once = partial(self.once, service, operation, None, params)
        return self.persist(service, operation, once, unless=may_have_happened)

    def call_or_find(
        self, service: str, operation: str, find: Callable[[], dict[str, Any] | None], **params: Any
    ) -> dict[str, Any]:
        """The same, but where a call may have taken effect, `find` is asked for what it made.

        That stands for the answer; if it is None, the call is repeated.
        """
        lost = False

        def attempt() -> dict[str, Any]:
            nonlocal lost
            if lost and (found := find()) is not None:
                return found
            try:
                return self.once(service, operation, None, params)
            except Exception as error:
                lost = lost or may_have_happened(error)
                raise

        try:
            return self.persist(service, operation, attempt)
        except AwsError as error:
            if error.unsure and (found := find()) is not None:
                return found
            raise

    def attempt(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """The same in a single attempt, for answers that a run can do without."""
        once = partial(self.once, service, operation, None, params)
        return self.persist(service, operation, once, unless=lambda _: True)

    def persist(
        self, service: str, operation: str, attempt: Callable[[], Answer], *, unless: Test = lambda _: False
    ) -> Answer:
        """Repeat `attempt` until it succeeds, and return its result. Raises AwsError or Cancelled, as `call` does.

        `service` and `operation` are what it calls. After an error for which `unless` is true, it is not repeated.
        The AwsError has `unsure` set if the answer to any of the attempts was lost.
        """
        unsure, began = False, time.monotonic()
        try:  # most calls need no second attempt, and not what one costs
            answer = self._attempt(service, attempt)
        except Exception as error:
            outcomes: Iterator[Exception] = iter([error])
        else:
            self._reached.add(service)
            return answer

        def again() -> Answer:
            for error in outcomes:  # the first attempt
                raise error
            return self._attempt(service, attempt)

        def may_pass(error: BaseException) -> bool:
            nonlocal unsure
            unsure = unsure or may_have_happened(error)
            if is_expired(error):
                self._connection.renew()
                return True
            passes = is_transient(error) or self.settling.explains(service, operation, error, began)
            return passes and not unless(error)

        def is_hopeless(state: RetryCallState) -> bool:
            if self._cancel.is_set() or (self._deadline is not None and time.monotonic() > self._deadline):
                raise Cancelled("the run is being stopped")
            error = state.outcome.exception() if state.outcome else None
            patience = RENEWAL if is_expired(error) else UNFIT if isinstance(error, Unfit) else OUTAGE
            if service not in self._reached and not (self._reached and (self._is_worker or is_expired(error))):
                patience = FIRST_CONTACT
            return time.monotonic() - began > patience and not is_throttle(error)

        def tell_wait(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            pause = state.next_action.sleep if state.next_action else 0.0
            self.troubles.tell(may_pass, operation, error, since=began, attempt=state.attempt_number, pause=pause)

        retrying = Retrying(
            retry=retry_if_exception(may_pass),
            wait=wait_random_exponential(multiplier=0.5, max=20),
            stop=is_hopeless,
            sleep=self.pause,
            before_sleep=tell_wait,
            reraise=True,
        )

        try:
            answer = retrying(again)
        except (exceptions.ClientError, exceptions.BotoCoreError) as error:
            if isinstance(error, exceptions.ClientError) and not is_transient(error):
                self._reached.add(service)  # a refusal is an answer
            raise translated(operation, error, unsure=unsure) from error
        finally:
            self.troubles.over(may_pass)
        self._reached.add(service)
        return answer

    def _attempt(self, service: str, attempt: Callable[[], Answer]) -> Answer:
        """Make an attempt that is abandoned when the time is over. Raises what an error of it means."""
        if self._deadline is None:
            return self._connection.understood(service, attempt)
        try:
            left = max(self._deadline - time.monotonic(), A_MOMENT)
            return self._connection.understood(service, lambda: in_time(attempt, left))
        except TimeoutError:
            raise Cancelled("AWS gave no answer in the time that there was") from None

    def once(self, service: str, operation: str, region: str | None, params: Mapping[str, Any]) -> dict[str, Any]:
        """The attempt of a call, for `persist`. Raises what botocore raises, or NoAnswer."""
        region = region or (self.buckets.of(params.get("Bucket", "")) if service == "s3" else self.region)
        try:
            return self._ask(service, operation, region, params)
        except exceptions.ClientError as error:
            if service != "s3" or not self._look_at_credentials(error, region, params):
                raise
            return self._ask(service, operation, region, params)  # they may have been renewed meanwhile

    def _look_at_credentials(self, error: exceptions.ClientError, region: str, params: Mapping[str, Any]) -> bool:
        """Whether credentials turn out to be good after S3 has refused without saying why, as it does for HEAD; false
        if that was known, or is not why. Raises what a call meets that can say why, such as that they have expired."""
        if not is_bare_refusal(error) or time.monotonic() - self._known_good[0] < KNOWN_GOOD:
            return False
        try:
            self._ask("s3", "ListObjectsV2", region, {"Bucket": params["Bucket"], "MaxKeys": 1})
        except exceptions.ClientError as told:
            if is_expired(told) or is_transient(told):
                raise
        self._known_good[0] = time.monotonic()
        return True

    def _ask(self, service: str, operation: str, region: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One request, and its answer. Raises what botocore raises, or NoAnswer."""
        with self.rates.kept(service, operation, region, self.pause):
            self._check()
            log.log(TRACE, "%s %s", operation, Redacted(params))
            try:
                answer = self._connection.ask(service, operation, region, params)
            except exceptions.ClientError as error:
                self.buckets.learn(params, error.response)
                raise
        self.buckets.learn(params, answer)
        log.log(TRACE, "%s answered %s", operation, Redacted(answer))
        return answer

    def pause(self, seconds: float) -> None:
        """Wait so many seconds. Raises Cancelled as soon as the run is being stopped, or the time is over."""
        if seconds <= 0:
            return
        left = seconds if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)
        if self._cancel.wait(min(seconds, left)) or left < seconds:
            raise Cancelled("the run is being stopped")
