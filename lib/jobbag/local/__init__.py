"""The embedded AWS of `--local`: needs no account, no container engine and no network."""

from __future__ import annotations

from .attempt import CREDENTIALS
from .buckets import Buckets, InUse
from .server import LocalAws

__all__ = ["CREDENTIALS", "Buckets", "InUse", "LocalAws"]
