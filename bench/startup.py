"""What a start costs that has nothing to do: --help."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from .measure import TOOL, environment, measure
from .results import MB, StartFigures

STARTS = 10
TIMEOUT = 60.0  # s
HEAVY = ("boto3", "botocore", "rich")
IMPORTED = re.compile(r"^import time:.*\|\s*([\w.]+)$", re.MULTILINE)


def run() -> StartFigures:
    """Start the tool several times, and once more to see what it imports. Raises Failed."""
    command, env = [*TOOL, "--help"], environment()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        here = Path(directory)
        measure(command, env, here, TIMEOUT)  # warms the caches
        usages = [measure(command, env, here, TIMEOUT) for _ in range(STARTS)]
    traced = subprocess.run(
        [sys.executable, "-X", "importtime", *TOOL[1:], "--help"],
        env=env, capture_output=True, text=True, check=True, timeout=TIMEOUT,
    )  # fmt: skip
    modules = IMPORTED.findall(traced.stderr)
    return StartFigures(
        cpu=median(usage.cpu for usage in usages),
        seconds=median(usage.seconds for usage in usages),
        memory=max(usage.memory for usage in usages) / MB,
        modules=len(modules),
        heavy=len({module for module in modules if module.partition(".")[0] in HEAVY}),
    )
