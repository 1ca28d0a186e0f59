"""The one error of the embedded Batch, and the checks that raise it."""

from __future__ import annotations

import re
from typing import Any, NoReturn

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


class ClientException(Exception):
    """What AWS Batch answers, with status 400, to a request that it refuses."""


def refuse(message: str) -> NoReturn:
    """Refuse the request."""
    raise ClientException(message)


def required(body: dict[str, Any], *fields: str) -> None:
    """Refuse a request that lacks one of the fields, or has an empty one."""
    for field in fields:
        if body.get(field) in (None, "", [], {}):
            refuse(f"{field} must be provided")


def one_of(field: str, value: Any, *allowed: str) -> None:
    """Refuse a value that is none of those allowed."""
    if value not in allowed:
        refuse(f"{field} must be one of {', '.join(allowed)}, not {value!r}")


def legal_name(field: str, name: str) -> None:
    """Refuse a name of an entity that is too long or has characters that names cannot have."""
    if not NAME.fullmatch(name):
        refuse(f"{field} {name!r} must be 1 to 128 letters, digits, '-' and '_', the first a letter or digit")
