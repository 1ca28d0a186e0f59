"""A terminal, as a person sees it: a process on a pseudo terminal, and an emulator that shows what it draws."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

from helpers import processes

SECONDS = 60.0  # no test waits for it
_CONTROLLED = Path(__file__).with_name("controlled.py")


class _Reflowing(pyte.HistoryScreen):
    """Breaks lines that are longer than a new width, as most emulators do, where pyte cuts them off."""

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Only from a width in which no line was broken yet."""
        texts = [line.rstrip() for line in self.display[: self.cursor.y + 1]]
        super().resize(lines, columns)
        self.erase_in_display(2)
        self.cursor_position()
        for text in texts[:-1]:
            self.draw(text)
            self.carriage_return()
            self.linefeed()
        self.draw(texts[-1])


class Terminal:
    """Runs a command with its stderr, and its stdout if that is wanted, on a terminal. A context manager."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        columns: int = 80,
        lines: int = 24,
        stdout: int | None = None,
        reflows: bool = False,
        typing: bool = False,
    ) -> None:
        """`stdout`: where it goes (as subprocess has it); None: to the terminal. `reflows`: breaks long lines anew.

        `typing`: stdin is the terminal, too, which controls the process: what is typed is for a command of Python.
        """
        self._screen = (_Reflowing if reflows else pyte.HistoryScreen)(columns, lines, history=100_000)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = pty.openpty()
        self.resize(columns, lines)
        stdin, to_stdin = os.pipe()
        self._stdin = os.fdopen(to_stdin, "wb", buffering=0)
        python, *words = command
        self.process = processes.start(
            [python, str(_CONTROLLED), *words] if typing else command,
            cwd=cwd,
            env={"TERM": "xterm-256color", **env},
            stdin=slave if typing else stdin,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
        )
        os.close(stdin)
        os.close(slave)
        self.raw = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._stdin.close()
        os.close(self._master)

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size."""
        self._screen.resize(lines, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def say(self, *lines: str) -> None:
        """Lines for the stdin of the process."""
        self._stdin.write("".join(f"{line}\n" for line in lines).encode())

    def type(self, text: str) -> None:
        """Type at the terminal: `\x03` is Ctrl-C, and `\\n` Enter."""
        os.write(self._master, text.encode())

    @property
    def is_in_foreground(self) -> bool:
        """Whether what is typed is for the process."""
        return os.tcgetpgrp(self._master) == os.getpgid(self.process.pid)

    def until(self, condition: Callable[[list[str]], object]) -> list[str]:
        """The lines on the screen, once they are as wanted."""
        deadline = time.monotonic() + SECONDS
        while not condition(shown := self.screen):
            assert time.monotonic() < deadline, "\n".join(["not seen on this screen:", *shown])
            assert self._read(), "\n".join(["it ended with this screen:", *shown])
        return shown

    def shows(self, *texts: str) -> list[str]:
        """The lines on the screen, once these texts are all among them."""
        return self.until(lambda lines: all(any(text in line for line in lines) for text in texts))

    def end(self) -> int:
        """Read to the end; the exit status of the process."""
        self._stdin.close()
        deadline = time.monotonic() + SECONDS
        while self._read():
            assert time.monotonic() < deadline, "\n".join(["it does not end:", *self.screen])
        return self.process.wait(SECONDS)

    def _read(self) -> bool:
        """Draw what came, if anything came in a moment; false at the end."""
        if not select.select([self._master], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # all who could write have closed it
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)

    @property
    def screen(self) -> list[str]:
        """The lines on the screen, without the empty ones below them."""
        lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def all_lines(self) -> list[str]:
        """And those that have scrolled away, before them."""
        columns = range(self._screen.columns)
        gone = ["".join(line[column].data for column in columns).rstrip() for line in self._screen.history.top]
        return gone + self.screen

    @property
    def cursor(self) -> tuple[int, int]:
        """Its line and column, from 0."""
        return self._screen.cursor.y, self._screen.cursor.x

    @property
    def cursor_is_hidden(self) -> bool:
        return bool(self._screen.cursor.hidden)
