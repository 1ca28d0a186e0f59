"""The session and the clients of AWS, one of each service and region."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import parse_timestamp

from jobbag.aws.answers import checked
from jobbag.aws.bodies import name_of, refuse_foreign, service_of
from jobbag.aws.call_counts import CallCounts
from jobbag.aws.credentials import identify, words
from jobbag.aws.faults import NoAnswer, NoCredentials, is_expired, is_of, is_transient
from jobbag.aws.listed import read_contents
from jobbag.aws.objects import GetObject, PutObject, PutPart, with_checksums
from jobbag.aws.regions import has_no_host, is_unknown, region_problem, suffixes
from jobbag.aws.signed_http import JsonApi, hand_over
from jobbag.errors import AwsError, InputError, ToolError
from jobbag.threads import in_time

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Quick = TypeVar("Quick")

CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60  # s; the latter until the first byte, and between two
QUICK = ("batch", "logs")  # services with thousands of calls, which speak JSON
ANSWER = 120.0  # s that the answer of another service may take from its beginning to its end
READERS = ("botocore.parsers", "botocore.endpoint", "botocore.errorfactory", "botocore.exceptions")  # of answers
SHOWN = 200  # characters of an error of botocore's parser
EXPIRY_TOLD_EACH = 300.0  # s between two warnings; the calls that wait say how they fare
CONNECTIONS = 1000  # at least as many as threads that share a client


@dataclass(frozen=True)
class Access:
    """Endpoint, region and credentials. What is None comes from AWS's own variables and configuration files."""

    endpoint: str | None = None
    region: str | None = None
    credentials: Mapping[str, str] | None = None  # aws_access_key_id, aws_secret_access_key
    embedded: bool = False  # it is the embedded AWS: no other address, variable or configuration file of AWS counts
    may_ask: bool = True  # the user, for a code of MFA


class Connection:
    """The session and the clients, one of each service and region, for all threads.

    Raises InputError when there is no region, there are no credentials, or the configuration is wrong.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._lock = threading.Lock()  # a Session is not safe to share, its clients are
        self._clients: dict[tuple[str, str], Any] = {}
        self._made_quick: dict[tuple[Any, ...], Any] = {}  # by service, region, and what else tells them apart
        self.call_counts = CallCounts()
        self._made = 0.0  # time.monotonic() when the credentials were read again, or could not be
        self._told = -EXPIRY_TOLD_EACH  # the same when they were said to have expired
        self._begin(may_ask=access.may_ask)
        self._check_region()
        self._identity.check()
        self.region: str = self._identity.session.region_name

    def _begin(self, *, may_ask: bool) -> None:
        keys, alone = self._access.credentials or {}, self._access.embedded
        self._identity = identify(self._access.region, keys, may_ask=may_ask, alone=alone)
        parsers = self._identity.core.get_component("response_parser_factory")
        parsers.set_parser_defaults(timestamp_parser=moment)
        self._clients.clear()
        self._made_quick.clear()

    def _check_region(self) -> None:
        """Raises InputError if there is no such region: calls would be repeated for hours, as in an outage."""
        region, core = self._identity.session.region_name, self._identity.core
        own_endpoint = bool(
            self._access.endpoint
            or os.environ.get("AWS_ENDPOINT_URL")
            or os.environ.get("AWS_ENDPOINT_URL_BATCH")
            or {"endpoint_url", "services"} & core.get_scoped_config().keys()
        )
        wrong = region_problem(region, own_endpoint=own_endpoint)
        if wrong is None and not own_endpoint and is_unknown(region):
            wrong = has_no_host(region)
            if wrong is None:
                log.warning("this botocore does not know the region %s", region)
        if wrong is not None:
            raise InputError.of("--region" if self._access.region else "AWS region", wrong)

    def renew(self) -> None:
        """Read the credentials again, which may have been renewed in a file since."""
        with self._lock:
            if time.monotonic() - self._made > 1.0:  # once for all threads whose calls were refused
                if time.monotonic() - self._told >= EXPIRY_TOLD_EACH:
                    self._told = time.monotonic()
                    log.warning("the AWS credentials have expired; reading them again until they are renewed")
                with suppress(InputError):  # the file is being written just now
                    self._begin(may_ask=False)
                self._made = time.monotonic()

    def understood(self, service: str, attempt: Callable[[], Answer]) -> Answer:
        """What an attempt to call the service gives. Raises what an error means that is botocore's own."""
        try:
            return attempt()
        except Exception as error:
            meant = self._meant(service, error)
            if meant is error:
                raise
            raise meant from None

    def _meant(self, service: str, error: Exception) -> Exception:
        if isinstance(error, (ToolError, NoCredentials)) or is_transient(error) or is_expired(error):
            return error
        if is_of(error, "botocore.credentials") and not is_of(error, "botocore.parsers"):
            return NoCredentials(what=self._identity.told(error))
        if is_of(error, *READERS) and not isinstance(error, (BotoCoreError, ClientError)):
            what = f"it cannot be read: {' '.join(str(error).split())}"[:SHOWN]
            return NoAnswer(service=name_of(self._identity.core.get_service_model(service)), what=what)
        return error

    def put_object(self, bucket: str, region: str, params: Mapping[str, Any]) -> PutObject:
        """The quick PutObject for a bucket, with more parameters of the API."""
        of_bucket = partial(PutObject, bucket=bucket, params=params)
        return self._quick(of_bucket, "s3", region, "PutObject", bucket, *sorted(params.items()))

    def put_part(self, bucket: str, region: str) -> PutPart:
        """The quick UploadPart for a bucket."""
        return self._quick(partial(PutPart, bucket=bucket), "s3", region, "UploadPart", bucket)

    def get_object(self, bucket: str, region: str) -> GetObject:
        """The quick GetObject for a bucket."""
        return self._quick(partial(GetObject, bucket=bucket), "s3", region, "GetObject", bucket)

    def json_api(self, service: str, region: str) -> JsonApi:
        """The quick client of a service whose APIs use JSON."""
        return self._quick(JsonApi, service, region)

    def _quick(self, new: Callable[[Any, Any], Quick], service: str, region: str, *which: Any) -> Quick:
        """What `new` makes of a client and the credentials, once; after `renew`, one with the new credentials."""
        client = self.client(service, region)
        with self._lock:
            key = service, region, *which
            if key not in self._made_quick:
                self._made_quick[key] = new(client, self._identity.credentials)
            made: Quick = self._made_quick[key]
            return made

    def account_key(self, service: str, region: str) -> str:
        """What is the same for all who call the service for the same account there: letters and digits."""
        account = None
        with suppress(Exception):  # botocore lets out whatever it meets; the call itself says what is wrong
            keys = self._identity.credentials.get_frozen_credentials()
            account = getattr(keys, "account_id", None) or keys.access_key  # older versions know no account
        content = json.dumps([self.client(service, region).meta.endpoint_url, region, account])
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def ask(self, service: str, operation: str, region: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Make one request of an API by its own name, and give the answer, which was held against the API's model.

        Raises NoAnswer, and what botocore raises.
        """
        if service in QUICK:
            api = self.json_api(service, region)
            with self.call_counts.counted(service, operation):
                return api.call(operation, params)
        client = self.client(service, region)
        call = getattr(client, xform_name(operation))
        try:
            answer: dict[str, Any] = in_time(lambda: call(**params), ANSWER)
        except TimeoutError:
            what = f"it did not come to its end in {ANSWER:.0f} s"
            raise NoAnswer(service=name_of(client.meta.service_model), what=what) from None
        return answer

    def client(self, service: str, region: str) -> Any:
        """The boto3 client of a service."""
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._new_client(service, region)
            return self._clients[service, region]

    def _new_client(self, service: str, region: str) -> Any:
        embedded: dict[str, Any] = (
            {"ignore_configured_endpoint_urls": True, "proxies": {}} if self._access.embedded else {}
        )
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=CONNECTIONS,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            parameter_validation=service not in QUICK,
            **embedded,
        )
        try:
            client = self._identity.session.client(
                service,
                region_name=region,
                endpoint_url=_endpoint(self._access.endpoint, service),
                config=config,
            )
        except Exception as error:  # botocore lets out whatever it meets
            raise InputError.of("AWS configuration", words(error)) from None
        client.meta.events.register("before-send", lambda request, **_: self._check_address(request.url))
        client.meta.events.register("response-received", self.call_counts.listener(service))
        client.meta.events.register("after-call", _check_answer)
        client.meta.events.register("before-parse", refuse_foreign)
        client.meta.events.register_first("before-parse.s3.ListObjectsV2", partial(read_contents, moment=moment))
        client.meta.events.register("provide-client-params.s3.CreateMultipartUpload", with_checksums)
        client.meta.events.register_last("before-call", hand_over)
        return client

    def _check_address(self, url: str) -> None:
        """Raises AwsError for a request to any other address than that of the embedded AWS, where that is used."""
        address = urlsplit(url).netloc
        if self._access.embedded and address != urlsplit(self._access.endpoint or "").netloc:
            raise AwsError("--local", "WouldLeaveTheMachine", f"a request to the real AWS at {address} was stopped")


def _check_answer(model: Any, parsed: dict[str, Any], **_: Any) -> None:
    """A hook of botocore. Raises NoAnswer for a good answer that is none."""
    metadata = parsed.get("ResponseMetadata", {})
    if metadata.get("HTTPStatusCode", 0) < 300:
        headers = metadata.get("HTTPHeaders", {})
        of_aws = any(name.startswith("x-amz") for name in headers)
        if model.http["method"] == "HEAD" and not of_aws and headers.get("content-type", "").startswith("text/html"):
            raise NoAnswer(service=service_of(model), what="a page in HTML")
        checked(model, parsed)


def moment(told: Any) -> datetime:
    """The time that an answer tells; in the usual form without botocore's way, which takes most of a listing's CPU."""
    with suppress(TypeError, AttributeError, ValueError):
        found = datetime.fromisoformat(told.replace("Z", "+00:00"))
        if found.tzinfo is not None:
            return found
    parsed: datetime = parse_timestamp(told)
    return parsed


def _endpoint(endpoint: str | None, service: str) -> str | None:
    """The endpoint of one service, None for its usual one: a host name of AWS is that of a single service."""
    host = urlsplit(endpoint or "").hostname or ""
    if host.endswith(suffixes()) and not host.startswith(f"{service}."):
        return None
    return endpoint
