"""A task of redun for each job, whose value is what the job prints; the last task writes all of them to a file."""

import os
import subprocess
from pathlib import Path

from redun import task

redun_namespace = "bench"


@task(executor="batch")
def job(number: int) -> str:
    return subprocess.run(["job", str(number)], capture_output=True, check=True, text=True).stdout


@task()
def collect(outputs: list[str]) -> int:
    return Path("all.out").write_text("".join(outputs))


@task()
def main() -> int:
    return collect([job(number) for number in range(int(os.environ["JOBS"]))])
