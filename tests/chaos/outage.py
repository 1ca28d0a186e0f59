"""A run in whose middle no service of AWS can be reached for a while. Nobody helps it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from chaos.run import Run, lines_in
from chaos.stage import Inspected
from helpers.processes import Process
from helpers.tool import ENDPOINT
from helpers.wire import Wire

OUTAGE = 60.0  # s


class OutageRun(Run):
    """A run whose way to AWS is cut once, at a random instant; its one start ends well."""

    most_cuts = 1

    @contextmanager
    def _server(self) -> Iterator[Inspected]:
        with super()._server() as aws:
            self._wire = Wire(aws.endpoint)
            self._tool.env[ENDPOINT] = self._wire.endpoint
            try:
                yield aws
            finally:
                self._wire.close()

    def _instant(self) -> Callable[[], bool]:
        """In the middle: jobs have ended, and jobs have not been sent."""
        lines = self._chance.randint(2 * len(self._names), 5 * len(self._names))
        return lambda: lines_in(self._journal) >= lines

    def _cut_short(self, process: Process, aws: Inspected) -> None:
        del aws
        self._wire.cut()
        before = lines_in(self._journal)
        with suppress(subprocess.TimeoutExpired):
            process.wait(OUTAGE)
            self.outcome.wrong("outage", f"the run ended in the middle of it: {self._last_words()}")
        self._wire.mend()
        process.wait(self.patience)
        after = lines_in(self._journal)
        if "next in" not in self._said() or after <= before:
            self.outcome.wrong("outage", f"it was not noticed: the journal had {before} lines before, {after} after")
