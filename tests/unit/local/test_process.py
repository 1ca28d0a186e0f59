"""Running a command as a process group."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from jobbag.local.process import Ended, Leash, run


class Collected(bytearray):
    """A sink that keeps what it gets."""

    def write(self, data: bytes) -> None:
        self.extend(data)

    def flush(self) -> None:
        """Nothing is kept back."""


def test_a_program_that_is_still_open_for_writing_is_waited_for(tmp_path: Path) -> None:
    """A process that another thread starts just now inherits the file, and closes it only when it executes."""
    program, sink = tmp_path / "program", Collected()
    with program.open("w") as file:
        file.write("#!/bin/sh\necho ran\n")
        file.flush()
        program.chmod(0o755)
        closing = threading.Timer(0.1, file.close)
        closing.start()
        assert run([str(program)], {}, tmp_path, sink, Leash()) == Ended(0)
        closing.join()
    assert sink == b"ran\n"


def test_a_leash_that_was_pulled_before_the_start_ends_the_process(tmp_path: Path) -> None:
    leash = Leash()
    leash.pull(30)
    assert run(["/bin/sleep", "1000"], {}, tmp_path, Collected(), leash) == Ended(143)


def test_the_shorter_grace_counts() -> None:
    leash = Leash()
    leash.pull(30)
    leash.pull(1)
    shorter = leash.kill_at
    leash.pull(60)
    assert leash.kill_at == shorter


def test_a_failing_sink_leaves_no_process(tmp_path: Path) -> None:
    class Full(Collected):
        def write(self, data: bytes) -> None:
            raise OSError(data)

    with pytest.raises(OSError, match="pid") as failed:
        run(["/bin/sh", "-c", "echo pid $$; exec sleep 1000"], {}, tmp_path, Full(), Leash())
    pid = failed.value.args[0].split()[1].decode()
    assert not Path(f"/proc/{pid}").exists()
