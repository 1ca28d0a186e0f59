"""`python -m jobbag.local`: the embedded AWS as a process of its own, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from . import LocalAws


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m jobbag.local", description="The embedded AWS as a server.")
    parser.add_argument("--port-file", type=Path, help="write the port number to this file once it is served")
    parser.add_argument("--slots", type=int, help="jobs at once (default: the number of processors)")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with LocalAws(slots=options.slots) as aws:
        if options.port_file:
            options.port_file.write_text(aws.endpoint.rpartition(":")[2])
        print(aws.endpoint, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
