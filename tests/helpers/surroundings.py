"""What the tests take from whoever starts them, and what they say at their end."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

LANG = "C.UTF-8"
TAKEN = {"PATH", "TMPDIR", "CI", "LD_LIBRARY_PATH", "ZIPAPP_UNDER_TEST"}  # and what is pytest's own
_MISSING = re.compile(r"Skipped: (\S+) is not installed")


def clean() -> None:
    """Leave nothing of an environment, a mask for new files or ignored signals that could tell on a test.

    The tests that run side by side are processes that start with what is left here.
    """
    taken = TAKEN | ({"XDG_CACHE_HOME"} if "ZIPAPP_UNDER_TEST" in os.environ else set())
    for name in [name for name in os.environ if name not in taken and not name.startswith("PYTEST_")]:
        del os.environ[name]
    os.environ |= {"LANG": LANG, "TZ": "UTC", "AWS_EC2_METADATA_DISABLED": "true"}
    time.tzset()
    os.umask(0o022)
    sys.dont_write_bytecode = False  # else each process compiles all tests anew
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore this and the next
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and what nohup starts ignores this one


def settle(place: Path) -> None:
    """Have a home and a directory for temporary files in an own new directory, and python3 be this Python.

    What is called so may be a script that looks for one, such as pyenv's: half of the time of a short job.
    """
    for name, folder in (("HOME", "home"), ("TMPDIR", "tmp")):
        (place / folder).mkdir()
        os.environ[name] = str(place / folder)
    tempfile.tempdir = os.environ["TMPDIR"]
    programs = place / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    os.environ["PATH"] = os.pathsep.join([str(programs), os.environ["PATH"]])


def told(seconds: float, reasons: Iterable[str]) -> list[str]:
    """How long the tests took, and how many were skipped for want of which program."""
    missing = Counter(found[1] for reason in reasons if (found := _MISSING.match(reason)))
    skipped = ", ".join(f"{program} ({count})" for program, count in sorted(missing.items()))
    return [
        f"The tests took {seconds // 60:.0f} min {seconds % 60:.0f} s.",
        f"Skipped for want of a program: {skipped}." if skipped else "None was skipped for want of a program.",
    ]
