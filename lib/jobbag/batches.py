"""Items by the dozen, as many as a call takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batches(items: Iterable[Item], most: int) -> Iterator[list[Item]]:
    """The items in order, `most` at a time; the last batch may be smaller. (Python 3.12 has itertools.batched.)"""
    iterator = iter(items)
    while batch := list(islice(iterator, most)):
        yield batch
