"""`python -m jobbag.local`: the embedded AWS as a process of its own, until SIGTERM or SIGINT.

It prints the variables that lead an AWS client to it. Its access key is made anew, at random, for each start: who has
another gets nothing.
"""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from . import CREDENTIALS, LocalAws


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m jobbag.local", description="The embedded AWS as a server.")
    parser.add_argument("--port-file", type=Path, help="write the port number to this file once it is served")
    parser.add_argument("--key-file", type=Path, help="write the access key to this file, which is yours alone, before")
    parser.add_argument("--slots", type=int, help="jobs at once (default: the number of processors)")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with LocalAws(slots=options.slots, private=True) as aws:
        if options.key_file:
            options.key_file.touch(mode=0o600)
            options.key_file.write_text(CREDENTIALS["aws_access_key_id"])
        if options.port_file:
            options.port_file.write_text(aws.endpoint.rpartition(":")[2])
        print(f"AWS_ENDPOINT_URL={aws.endpoint}")
        for name, value in CREDENTIALS.items():
            print(f"{name.upper()}={value}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
