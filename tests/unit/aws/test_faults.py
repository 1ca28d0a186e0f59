"""What an error of botocore means: whether to slow down, to try again, or to believe it."""

from __future__ import annotations

import botocore.exceptions as exceptions
import pytest

from jobbag.aws.faults import is_throttle, is_transient, may_have_happened, translated
from jobbag.errors import AwsError, InputError

URL = "http://127.0.0.1:1/"
SENT = RuntimeError("broken")


def answer(status: int, code: str, message: str = "no") -> exceptions.ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return exceptions.ClientError(response, "SubmitJob")  # type: ignore[arg-type]


THROTTLES = [
    answer(429, "TooManyRequestsException"),
    answer(429, "429"),
    answer(429, ""),
    answer(400, "ThrottlingException"),
    answer(400, "Throttling"),
    answer(503, "SlowDown"),
    answer(400, "RequestLimitExceeded"),
]
SERVER_ERRORS = [answer(500, "ServerException"), answer(502, "502"), answer(503, "503"), answer(504, "504")]
NOT_SENT = [
    exceptions.EndpointConnectionError(endpoint_url=URL),
    exceptions.ConnectTimeoutError(endpoint_url=URL),
    exceptions.ProxyConnectionError(proxy_url=URL),
]
CUT_SHORT = [answer(400, "RequestTimeout"), answer(400, "RequestTimeoutException")]  # all of it did not come in time
LOST = [
    exceptions.ConnectionClosedError(endpoint_url=URL),
    exceptions.ReadTimeoutError(endpoint_url=URL),
    exceptions.ResponseStreamingError(error=SENT),
]
FOR_GOOD = [
    answer(400, "ClientException"),
    answer(403, "AccessDeniedException"),
    answer(404, "404"),
    exceptions.ParamValidationError(report="x"),
    exceptions.NoCredentialsError(),
    ValueError("x"),
]


def name(error: Exception) -> str:
    if isinstance(error, exceptions.ClientError):
        return f"{error.response['Error']['Code']}/{error.response['ResponseMetadata']['HTTPStatusCode']}"
    return type(error).__name__


@pytest.mark.parametrize("error", THROTTLES, ids=name)
def test_throttles(error: Exception) -> None:
    assert (is_throttle(error), is_transient(error), may_have_happened(error)) == (True, True, False)


@pytest.mark.parametrize("error", [*SERVER_ERRORS, *LOST], ids=name)
def test_what_may_have_happened(error: Exception) -> None:
    assert (is_throttle(error), is_transient(error), may_have_happened(error)) == (False, True, True)


@pytest.mark.parametrize("unsure", [True, False])
@pytest.mark.parametrize("error", [SERVER_ERRORS[0], LOST[0], FOR_GOOD[0]], ids=name)
def test_whether_the_call_may_have_taken_effect_is_told(error: Exception, unsure: bool) -> None:
    told = translated("SubmitJob", error, unsure=unsure)
    assert isinstance(told, AwsError)
    assert told.unsure is unsure


@pytest.mark.parametrize("error", [*NOT_SENT, *CUT_SHORT], ids=name)
def test_what_was_never_sent(error: Exception) -> None:
    assert (is_throttle(error), is_transient(error), may_have_happened(error)) == (False, True, False)


@pytest.mark.parametrize("error", FOR_GOOD, ids=name)
def test_what_will_not_change(error: Exception) -> None:
    assert (is_throttle(error), is_transient(error), may_have_happened(error)) == (False, False, False)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Error executing request, Exception : JobQueue q not found, RequestId: 1b2c-3d", "JobQueue q not found"),
        ("Error executing request, Exception : no, really", "no, really"),
        ("Error executing request, Exception : two\nlines, RequestId: 0", "two\nlines"),
        ("JobQueue q not found", "JobQueue q not found"),
        ("", "ClientException"),
    ],
)
def test_the_wrapping_of_awss_messages_is_taken_off(message: str, shown: str) -> None:
    error = translated("SubmitJob", answer(400, "ClientException", message), unsure=False)
    assert isinstance(error, AwsError)
    assert error.message == shown
    assert str(error) == f"SubmitJob failed: {shown} (ClientException)"


def test_missing_credentials_are_an_input_error() -> None:
    assert isinstance(translated("SubmitJob", exceptions.NoCredentialsError(), unsure=False), InputError)
