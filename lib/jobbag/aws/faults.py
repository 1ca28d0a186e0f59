"""What an error of botocore means: a throttle, a fault that may pass, a lost answer, or a refusal for good.

The only module that knows what a throttle looks like.
"""

from __future__ import annotations

import re

import botocore.exceptions as exceptions

from jobbag.errors import AwsError, InputError

_THROTTLES = {
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
    "TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException", "SlowDown",
    "ProvisionedThroughputExceededException", "BandwidthLimitExceeded", "PriorRequestNotComplete",
    "EC2ThrottledException",
}  # fmt: skip
_LOST = (  # the request went out, and what became of it is not known
    exceptions.ReadTimeoutError, exceptions.ConnectionClosedError, exceptions.ResponseStreamingError,
    exceptions.IncompleteReadError, exceptions.HTTPClientError,
)  # fmt: skip
_NOT_SENT = (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError, exceptions.ProxyConnectionError)
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_NO_TOKEN = (
    exceptions.CredentialRetrievalError, exceptions.UnauthorizedSSOTokenError, exceptions.TokenRetrievalError,
)  # fmt: skip
_WRAPPED = re.compile(r"^Error executing request, Exception : (.*?)(?:, RequestId: [-0-9a-f]+)?$", re.DOTALL)


def is_throttle(error: BaseException | None) -> bool:
    """Whether the service asked to slow down."""
    if not isinstance(error, exceptions.ClientError):
        return False
    return error.response["Error"].get("Code") in _THROTTLES or _status(error) == 429


def is_expired(error: BaseException | None) -> bool:
    """Whether the credentials have expired, or their renewal has failed."""
    if isinstance(error, exceptions.ClientError):
        return error.response["Error"].get("Code") in _EXPIRED
    return isinstance(error, _NO_TOKEN)


def is_transient(error: BaseException) -> bool:
    """Whether the same call may well succeed later."""
    if isinstance(error, exceptions.ClientError):
        return is_throttle(error) or _status(error) >= 500
    return isinstance(error, (*_NOT_SENT, *_LOST))


def kind_of_trouble(operation: str, error: BaseException | None) -> str:
    """In a few words for the user, why a call is tried again."""
    if is_throttle(error):
        return f"throttling of {operation}"
    if is_expired(error):
        return "expired credentials"
    return f"an outage of {operation}"


def may_have_happened(error: BaseException) -> bool:
    """Whether the call may have taken effect although it raised this error."""
    if isinstance(error, exceptions.ClientError):
        return _status(error) >= 500 and not is_throttle(error)
    return isinstance(error, _LOST) and not isinstance(error, _NOT_SENT)


def _status(error: exceptions.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def translated(operation: str, error: Exception, *, unsure: bool) -> AwsError | InputError:
    """An error of botocore as one of ours. `unsure`: the call may have taken effect."""
    if isinstance(error, exceptions.ClientError):
        details = error.response["Error"]
        code = str(details.get("Code", ""))
        message = str(details.get("Message", "")) or code
        wrapped = _WRAPPED.match(message)
        return AwsError(operation, code, wrapped[1] if wrapped else message, unsure=unsure)
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return InputError.of("AWS credentials", str(error))
    return AwsError(operation, type(error).__name__, str(error), unsure=unsure)
