"""The embedded AWS of `--local`: needs no account, no container engine and no network."""

from __future__ import annotations

from .attempt import CREDENTIALS
from .entities import ACCOUNT
from .server import LocalAws, StandIns

__all__ = ["ACCOUNT", "CREDENTIALS", "LocalAws", "StandIns"]
