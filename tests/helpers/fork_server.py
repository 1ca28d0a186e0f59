"""Starts Python commands by forking, so that they need not load their modules: `fork_server.py FILE_DESCRIPTOR`.

The modules of the tool, and the libraries, are loaded here, once. Who connects to the socket, which listens, and sends
three file descriptors gets a process, of which they become the stdin, stdout and stderr. Its words, its environment and
its working directory follow, as a line of JSON, and its process id and exit status go back, in a line each.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import runpy
import select
import selectors
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

TESTS = Path(__file__).resolve().parents[1]
LOADED_FROM = [str(TESTS.parent / "lib"), str(TESTS)]


def load() -> None:
    """Load the tool with its libraries and the embedded AWS; some of it is loaded as it is used."""
    sys.path[:0] = LOADED_FROM
    import boto3

    import jobbag
    from helpers.remembered import remember_botocore, remember_moto
    from jobbag.local import CREDENTIALS, LocalAws

    for module in pkgutil.walk_packages(jobbag.__path__, "jobbag."):
        if not module.name.endswith("__main__"):
            import_module(module.name)

    remember_botocore()
    remember_moto()
    make: Any = boto3.client
    with LocalAws() as aws:
        for service in ("batch", "logs", "s3", "sts"):
            client = make(service, "us-west-2", endpoint_url=aws.endpoint, **CREDENTIALS)
            if service == "s3":
                client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
                client.put_object(Bucket="bucket", Key="key", Body=b"content")
                client.get_object(Bucket="bucket", Key="key")["Body"].read()
                client.delete_object(Bucket="bucket", Key="key")
                client.list_objects_v2(Bucket="bucket")
            elif service == "logs":
                client.create_log_group(logGroupName="group")
            client.close()
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join()
    boto3.DEFAULT_SESSION = None
    del sys.path[: len(LOADED_FROM)]
    gc.collect()
    gc.freeze()


def serve(listener: socket.socket) -> tuple[IO[str], list[int]]:
    """Fork for each who connects. Returns in the process that is to become the command, with what it was sent."""
    children: dict[int, socket.socket] = {}
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        for source in (listener, wake, sys.stdin):
            selector.register(source, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if wake in ready:
                os.read(wake, 1024)
                reap(children)
            if sys.stdin in ready:  # the tests have ended, or were killed: nothing is left of them
                for child in children:
                    os.kill(child, signal.SIGKILL)
                sys.exit()
            if listener not in ready:
                continue
            conversation, _ = listener.accept()
            _, files, _, _ = socket.recv_fds(conversation, 1, 3)
            if child := os.fork():
                children[child] = conversation
                conversation.sendall(f"{child}\n".encode())
                for file in files:
                    os.close(file)
                continue
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            break
    for each in (listener, *children.values()):
        each.close()
    os.close(wake)
    os.close(waker)
    return conversation.makefile(), files


def reap(children: dict[int, socket.socket]) -> None:
    """Tell how those ended that did."""
    while children:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            return
        with children.pop(child) as conversation, suppress(OSError):  # nobody waits for it
            conversation.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def become(conversation: IO[str], files: list[int]) -> NoReturn:
    """Be the command: `SCRIPT WORD ...` or `-m MODULE WORD ...`."""
    with conversation:
        request = json.loads(conversation.readline())
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    if "LANG" not in os.environ:
        os.environ["LC_CTYPE"] = "C.UTF-8"  # as Python does where no locale is set
    # As Python makes them, after what these files are: a terminal, a pipe, a file.
    wanted = os.environ.get("PYTHONIOENCODING", "").partition(":")
    encoding, errors = wanted[0] or "utf-8", wanted[2] or ("strict" if wanted[0] else sys.stdout.errors)
    sys.stdin = open(0, encoding=encoding, errors=errors, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding=encoding, errors=errors, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding=encoding, errors=sys.stderr.errors, closefd=False)  # noqa: SIM115
    time.tzset()
    script, *words = request["words"]
    sys.path[1:1] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if script == "-m":
        sys.argv = words
        sys.path[0] = os.getcwd()
        run = partial(runpy.run_module, words[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [script, *words]
        sys.path[0] = str(Path(script).resolve().parent)
        run = partial(runpy.run_path, script, run_name="__main__")
    try:
        run()
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        leave(end.code or 0)
    leave(0)


def leave(status: int) -> NoReturn:
    """End as Python does, but for taking apart what is loaded: that is a third of the CPU of a short command."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status & 0xFF)


def main() -> None:
    """Load when somebody connects, and serve until stdin ends."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    if listener in select.select([listener, sys.stdin], [], [])[0]:
        load()
        become(*serve(listener))


if __name__ == "__main__":
    main()
