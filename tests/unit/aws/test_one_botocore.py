"""The quick way to call AWS sends what botocore's own client would, whatever is configured on the machine."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.loaders
import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, DEFAULT_S3_CONFIG_VARS
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

from helpers.bodies import Body
from jobbag.aws.connection import Access, Connection
from jobbag.errors import InputError

REGION = "us-west-2"
OURS = {"connect_timeout", "read_timeout", "max_pool_connections", "timeout"}  # for whose values the tool has reasons
# What says which attempt of which call it is, and by which signature; the scope of that is compared.
_CHANGING = {"amz-sdk-invocation-id", "amz-sdk-request", "x-amz-date", "authorization"}
_loader = functools.cache(botocore.loaders.create_loader)  # it reads the models of the services
_FEATURES = re.compile(r" (m|cfg)/\S+")  # in the user agent, which of botocore's own parts were at work


@dataclass(frozen=True)
class Setting:
    """Something that is configured: in the environment, in the config file, or for all clients of a program."""

    environment: Mapping[str, str] = field(default_factory=dict)
    config: str = ""
    default: Mapping[str, Any] = field(default_factory=dict)  # of botocore's Config


def of_variable(**environment: str) -> Setting:
    return Setting(environment)


def of_profile(*lines: str) -> Setting:
    return Setting(config="\n".join(lines))


PROXY = "http://user:word@127.0.0.1:9"
OF_BOTOCORE: Mapping[str, str] = {  # a value for each variable that its table does not give one for
    "profile": "another",
    "region": "eu-west-3",
    "data_path": "{tmp}",
    "config_file": "{tmp}/config",
    "credentials_file": "{tmp}/credentials",
    "ca_bundle": "{tmp}/ca.pem",
    "sts_regional_endpoints": "legacy",
    "retry_mode": "adaptive",
    "max_attempts": "5",
    "request_min_compression_size_bytes": "1",
    "defaults_mode": "standard",
    "user_agent_appid": "my-app",
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
    "account_id_endpoint_mode": "disabled",
    "auth_scheme_preference": "sigv4a,sigv4",
    "sigv4a_signing_region_set": "*",
    "endpoint_discovery_enabled": "false",
    "addressing_style": "path",
    "us_east_1_regional_endpoint": "legacy",
}
OTHERS: Mapping[str, Setting] = {
    "nothing": Setting(),
    "region": of_profile("region = eu-west-3"),
    "ca_bundle": of_profile("ca_bundle = {tmp}/ca.pem"),
    "REQUESTS_CA_BUNDLE": of_variable(REQUESTS_CA_BUNDLE="{tmp}/ca.pem"),
    "both bundles": of_variable(REQUESTS_CA_BUNDLE="{tmp}/other.pem", AWS_CA_BUNDLE="{tmp}/ca.pem"),
    "an empty bundle": of_variable(REQUESTS_CA_BUNDLE=""),
    "HTTPS_PROXY": of_variable(HTTPS_PROXY=PROXY),
    "http_proxy": of_variable(http_proxy=PROXY, AWS_ENDPOINT_URL="http://127.0.0.1:1"),
    "no_proxy": of_variable(HTTPS_PROXY=PROXY, NO_PROXY="amazonaws.com"),
    "AWS_ENDPOINT_URL": of_variable(AWS_ENDPOINT_URL="http://127.0.0.1:1/some/path"),
    "AWS_ENDPOINT_URL_BATCH": of_variable(AWS_ENDPOINT_URL_BATCH="https://127.0.0.1:2", AWS_ENDPOINT_URL="http://127.0.0.1:1"),
    "AWS_ENDPOINT_URL_S3": of_variable(AWS_ENDPOINT_URL_S3="https://127.0.0.1:2"),
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": of_variable(AWS_ENDPOINT_URL_CLOUDWATCH_LOGS="https://127.0.0.1:2"),
    "endpoint_url": of_profile("endpoint_url = http://127.0.0.1:1"),
    "services": of_profile(
        "services = mine", "[services mine]",
        "batch =", "  endpoint_url = http://127.0.0.1:1", "s3 =", "  endpoint_url = http://127.0.0.1:2",
    ),
    "ignored": of_variable(AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true"),
    "FIPS and dualstack": of_variable(AWS_USE_FIPS_ENDPOINT="true", AWS_USE_DUALSTACK_ENDPOINT="true"),
    "FIPS and an endpoint": of_variable(AWS_USE_FIPS_ENDPOINT="true", AWS_ENDPOINT_URL="http://127.0.0.1:1"),
    "China": of_variable(AWS_DEFAULT_REGION="cn-north-1"),
    "a region of S3's own": of_variable(AWS_DEFAULT_REGION="aws-global"),
    "us-east-1": of_variable(AWS_DEFAULT_REGION="us-east-1"),
    "a session token": of_variable(AWS_SESSION_TOKEN="token"),
    "an account": of_variable(AWS_ACCOUNT_ID="123456789012"),
    "AWS_EXECUTION_ENV": of_variable(AWS_EXECUTION_ENV="CloudShell"),
    "signature_version": of_profile("s3 =", "  signature_version = s3"),
    "no signature of bodies": of_profile("s3 =", "  payload_signing_enabled = false"),
    "signature of bodies": of_profile("s3 =", "  payload_signing_enabled = true"),
    "virtual": of_profile("endpoint_url = http://127.0.0.1:1", "s3 =", "  addressing_style = virtual"),
    "a client certificate": Setting(default={"client_cert": ("{tmp}/cert.pem", "{tmp}/key.pem")}),
    "proxies": Setting(default={"proxies": {"https": PROXY}}),
    "a proxy's certificates": Setting(
        default={
            "proxies": {"https": "https://127.0.0.1:9"},
            "proxies_config": {"proxy_ca_bundle": "{tmp}/ca.pem", "proxy_use_forwarding_for_https": True},
        }
    ),
    "more for the user agent": Setting(default={"user_agent_extra": "more/1.0"}),
}  # fmt: skip


TOGETHER = {  # variables that do not meddle with each other
    "AWS_DATA_PATH", "AWS_SHARED_CREDENTIALS_FILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_MAX_ATTEMPTS",
    "AWS_ENDPOINT_DISCOVERY_ENABLED", "AWS_STS_REGIONAL_ENDPOINTS", "AWS_RETRY_MODE", "AWS_SDK_UA_APP_ID",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "AWS_DISABLE_REQUEST_COMPRESSION", "AWS_RESPONSE_CHECKSUM_VALIDATION",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE", "AWS_DISABLE_HOST_PREFIX_INJECTION", "BOTOCORE_TCP_KEEPALIVE",
    "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH", "AWS_S3_USE_ARN_REGION", "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT",
    "AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS",
}  # fmt: skip


def settings() -> Iterator[Any]:
    """What botocore documents; what it has made into a variable, by the table of those."""
    together: dict[str, str] = {}
    for table in (BOTOCORE_DEFAUT_SESSION_VARIABLES, DEFAULT_S3_CONFIG_VARS):
        for name, (place, variables, _, _) in table.items():
            if name.startswith(("csm_", "metadata_", "ec2_", "imds_", "api_")):
                continue  # botocore's own business; where a machine's role is asked for; which model is read
            value = OF_BOTOCORE.get(name, "true")
            variable = variables if isinstance(variables, str) else variables and variables[-1]
            if variable in TOGETHER:
                together[variable] = value
            elif variable:
                yield pytest.param(of_variable(**{variable: value}), id=variable)
            else:
                section = [f"{place[0]} =", f"  {place[1]} = {value}"] if isinstance(place, tuple) else []
                yield pytest.param(of_profile(*(section or [f"{place} = {value}"])), id=str(place))
    yield pytest.param(of_variable(**together), id="many variables")
    yield from (pytest.param(setting, id=name) for name, setting in OTHERS.items())


@dataclass(frozen=True)
class Sent:
    """A request, and what it went through."""

    url: str
    headers: Mapping[str, str]
    scope: str  # of the signature
    body: object
    way: Mapping[str, Any]  # certificates, proxies and the like


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """The requests, which nobody gets: each has a good answer."""
    found: list[Sent] = []
    begin = URLLib3Session.__init__

    def remember(self: Any, *args: Any, **way: Any) -> None:
        begin(self, *args, **way)
        self.way = {name: value for name, value in way.items() if name not in OURS}

    def send(self: Any, request: AWSPreparedRequest) -> AWSResponse:
        found.append(_sent(request, self.way))
        content = b"" if request.method == "PUT" else b'{"jobId": "1", "events": [], "nextForwardToken": "t"}'
        return AWSResponse(request.url, 200, {"etag": '"x"'}, Body(content))  # type: ignore[arg-type]

    monkeypatch.setattr(URLLib3Session, "__init__", remember)
    monkeypatch.setattr(URLLib3Session, "send", send)
    return found


def _sent(request: Any, way: Mapping[str, Any]) -> Sent:
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    headers["user-agent"] = _FEATURES.sub("", headers["user-agent"])
    # Which attempt it is is not told in the quick way; so it is not signed.
    scope = re.sub(r"Signature=.*|/\d{8}/|amz-sdk-[a-z-]+;", "", headers.get("authorization", ""))
    body: object = request.body if isinstance(request.body, bytes) else b"".join(request.body)
    if "json" in headers.get("content-type", ""):
        body, headers["content-length"] = json.loads(request.body), "any"  # blanks count for nothing
    kept = {name: value for name, value in headers.items() if name not in _CHANGING}
    return Sent(re.sub(r"Signature=[^&]*", "", request.url), kept, scope, body, way)


PUT = {"Bucket": "my-bucket", "Key": "some dir/a+b=c&é", "Body": b"content"}
JOB = {"jobName": "x", "jobQueue": "q", "jobDefinition": "d"}
PART = {**PUT, "UploadId": "a+/=&é", "PartNumber": 7}
STREAM = {"logGroupName": "g", "logStreamName": "s"}
CALLS: Mapping[str, tuple[Callable[[Any], object], Callable[[Connection, str], object]]] = {
    "batch": (
        lambda client: client.submit_job(**JOB),
        lambda connection, region: connection.ask("batch", "SubmitJob", region, JOB),
    ),
    "logs": (
        lambda client: client.get_log_events(**STREAM),
        lambda connection, region: connection.ask("logs", "GetLogEvents", region, STREAM),
    ),
    "s3": (
        lambda client: client.put_object(**PUT),
        lambda connection, region: connection.put_object("my-bucket", region, {}).put(str(PUT["Key"]), b"content"),
    ),
    "s3 parts": (
        lambda client: client.upload_part(**PART),
        lambda connection, region: connection.put_part("my-bucket", region).put(
            str(PUT["Key"]), str(PART["UploadId"]), 7, b"content", lambda _: None
        ),
    ),
}


@pytest.fixture(autouse=True)
def _a_machine_without_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if re.match("AWS_|.*_(proxy|CA_BUNDLE)$", name, re.IGNORECASE)]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(botocore.session, "create_loader", _loader)
    for name, value in (("HOME", str(tmp_path)), ("AWS_EC2_METADATA_DISABLED", "true")):
        monkeypatch.setenv(name, value)


def configure(setting: Setting, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = "aws_access_key_id = key\naws_secret_access_key = word\n"
    profile = keys if "region" in setting.config else f"region = {REGION}\n{keys}"
    (place / ".aws").mkdir()
    for path in (place / ".aws" / "config", place / "config"):
        path.write_text(
            f"[profile another]\n{profile}[default]\n{profile}{setting.config}\n".replace("{tmp}", str(place))
        )
    (place / "credentials").write_text(f"[default]\n{keys}")
    for name, value in setting.environment.items():
        monkeypatch.setenv(name, value.replace("{tmp}", str(place)))
    if setting.default:
        make = botocore.session.get_session

        def get_session() -> Any:
            core = make()
            core.set_default_client_config(Config(**setting.default))
            return core

        monkeypatch.setattr(botocore.session, "get_session", get_session)


@pytest.mark.parametrize("setting", list(settings()))
def test_both_ways_send_the_same(
    setting: Setting, sent: list[Sent], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(setting, tmp_path, monkeypatch)
    session: Any = boto3.Session()
    connection = Connection(Access())
    for service, (slowly, quickly) in CALLS.items():
        if service in ("logs", "s3 parts") and setting not in OTHERS.values():
            continue  # it is as the others
        sent.clear()
        try:
            slowly(session.client(service.split()[0]))
        except BotoCoreError as error:
            with pytest.raises((type(error), InputError)):
                quickly(connection, connection.region)
            continue
        quickly(connection, connection.region)
        slow, quick = sent
        assert quick == slow, service
