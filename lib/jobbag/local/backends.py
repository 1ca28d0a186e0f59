"""The way into moto's own objects."""

from __future__ import annotations

import threading
from pathlib import Path

from moto.core.exceptions import ServiceException
from moto.moto_api._internal.models import moto_api_backend
from moto.s3.models import s3_backends

from .entities import ACCOUNT

MOTO = threading.Lock()
"""moto is not safe in threads: whoever goes into it holds this."""


def forget() -> None:
    """Drop all of moto's state."""
    with MOTO:
        moto_api_backend.reset()


def download(bucket: str, key: str, target: Path) -> None:
    """Copy an object of S3 to a file; raises OSError if there is none."""
    try:
        with MOTO:
            found = s3_backends[ACCOUNT]["aws"].get_object(bucket, key)
    except ServiceException as error:
        raise OSError(error.message) from error
    if found is None:
        raise OSError("The specified key does not exist.")
    target.write_bytes(found.value)
