"""What AWS answers, held against the model of the service before anybody leans on it.

A proxy, a broken connection or another maker's server may answer with anything. What does not fit never comes further
than here: it is a fault of the call, as a lost answer is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from jobbag.aws.bodies import service_of
from jobbag.aws.faults import Unfit

LATEST = 10**14  # ms since the epoch, in the year 5138; most long numbers are times
LONGEST = 2 * 1024 * 1024  # characters of a text; an event of a log has 1 MiB at most

_Needed = Mapping[str, Any]  # by name, what a member must have in its turn; of a list, each of its items

_QUEUE: _Needed = {"jobQueueName": {}, "jobQueueArn": {}, "state": {}, "status": {}}
_ENVIRONMENT: _Needed = {"computeEnvironmentName": {}, "computeEnvironmentArn": {}, "state": {}, "status": {}}
_EVENT: _Needed = {"timestamp": {}, "message": {}, "ingestionTime": {}}
_UPLOAD: _Needed = {"Key": {}, "UploadId": {}, "Initiated": {}}
# What the tool cannot do without, of the answers that it reads. The first member of a listing is what it lists.
NEEDED: Mapping[str, _Needed] = {
    "SubmitJob": {"jobId": {}},
    "DescribeJobs": {"jobs": {"jobId": {}, "status": {}}},
    "ListJobs": {"jobSummaryList": {"jobId": {}}},
    "DescribeJobQueues": {"jobQueues": _QUEUE},
    "DescribeComputeEnvironments": {"computeEnvironments": _ENVIRONMENT},
    "DescribeJobDefinitions": {"jobDefinitions": {"jobDefinitionName": {}, "jobDefinitionArn": {}, "revision": {}}},
    "CreateJobQueue": {"jobQueueArn": {}},
    "CreateComputeEnvironment": {"computeEnvironmentArn": {}},
    "RegisterJobDefinition": {"jobDefinitionArn": {}, "revision": {}},
    "FilterLogEvents": {"events": {**_EVENT, "logStreamName": {}}},
    "GetLogEvents": {"events": _EVENT, "nextForwardToken": {}},
    "GetCallerIdentity": {"Account": {}, "Arn": {}},
    "GetRole": {"Role": {"Arn": {}}},
    "SimulatePrincipalPolicy": {"EvaluationResults": {"EvalActionName": {}, "EvalDecision": {}}},
    "HeadObject": {"ContentLength": {}, "ETag": {}},
    "PutObject": {"ETag": {}},
    "CreateMultipartUpload": {"UploadId": {}},
    "UploadPart": {"ETag": {}},
    "CompleteMultipartUpload": {"ETag": {}},
    "ListObjectsV2": {"IsTruncated": {}},
    "ListObjectVersions": {"IsTruncated": {}},
    "ListMultipartUploads": {"IsTruncated": {}},
}
# What these structures must have wherever they stand, if they are there.
_NEEDED_IN: Mapping[str, _Needed] = {
    "KeyValuePair": {"name": {}},
    "TerminateJobsErrorEntry": {"job": {}, "message": {}},
    "Object": {"Key": {}},
    "ObjectVersion": {"Key": {}, "VersionId": {}},
    "DeleteMarkerEntry": {"Key": {}, "VersionId": {}},
    "MultipartUpload": _UPLOAD,
    "Error": {"Key": {}},
}
_NUMBERS_AS_TEXT = {"ResourceRequirement": "value"}  # by structure, the member
_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,9})?")
_SEEN = 60  # characters of a value that a message shows


class _Wrong(Exception):
    """A value does not fit. `where` is the way to it, from the inside out."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.where: list[str] = []

    def __str__(self) -> str:
        where = "".join(reversed(self.where)).removeprefix(".") or "it"
        return f"{where}{self.args[0]}"


_Check = Callable[[Any], Any]  # gives the value as it is to be used; raises _Wrong


def checked(operation: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer of an operation (its model) with whole numbers as int. Raises Unfit if it is none.

    `answer` may be changed. Members that the model does not know are left as they are.
    """
    if operation.output_shape is None:
        return answer
    try:
        content: dict[str, Any] = _check_of_operation(operation)(answer)
    except _Wrong as wrong:
        raise Unfit(service=service_of(operation), what=str(wrong)) from None
    return content


def items_of(operation: str, page: Mapping[str, Any]) -> object:
    """What a page of a listing lists."""
    return page.get(next(iter(NEEDED[operation])))


# -- a check for each shape, made once


_checks: dict[tuple[str, str], _Check] = {}


def _check_of_operation(operation: Any) -> _Check:
    key = operation.service_model.service_name, operation.name
    if key not in _checks:
        _checks[key] = _check_of(operation.output_shape, NEEDED.get(operation.name, {}))
    return _checks[key]


def _check_of(shape: Any, needed: _Needed) -> _Check:
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, needed)
    if kind == "list":
        return _list(_check_of(shape.member, needed))
    if kind == "map":
        return _map(_check_of(shape.value, {}))
    return _SCALARS.get(kind, lambda value: value)  # what botocore alone reads: times, bytes


def _structure(shape: Any, needed: _Needed) -> _Check:
    needed = {**_NEEDED_IN.get(shape.name, {}), **needed}
    checks: dict[str, _Check] = {}
    made: list[None] = []  # once they are: a structure may have one of its own kind in it

    def check(value: Any) -> Any:
        if type(value) is not dict:
            raise _Wrong(f" is {_named(value)}")
        if not made:
            for name, member in shape.members.items():
                checks[name] = _check_of(member, needed.get(name, {}))
            if shape.name in _NUMBERS_AS_TEXT:
                checks[_NUMBERS_AS_TEXT[shape.name]] = _amount
            made.append(None)
        for name in needed:
            if name not in value:
                raise _Wrong(f" has no {name}")
        for name, one in value.items():
            if name in checks:
                try:
                    fit = checks[name](one)
                except _Wrong as wrong:
                    wrong.where.append(f".{name}")
                    raise
                if fit is not one:
                    value[name] = fit
        return value

    return check


def _list(of: _Check) -> _Check:
    def check(value: Any) -> Any:
        if type(value) is not list:
            raise _Wrong(f" is {_named(value)}")
        for number, one in enumerate(value):
            try:
                value[number] = of(one)
            except _Wrong as wrong:
                wrong.where.append(f"[{number}]")
                raise
        return value

    return check


def _map(of: _Check) -> _Check:
    def check(value: Any) -> Any:
        if type(value) is not dict:
            raise _Wrong(f" is {_named(value)}")
        for name in value:
            value[name] = of(value[name])
        return value

    return check


def _text(value: Any) -> Any:
    if type(value) is not str:
        raise _Wrong(f" is {_named(value)}")
    if len(value) > LONGEST:
        raise _Wrong(f" has {len(value)} characters")
    return value


def _amount(value: Any) -> Any:
    if not _AMOUNT.fullmatch(_text(value)):
        raise _Wrong(" is no amount")
    return value


def _truth(value: Any) -> Any:
    if type(value) is not bool:
        raise _Wrong(f" is {_named(value)}")
    return value


def _whole(value: Any) -> Any:
    if type(value) is float and value.is_integer():  # as some services write it
        value = int(value)
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise _Wrong(f" is {_named(value)}")
    return value


def _long(value: Any) -> Any:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value < LATEST:
        raise _Wrong(f" is {_named(value)}")
    return value


def _number(value: Any) -> Any:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _Wrong(f" is {_named(value)}")
    return value


_SCALARS: Mapping[str, _Check] = {
    "string": _text,
    "character": _text,
    "boolean": _truth,
    "integer": _whole,
    "long": _long,
    "float": _number,
    "double": _number,
}


def _named(value: Any) -> str:
    """A value as a message shows it: of texts only that it is one, as it may be a secret."""
    if isinstance(value, (int, float)):
        return repr(value)[:_SEEN]
    words: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}
    return words.get(type(value), "null")
