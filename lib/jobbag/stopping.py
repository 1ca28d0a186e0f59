"""What a signal leads to, and how long that may take."""

from __future__ import annotations

import time
from dataclasses import dataclass

from jobbag.errors import ExitCode, Interrupted

FOREVER = 86400.0  # s; each of the waits has its own bound
SHARE_OF_LOGS = 0.75  # of the time after SIGTERM; the rest is for the clean-up


@dataclass(frozen=True)
class Stopping:
    """What a signal leads to: the jobs are left alone, or terminated; then `grace` seconds for their logs.

    Whoever sends SIGTERM sends SIGKILL after it, so that with it all has to end in `grace` seconds.
    """

    detach: bool
    grace: float

    def detaches(self, interrupted: Interrupted) -> bool:
        """Whether the jobs are left alone. A session that drops is no wish to stop them."""
        return self.detach or interrupted.exit_code is ExitCode.SIGHUP

    def logs_until(self, interrupted: Interrupted) -> float:
        """Until when (time.monotonic()) logs are waited for."""
        share = SHARE_OF_LOGS if interrupted.exit_code is ExitCode.SIGTERM else 1.0
        return interrupted.at + share * self.grace

    def clean_up_seconds(self, interrupted: Interrupted | None) -> float:
        """How long the run may clean up. What is left then, a new start removes."""
        if interrupted is None or interrupted.exit_code is not ExitCode.SIGTERM:
            return FOREVER
        return max(interrupted.at + self.grace - time.monotonic(), 0.0)
