"""Bodies of answers before anybody reads them: AWS's JSON and XML, or what a proxy or a web server says instead."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from jobbag.aws.faults import NoAnswer, Unfit

_NULL = re.compile(rb":\s*null")
_PAGE = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+)?html\b", re.IGNORECASE | re.DOTALL)
_BLANKS = b" \t\r\n\xef\xbb\xbf"  # and the mark that some put before UTF-8
_SEEN = 60  # characters of a foreign text that a message shows
MEANT = (404, 405, 429, 501)  # HTTP status of errors that mean what they say, whoever says it


def service_of(operation: Any) -> str:
    """The service of an operation (its model), as people call it."""
    return name_of(operation.service_model)


def name_of(service: Any) -> str:
    """A service (its model), as people call it."""
    return str(service.metadata.get("serviceAbbreviation") or service.metadata["serviceFullName"])


def decoded(operation: Any, body: bytes) -> dict[str, Any]:
    """An answer in JSON, without members that are null. Raises NoAnswer if it is no JSON object."""
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise NoAnswer(service=service_of(operation), what=shown(body)) from None
    content = _without_nulls(content) if _NULL.search(body) else content
    if content is not None and not isinstance(content, dict):
        raise Unfit(service=service_of(operation), what=shown(body))
    return content or {}


def _without_nulls(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_nulls(value) for key, value in content.items() if value is not None}
    return [_without_nulls(one) for one in content] if isinstance(content, list) else content


def is_foreign(body: bytes) -> bool:
    """Whether it is anything but XML of AWS."""
    text = body.lstrip(_BLANKS)
    return bool(text) and (not text.startswith(b"<") or _PAGE.match(text) is not None)


def refuse_foreign(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """A hook of botocore, before it parses an answer. Raises NoAnswer for one that should be XML, and is not."""
    body, status = response_dict["body"], response_dict["status_code"]
    protocol = operation_model.service_model.metadata["protocol"]
    if protocol not in ("rest-xml", "query") or not isinstance(body, bytes):
        return
    if status in MEANT and (is_foreign(body) or (not body and protocol == "query")):  # botocore reads no such thing
        error = f"<Code>{status}</Code><Message>{escape(shown(body))}</Message>"
        response_dict["body"] = f"<ErrorResponse><Error>{error}</Error></ErrorResponse>".encode()
    elif is_of_others(status, response_dict["headers"], body):
        raise NoAnswer(service=service_of(operation_model), what=named(status, body))


def is_of_others(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer in place of AWS's XML is somebody else's, as of a proxy."""
    return is_foreign(body) or (300 <= status < 400 and not _tells_where(headers, body))


def _tells_where(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a redirection is one of S3, which names a region or an error. Any other is not for us, as to a login."""
    return "x-amz-bucket-region" in headers or b"<Code>" in body


def named(status: int, body: bytes) -> str:
    """In a few words what a foreign answer is."""
    return f"HTTP status {status}, with {shown(body)}" if 300 <= status < 500 else shown(body)


def shown(body: bytes) -> str:
    """In a few words what a foreign body is."""
    if _PAGE.match(body.lstrip(_BLANKS)):
        return "a page in HTML"
    text = " ".join(body[:2000].decode(errors="replace").split())
    return f"{text[:_SEEN]!r}{'...' if len(text) > _SEEN else ''}" if text else "nothing"
