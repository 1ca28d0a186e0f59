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


class NoAnswer(exceptions.BotoCoreError):
    """What came is not of AWS: the page of a proxy, or a part of an answer. It may pass, as an outage does."""

    fmt = "{service} answered with something that is no answer: {what}"


class Unfit(NoAnswer):
    """An answer lacks what it must have, or has what it cannot. Unless it broke off, this will not pass soon."""


class NoCredentials(exceptions.CredentialRetrievalError):
    """The credentials cannot be had, or cannot be used. `what`, in words without a secret."""

    fmt = "{what}"


_LOST = (  # the request went out, and what became of it is not known
    exceptions.ReadTimeoutError, exceptions.ConnectionClosedError, exceptions.ResponseStreamingError,
    exceptions.IncompleteReadError, exceptions.HTTPClientError, NoAnswer,
)  # fmt: skip
_NOT_SENT = (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError, exceptions.ProxyConnectionError)
_CUT_SHORT = {"RequestTimeout", "RequestTimeoutException"}  # of S3, for which the request came too slowly
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_NO_TOKEN = (
    exceptions.CredentialRetrievalError, exceptions.UnauthorizedSSOTokenError, exceptions.TokenRetrievalError,
)  # fmt: skip
_UNKNOWN_CALL = {
    "NotImplemented", "MethodNotAllowed", "UnknownOperationException", "InvalidAction", "UnsupportedOperation",
}  # fmt: skip
_WRAPPED = re.compile(r"^Error executing request, Exception : (.*?)(?:, RequestId: [-0-9a-f]+)?$", re.DOTALL)


def is_throttle(error: BaseException | None) -> bool:
    """Whether the service asked to slow down."""
    if not isinstance(error, exceptions.ClientError):
        return False
    return code_of(error) in _THROTTLES or _status(error) == 429


def is_expired(error: BaseException | None) -> bool:
    """Whether the credentials have expired, or their renewal has failed."""
    if isinstance(error, exceptions.ClientError):
        return code_of(error) in _EXPIRED
    return isinstance(error, _NO_TOKEN)


def is_bare_refusal(error: BaseException) -> bool:
    """Whether it is a refusal that says not why, as the answer to HEAD, which has no body: expired credentials?"""
    return isinstance(error, exceptions.ClientError) and code_of(error) in ("400", "403")


def is_of(error: BaseException, *modules: str) -> bool:
    """Whether an error came through one of these modules, such as botocore's parsers, which let out what they meet."""
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_globals.get("__name__") in modules:
            return True
        step = step.tb_next
    return False


def is_unsupported(error: BaseException) -> bool:
    """Whether the server does not have this call at all."""
    return isinstance(error, exceptions.ClientError) and (
        _status(error) in (405, 501) or code_of(error) in _UNKNOWN_CALL
    )


def is_transient(error: BaseException) -> bool:
    """Whether the same call may well succeed later."""
    if isinstance(error, exceptions.ClientError):
        return is_throttle(error) or _is_of_server(error) or code_of(error) in _CUT_SHORT
    return isinstance(error, (*_NOT_SENT, *_LOST))


def kind_of_trouble(operation: str, error: BaseException | None) -> str:
    """In a few words for the user, why a call is tried again."""
    if is_throttle(error):
        return f"throttling of {operation}"
    if is_expired(error):
        return "expired credentials"
    if isinstance(error, exceptions.ClientError) and not is_transient(error):
        return f"what {operation} names and AWS does not know yet"
    return f"an outage of {operation}"


def may_have_happened(error: BaseException) -> bool:
    """Whether the call may have taken effect although it raised this error."""
    if isinstance(error, exceptions.ClientError):
        return _is_of_server(error) and not is_throttle(error)
    return isinstance(error, _LOST) and not isinstance(error, _NOT_SENT)


def _is_of_server(error: exceptions.ClientError) -> bool:
    return _status(error) >= 500 and not is_unsupported(error)


def code_of(error: exceptions.ClientError) -> str:
    """AWS's code of an error; of one without, "", or the HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: exceptions.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def translated(operation: str, error: Exception, *, unsure: bool) -> AwsError | InputError:
    """An error of botocore as one of ours. `unsure`: the call may have taken effect."""
    if isinstance(error, exceptions.ClientError):
        code = code_of(error) or str(_status(error))
        message = str(error.response.get("Error", {}).get("Message", "")) or code
        wrapped = _WRAPPED.match(message)
        message = wrapped[1] if wrapped else message
        return AwsError(operation, code, message, unsure=unsure, unsupported=is_unsupported(error))
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return InputError.of("AWS credentials", str(error))
    return AwsError(operation, type(error).__name__, str(error), unsure=unsure)
