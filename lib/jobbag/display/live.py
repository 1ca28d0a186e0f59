"""The live display at the bottom of a terminal, drawn with rich."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType, Segment
from rich.text import Text

from jobbag.display.progress import Snapshot
from jobbag.events.observation import ENDED
from jobbag.events.outcome import Verdict
from jobbag.terminal import FAILED, Look
from jobbag.text import plain

WIDEST = 78  # columns, so that a terminal can be made much narrower before it breaks the lines


class Screen:
    """A terminal with a frame at its bottom. Only one thread at a time may use it."""

    def __init__(self, terminal: TextIO, title: str, look: Look) -> None:
        self._frame = Frame(plain(title), letters=look.letters)
        self._console = Console(
            file=terminal,
            force_terminal=True,
            color_system="standard" if look.colour else None,
            no_color=not look.colour,
        )
        self._live = Live(
            self._frame, console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()
        self._console.show_cursor(True)  # a run that is killed must not leave the terminal without one

    def show(self, now: Snapshot | None, above: str = "") -> None:
        """Draw the frame anew, and print whole lines above it. None: draw none."""
        self._frame.now = now
        with self._console:  # one write
            self._leave_broken_lines()
            if above:  # the frame comes with it
                self._console.print(Text.from_ansi(above.removesuffix("\n")), soft_wrap=True)
            else:
                self._live.refresh()

    def _leave_broken_lines(self) -> None:
        """Erase the rows that the last frame has more than lines.

        Most terminals that are made narrower break the lines that they show. The few that cut them off, and so lose
        text, lose a few lines of the log with it.
        """
        rows = sum(max(cells - 1, 0) // self._console.width for cells in self._frame.cells)
        self._console.control(Control(*[(ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)] * rows))

    def clear(self, above: str = "") -> None:
        """Leave only the lines above the frame, until it is shown again; the cursor is below them."""
        self.show(None, above)
        if above:
            self._console.line()

    def write(self, text: str) -> None:
        """Write a text as it is, while there is no frame."""
        self._console.file.write(text)
        self._console.file.flush()

    def close(self) -> None:
        """Draw nothing any more."""
        self._live.stop()


class Frame:
    """The snapshot `now` in a few lines of the terminal's width, whatever that is at the moment."""

    def __init__(self, title: str, *, letters: bool = True) -> None:
        """`letters`: the terminal takes those beyond ASCII."""
        self._title = title
        self._bar = ("━", "✗", "─") if letters else ("=", "x", "-")
        self.now: Snapshot | None = None
        self.cells: list[int] = []  # columns of each line that was drawn last

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = self._lines(self.now, min(options.max_width, WIDEST)) if self.now is not None else ()
        lines = console.render_lines(Group(*shown), options, pad=False) if shown else []
        self.cells = [Segment.get_line_length(line) for line in lines]
        for line in lines:
            yield from line
            yield Segment.line()

    def _lines(self, now: Snapshot, width: int) -> Iterator[RenderableType]:
        for line in flow([f"{self._title}:", *_listed([*now.done_in_words, *now.time_in_words])], width):
            yield _styled(line, bold=self._title)
        yield self._progress(now, width)
        for label, parts in (("jobs", now.under_way_in_words), ("files", now.files_in_words)):
            for line in flow(_listed(parts), width, f"{label:7}") if parts else ():
                yield _styled(line, bold=label)
        if now.waits_for:
            for line in flow(plain(now.waits_for).split(" "), width):
                yield _styled(line)

    def _progress(self, now: Snapshot, width: int) -> Text:
        """A bar of the jobs that succeeded, that failed, of which one is enough for a letter, and of all others."""
        done, failed, other = self._bar
        of = max(now.total, 1)
        succeeded, bad = now.jobs.get(ENDED[0], 0), now.others.get(Verdict.FAILED, 0)
        wrong = max(width * bad // of, 1) if bad else 0
        right = min(width * succeeded // of, width - wrong)
        parts = ((done * right, "green"), (failed * wrong, "red"), (other * (width - right - wrong), "dim"))
        return Text.assemble(*parts, no_wrap=True)


def _styled(line: str, bold: str = "") -> Text:
    text = Text(line, no_wrap=True, overflow="ellipsis")
    if bold and line.startswith(bold):
        text.stylize("bold", 0, len(bold))
    text.highlight_regex(FAILED, "red")
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
