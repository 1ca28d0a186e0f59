"""The options that say what is shown while a run lasts."""

from __future__ import annotations

from jobbag.options.option import Option
from jobbag.terminal import COLOURS

TERMINAL = (
    Option(
        ("--progress",),
        "How to show how far the run is. auto: a live display where stderr is a terminal, else as plain. plain: a "
        "line in the log when something has changed, each 30 seconds at most. off: not at all. Default: auto.",
        "how",
        "pegasus.aws.batch.progress",
        choices=("auto", "plain", "off"),
    ),
    Option(
        ("--follow",),
        "Show on stdout what the jobs print while they run, or what one of them prints: --follow=job. Each line "
        "stands behind the name of its job.",
        "job",
        optional=True,
    ),
    Option(
        ("--quiet",),
        "Say nothing on stderr but errors and questions. A log file and stdout have what they have without it.",
        key="pegasus.aws.batch.quiet",
    ),
    Option(
        ("--color",),
        "Whether what is said on stderr has colours. auto: on a terminal, unless NO_COLOR is set. Default: auto.",
        "when",
        "pegasus.aws.batch.color",
        choices=COLOURS,
    ),
)
