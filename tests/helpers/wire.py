"""A way to AWS that can be cut."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Wire:
    """Passes connections on to a port, until it is cut: then the port refuses them, until it is mended."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.removeprefix("http://").partition(":")
        self._to = (host, int(port))
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._bind(0)
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.mend()

    def _bind(self, port: int) -> None:
        """Take the port, so that nobody else gets it; one that nobody listens on refuses connections."""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                near = listener.accept()[0]
                far = socket.create_connection(self._to)
            except OSError:
                return
            with self._lock:
                self._connections |= {near, far}
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Refuse connections, and break those that there are."""
        port = self._socket.getsockname()[1]
        with self._lock:
            broken = [self._socket, *self._connections]
        for each in broken:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._bind(port)

    def mend(self) -> None:
        """Take connections again."""
        self._socket.listen()
        threading.Thread(target=self._serve, args=(self._socket,), daemon=True).start()

    def close(self) -> None:
        """Cut it, and leave nothing."""
        self.cut()
        for each in (self._socket, *self._connections):
            each.close()
