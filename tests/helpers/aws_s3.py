"""A small `aws s3` for jobs, which starts in a moment where the real one takes a second: cp, cp --recursive, ls.

It asks the AWS of AWS_ENDPOINT_URL and signs nothing: that one looks at the access key alone.
"""

from __future__ import annotations

import os
import re
import sys
from html import unescape
from http.client import HTTPConnection
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote


def ask(method: str, path: str, body: bytes | None = None) -> bytes:
    """The body of the answer. Fails if that is an error."""
    connection = HTTPConnection(os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"))
    credential = f"Credential={os.environ['AWS_ACCESS_KEY_ID']}/20000101/us-east-1/s3/aws4_request"
    connection.request(
        method, quote(path, safe="/?=&%"), body, {"Authorization": f"AWS4-HMAC-SHA256 {credential}, Signature=x"}
    )
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        sys.exit(f"{method} {path}: {answer.status} {answer.reason}")
    return content


def keys(place: str) -> list[str]:
    """The keys below s3://bucket/prefix."""
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    listed = ask("GET", f"/{bucket}?list-type=2&prefix={quote(prefix)}").decode()
    return [unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", listed)]


def open_file(name: str, mode: str, standard: BinaryIO) -> BinaryIO:
    """The file; `-` is stdin or stdout."""
    if name == "-":
        return standard
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    return open(name, mode)  # type: ignore[return-value]


def main(command: str, *words: str) -> None:
    """Do it."""
    source, *target = [word for word in words if not word.startswith("--")]
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    if command == "ls":
        print("\n".join(f"2000-01-01 00:00:00          0 {key.removeprefix(prefix)}" for key in keys(source)))
    elif not source.startswith("s3://"):
        with open_file(source, "rb", sys.stdin.buffer) as file:
            ask("PUT", f"/{target[0].removeprefix('s3://')}", file.read())
    else:
        whole = {key: f"{target[0]}/{key.removeprefix(prefix)}" for key in keys(source)}
        for key, name in (whole if "--recursive" in words else {prefix: target[0]}).items():
            with open_file(name, "wb", sys.stdout.buffer) as file:
                file.write(ask("GET", f"/{bucket}/{key}"))


if __name__ == "__main__":
    main(*sys.argv[1:])
