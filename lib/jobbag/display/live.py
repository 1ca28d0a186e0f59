"""The live display at the bottom of a terminal, drawn with rich."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.control import Control
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import ControlType, Segment
from rich.text import Text

from jobbag.display.progress import Snapshot
from jobbag.text import plain

WIDEST = 78  # columns, so that a terminal can be made much narrower before it breaks the lines


class Screen:
    """A terminal with a frame at its bottom. Only one thread may use it."""

    def __init__(self, terminal: TextIO, title: str) -> None:
        self._frame = Frame(plain(title))
        self._console = Console(file=terminal, force_terminal=True)
        self._live = Live(
            self._frame, console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()
        self._console.show_cursor(True)  # a run that is killed must not leave the terminal without one

    def show(self, now: Snapshot, above: str = "") -> None:
        """Draw the frame anew, and print whole lines above it."""
        self._frame.now = now
        with self._console:  # one write
            self._leave_broken_lines()
            if above:  # the frame comes with it
                self._console.print(Text(above.removesuffix("\n")), soft_wrap=True)
            else:
                self._live.refresh()

    def _leave_broken_lines(self) -> None:
        """Erase the rows that the last frame has more than lines.

        Most terminals that are made narrower break the lines that they show. The few that cut them off, and so lose
        text, lose a few lines of the log with it.
        """
        rows = sum(max(cells - 1, 0) // self._console.width for cells in self._frame.cells)
        self._console.control(Control(*[(ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)] * rows))

    def close(self) -> None:
        """Leave the last frame, and the cursor below it."""
        self._live.stop()


class Frame:
    """The snapshot `now` in a few lines of the terminal's width, whatever that is at the moment."""

    def __init__(self, title: str) -> None:
        self._title = title
        self.now = Snapshot({})
        self.cells: list[int] = []  # columns of each line that was drawn last

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(Group(*self._lines(min(options.max_width, WIDEST))), options, pad=False)
        self.cells = [Segment.get_line_length(line) for line in lines]
        for line in lines:
            yield from line
            yield Segment.line()

    def _lines(self, width: int) -> Iterator[RenderableType]:
        now = self.now
        for line in flow([f"{self._title}:", *_listed([*now.done_in_words, *now.time_in_words])], width):
            yield _styled(line, bold=self._title)
        if not now.over:
            yield ProgressBar(total=now.total, completed=now.ended, width=width)
            yield Text()  # which ends its line
        for label, parts in (("jobs", now.states_in_words), ("files", now.files_in_words)):
            for line in flow(_listed(parts), width, f"{label:7}") if parts else ():
                yield _styled(line, bold=label)
        if now.waits_for:
            for line in flow(plain(now.waits_for).split(" "), width):
                yield _styled(line)


def _styled(line: str, bold: str = "") -> Text:
    text = Text(line, no_wrap=True, overflow="ellipsis")
    if bold and line.startswith(bold):
        text.stylize("bold", 0, len(bold))
    text.highlight_regex(r"[\d,]+ (failed|FAILED)", "bold red")
    return text


def _listed(parts: Sequence[str]) -> list[str]:
    """With a comma behind all but the last."""
    return [*(f"{part}," for part in parts[:-1]), *parts[-1:]]


def flow(parts: Sequence[str], width: int, label: str = "") -> Iterator[str]:
    """Lines of at most `width` columns, broken between parts only, with a label before the first of them."""
    line, space = label, ""
    for part in parts:
        if space and cell_len(line) + 1 + cell_len(part) > width:
            yield line
            line, space = " " * len(label), ""
        line, space = f"{line}{space}{part}", " "
    yield line
