"""Bodies of answers as urllib3 gives them."""

from __future__ import annotations

import io
from collections.abc import Iterator


class Body:
    """A body that is there at once."""

    length_remaining = 0

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def read1(self, size: int) -> bytes:
        return self._content.read1(size)

    def stream(self) -> Iterator[bytes]:
        yield self._content.read()

    def release_conn(self) -> None:
        pass

    def close(self) -> None:
        pass
