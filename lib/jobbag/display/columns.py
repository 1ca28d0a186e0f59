"""Texts in the columns of a terminal, where some letters take two."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from jobbag.text import plain


def cut(text: str, columns: int | None) -> str:
    """The text in one row; whole if `columns` is None."""
    first, rest = _split(text, columns)
    return first if not rest else _split(text, (columns or 0) - 3)[0] + "..."


def folded(text: str, columns: int | None) -> list[str]:
    """The text in two rows at most, broken at a blank if there is one near the end of the first."""
    first, rest = _split(text, columns)
    if not rest:
        return [first]
    blank = first.rfind(" ", len(first) // 2)
    if blank > 0 and not rest.startswith(" "):
        first, rest = first[:blank], first[blank:] + rest
    return [first, cut(rest.lstrip(), columns)]


def padded(text: str, columns: int) -> str:
    """The text, with blanks up to so many columns."""
    return text + " " * (columns - cell_len(text))


def _split(text: str, columns: int | None) -> tuple[str, str]:
    """What fits in so many columns, and the rest."""
    text = plain(text).expandtabs(4)
    if columns is None or cell_len(text) <= columns:
        return text, ""
    first = set_cell_size(text, max(columns, 0))
    if not text.startswith(first):  # it ends with a space for half of a wide letter
        first = first[:-1]
    return first, text[len(first) :]
