"""Names that AWS accepts, made from the prefix of a run or from any other name."""

from __future__ import annotations

import hashlib
import re

from jobbag.entities.kinds import Kind

MAX_NAME = 128

LEGAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


class Names:
    """The default names of entities and the bucket: prefix + suffix, in a form that AWS accepts."""

    def __init__(self, prefix: str | None) -> None:
        self.prefix = prefix

    def of(self, kind: Kind) -> str:
        """The name of an entity."""
        return legal_name(f"{self.prefix}{kind.suffix}")

    def bucket(self) -> str:
        """The name of the bucket: 63 characters at most."""
        text = re.sub(r"[^a-z0-9-]+", "-", (self.prefix or "").lower()).strip("-")
        name = f"{text or 'jobs'}-bucket"
        name = f"b-{name}" if name.startswith(("xn--", "sthree-", "amzn-s3-demo-")) else name  # reserved by S3
        return _shortened(name, 63, keep="-bucket")


def legal_name(name: str) -> str:
    """`name` if AWS Batch accepts it; else made legal, with a hash, so that other names give others."""
    if LEGAL_NAME.fullmatch(name):
        return name
    cleaned = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    cleaned = cleaned if cleaned[:1].isalnum() else f"j{cleaned}"
    return f"{cleaned[: MAX_NAME - 11]}-{_digest(name)}"


def _shortened(name: str, most: int, keep: str) -> str:
    if len(name) <= most:
        return name
    tail = f"-{_digest(name)}{keep}"
    return name[: most - len(tail)].rstrip("-") + tail


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:10]
