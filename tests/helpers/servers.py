"""Stand-ins for AWS, all on loopback and on ports that the system chooses."""

from __future__ import annotations

import functools
import io
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from helpers import processes
from helpers.remembered import remember_moto
from helpers.surroundings import LANG
from helpers.tool import REPO, SCRIPTS
from helpers.waiting import wait_until

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REGION = "us-east-1"
ACCOUNT = "123456789012"


def client(endpoint: str, service: str, region: str = REGION, key: str = "test") -> Any:
    """A client of boto3 for the AWS at the endpoint."""
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )


class Aws:
    """The AWS at an endpoint, and what is in it."""

    def __init__(self, endpoint: str, region: str = REGION, key: str = "test") -> None:
        """`key`: the access key that is let in."""
        self.endpoint, self.region, self.key = endpoint, region, key

    def client(self, service: str) -> Any:
        """A client for a service of it."""
        return client(self.endpoint, service, self.region, self.key)

    @functools.cached_property
    def batch(self) -> Any:
        """A client for Batch."""
        return self.client("batch")

    @functools.cached_property
    def s3(self) -> Any:
        """A client for S3."""
        return self.client("s3")

    @functools.cached_property
    def logs(self) -> Any:
        """A client for CloudWatch Logs."""
        return self.client("logs")

    @functools.cached_property
    def iam(self) -> Any:
        """A client for IAM."""
        return self.client("iam")

    def queues(self) -> list[str]:
        """The names of the job queues."""
        return sorted(one["jobQueueName"] for one in self.batch.describe_job_queues()["jobQueues"])

    def environments(self) -> list[str]:
        """The names of the compute environments."""
        found = self.batch.describe_compute_environments()["computeEnvironments"]
        return sorted(one["computeEnvironmentName"] for one in found)

    def definitions(self) -> list[str]:
        """The ACTIVE job definitions, as name:revision."""
        found = self.batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
        return sorted(f"{one['jobDefinitionName']}:{one['revision']}" for one in found)

    def buckets(self) -> list[str]:
        """The names of the buckets."""
        return sorted(one["Name"] for one in self.s3.list_buckets()["Buckets"])

    def keys(self, bucket: str) -> list[str]:
        """The keys in a bucket."""
        return [one["Key"] for one in self.s3.list_objects_v2(Bucket=bucket).get("Contents", ())]

    def content(self, bucket: str, key: str) -> bytes:
        """The content of an object."""
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def everything(self) -> dict[str, list[str]]:
        """All entities and buckets."""
        return {
            "queues": self.queues(),
            "environments": self.environments(),
            "definitions": self.definitions(),
            "buckets": self.buckets(),
        }


NOTHING: dict[str, list[str]] = {"queues": [], "environments": [], "definitions": [], "buckets": []}


class Listener:
    """Counts the connections to a port of loopback, and drops them."""

    def __init__(self) -> None:
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


class MotoServer(Aws):
    """moto as a server in a thread of this process; its Batch ends each job at once and writes no log."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        self._server: Any = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)

    def __enter__(self) -> MotoServer:
        import logging

        from moto.core.config import default_user_config
        from moto.moto_api._internal.models import moto_api_backend

        remember_moto()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        moto_api_backend.reset()
        self._config: Any = default_user_config
        self._batch_before = self._config.get("batch")
        self._config["batch"] = {"use_docker": False}
        self._server.start()
        host, port = self._server.get_host_and_port()
        super().__init__(f"http://{host}:{port}")
        return self

    def __exit__(self, *_: object) -> None:
        from moto.moto_api._internal.models import moto_api_backend

        self._server.stop()
        self._config["batch"] = self._batch_before
        moto_api_backend.reset()

    def role(self, name: str = "service") -> str:
        """The ARN of a new role, without which moto makes no compute environment."""
        arn: str = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        return arn


class LocalServer(Aws):
    """`python -m jobbag.local` in a process of its own."""

    def __init__(self, place: Path, slots: int = 2, programs: str | Path = SCRIPTS) -> None:
        """`programs`: where jobs find `aws`."""
        self._programs = programs
        self._place, self._port_file, self._key_file = place, place / "port", place / "key"
        files = ["--port-file", str(self._port_file), "--key-file", str(self._key_file)]
        self._command = ["-m", "jobbag.local", *files, "--slots", str(slots)]

    def __enter__(self) -> LocalServer:
        path = f"{self._programs}:{os.environ.get('PATH', '')}"
        env = {"PYTHONPATH": str(REPO / "lib"), "PATH": path, "LANG": LANG}
        self._process = processes.start([sys.executable, *self._command], cwd=self._place, env=env)
        try:
            port = wait_until(lambda: self._port_file.exists() and self._port_file.read_text(), what="the server")
        except BaseException:
            self.__exit__()
            raise
        super().__init__(f"http://127.0.0.1:{port}", key=self._key_file.read_text())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def role(self) -> str:
        """A role of which nothing is known is as good as any other here."""
        return f"arn:aws:iam::{ACCOUNT}:role/service"


class SilentServer:
    """Takes connections and says nothing."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def wait_for_a_connection(self) -> socket.socket:
        """The first connection, which the caller closes."""
        self._socket.settimeout(30)
        return self._socket.accept()[0]

    def __enter__(self) -> SilentServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


Answer = Callable[[str, bytes], str | None]


class Requests:
    """A layer of WSGI that notes the requests that pass it, as `PUT /bucket/key`.

    `answer` is asked about each one with its body: a status that it gives is the answer, None lets the request pass.
    """

    def __init__(self, answer: Answer = lambda _, __: None) -> None:
        self.seen: list[str] = []
        self._answer = answer

    def wrap(self, application: WSGIApplication) -> WSGIApplication:
        """The application with the layer before it."""

        def noting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
            self.seen.append(request)
            body = b""
            if request == SUBMIT_JOB:
                body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                environ["wsgi.input"] = io.BytesIO(body)
            status = self._answer(request, body)
            if status is None:
                return application(environ, start_response)
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            answer = f"<Error><Code>{status.split(' ', 1)[1]}</Code><Message>refused</Message></Error>".encode()
            start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(answer)))])
            return [answer]

        return noting

    def count(self, request: str) -> int:
        """How often this request came."""
        return self.seen.count(request)


SUBMIT_JOB = "POST /v1/submitjob"
