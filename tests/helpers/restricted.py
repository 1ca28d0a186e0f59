"""Runs a Python script with less than it could do: `restricted.py KIND PYTHON SCRIPT WORD ...`.

KIND is `power`: root reads and writes only what the permissions of a file allow; or a number: no file gets larger than
so many bytes. Ends with 99 where the system does not let root lay down its power.
"""

from __future__ import annotations

import ctypes
import os
import resource
import runpy
import sys
from pathlib import Path

CAPABILITIES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def lay_down_power() -> None:
    """Of `capset`: a header of version and process, and twice 32 bits of what is effective, permitted, inherited."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    failed = libc.capget(header, sets)
    for index in range(2):
        sets[index] &= ~CAPABILITIES
    if failed or libc.capset(header, sets):
        sys.exit(99)


def main() -> None:
    """Restrict this process, and be the script in it."""
    kind, _, *sys.argv = sys.argv[1:]
    if kind != "power":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(kind), int(kind)))
    elif os.geteuid() == 0:
        lay_down_power()
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
