"""The clients that are compared: this tool, those that everybody has, and those that PyPI has."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import bags
from ..bags import Load
from ..measure import NAME, SCRIPTS, TOOL
from . import environments, played
from .played import Writes

HERE = Path(__file__).with_name("scripts")
THIS, THIS_PACKED = "pegasus-aws-batch", "pegasus-aws-batch, packed"
OWN = (THIS, THIS_PACKED)
REDUN = ("redun", "--config", ".", "run", "workflow.py", "main")


@dataclass(frozen=True)
class Peer:
    """A client: its command, the scripts that it takes, its environment, and what its jobs write to S3 themselves."""

    name: str
    command: Sequence[str]
    scripts: Sequence[str] = ()
    environment: str = ""  # of environments.py; "": the programs that the benchmark has
    writes: Writes | None = None

    @property
    def programs(self) -> Path:
        """Where its programs are; they are installed if they are not there. Raises Failed."""
        return environments.programs(self.environment) if self.environment else SCRIPTS

    def prepare(self, load: Load, where: Path) -> None:
        """Put into a directory what the client needs there."""
        (where / "build").mkdir()
        for script in self.scripts:
            shutil.copy(HERE / script, where)
        if self.name in OWN:
            bags.write(load, 0, where)


def _own(array: str) -> list[str]:
    return [*TOOL, "bag.in", "-j", NAME, "-q", NAME, "-s", f"s3://{NAME}/bag", "-L", "warn", "--array", array]


def _snakemake(load: Load) -> list[str]:
    return [
        *("snakemake", "--executor", "aws-batch", "--jobs", str(load.jobs), "--container-image", "busybox"),
        *("--aws-batch-region", "us-east-1", "--aws-batch-job-queue", NAME),
        *("--aws-batch-job-role", "arn:aws:iam::123456789012:role/job"),
        *("--default-storage-provider", "s3", "--default-storage-prefix", f"s3://{NAME}/{played.SNAKEMAKE_PREFIX}"),
    ]


def peers(load: Load) -> list[Peer]:
    """All that run the bag, each in its turn."""
    return [
        Peer(THIS, _own("never")),
        Peer(THIS_PACKED, _own("always")),
        Peer("aws, in a loop", ["sh", "loop.sh"], ["loop.sh", "collect.sh"]),
        Peer("aws, xargs -P 8", ["sh", "xargs.sh"], ["xargs.sh", "collect.sh"]),
        Peer("redun", REDUN, ["workflow.py", "redun.ini"], "redun", played.of_redun),
        Peer("snakemake", _snakemake(load), ["Snakefile"], "snakemake", played.of_snakemake),
        Peer("nextstrain", ["sh", "nextstrain.sh"], ["nextstrain.sh"], "nextstrain"),
    ]
