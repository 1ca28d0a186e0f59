"""Runs a command and tells what it took: `launch.py COMMAND...`, a program of its own.

Linux counts the memory of who starts a process as that process's peak, too. So whatever is measured is started
from here, where next to nothing is loaded.
"""

import json
import os
import signal
import sys
import time

begin = time.monotonic()
pid = os.posix_spawnp(
    sys.argv[1],
    sys.argv[1:],
    os.environ,
    file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)],  # stdout is for what is told here
    setsigdef=[signal.SIGPIPE, signal.SIGHUP],  # of the last: where nohup has started the bench
)
print(pid, flush=True)
_, status, usage = os.wait4(pid, 0)
took = {
    "status": os.waitstatus_to_exitcode(status),
    "begin": begin,
    "end": time.monotonic(),
    "cpu": usage.ru_utime + usage.ru_stime,
    "memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
}
print(json.dumps(took), flush=True)
