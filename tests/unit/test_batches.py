"""Items in batches."""

from __future__ import annotations

from itertools import count, islice

import pytest

from jobbag.batches import batches


@pytest.mark.parametrize(("number", "sizes"), [(0, []), (1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])])
def test_all_items_are_there_in_order(number: int, sizes: list[int]) -> None:
    found = list(batches(range(number), 3))
    assert [len(batch) for batch in found] == sizes
    assert [item for batch in found for item in batch] == list(range(number))


def test_no_item_is_taken_before_its_batch_is_asked_for() -> None:
    numbers = count()
    assert list(islice(batches(numbers, 2), 2)) == [[0, 1], [2, 3]]
    assert next(numbers) == 4
