"""The pages of a listing, and whether they lead to an end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from jobbag.aws.answers import items_of
from jobbag.errors import AwsError

NO_END = "NoEnd"  # the code of the error for pages that lead nowhere
REMEMBERED = 1000  # tokens
IN_VAIN = 300  # pages one behind the other with nothing new; AWS gives empty ones while it searches


class Advance:
    """Looks at the pages of one listing."""

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._tokens: deque[str] = deque(maxlen=REMEMBERED)
        self._last: object = None
        self._in_vain = 0

    def __call__(self, token: str, items: object) -> None:
        """A page has these items, and the next one is to be asked for by this token. Raises AwsError if that is no use:

        the token was given before, or nothing new has come for too long.
        """
        if token in self._tokens:
            raise self._error("led in a circle: the token for the next page has been given before")
        self._tokens.append(token)
        self._in_vain = self._in_vain + 1 if not items or items == self._last else 0
        self._last = items
        if self._in_vain >= IN_VAIN:
            raise self._error(f"leads to no end: {IN_VAIN} pages one behind the other had nothing new")

    def _error(self, what: str) -> AwsError:
        return AwsError(self._operation, NO_END, f"the listing {what}")


def pages(operation: str, ask: Callable[..., dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The pages of a listing with a `nextToken`. `ask` makes one call, with more parameters; raises AwsError."""
    more: dict[str, str] = {}
    advance = Advance(operation)
    while True:
        page = ask(**more)
        yield page
        token = page.get("nextToken")
        if not token:
            return
        advance(token, items_of(operation, page))
        more = {"nextToken": token}
