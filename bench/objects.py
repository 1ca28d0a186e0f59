"""`python -m bench.objects DIR`: are the files of the directory in the bucket, byte by byte, and nothing else?

With `--put` it puts them there as results of a job, with the checksums with which AWS's own tools do that.
"""

from __future__ import annotations

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from .measure import NAME, RESULTS

AT_ONCE = 32
BLOCK = 1024 * 1024  # bytes


def main() -> None:
    """Compare all, or put them; the exit status is 1 if something differs."""
    *options, directory = sys.argv[1:]
    if "--put" in options:
        _put(Path(directory))
    else:
        _compare(Path(directory))


def _put(directory: Path) -> None:
    client: Any = boto3.client("s3", config=Config(max_pool_connections=AT_ONCE))

    def put(path: Path) -> None:
        client.upload_file(str(path), NAME, RESULTS + path.name, ExtraArgs={"ChecksumAlgorithm": "CRC32"})

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(put, directory.iterdir()))


def _compare(directory: Path) -> None:
    client: Any = boto3.client("s3")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=NAME, Prefix="in/")
    etags = {item["Key"].removeprefix("in/"): item["ETag"].strip('"') for page in pages for item in page["Contents"]}
    files = {path.name: path for path in directory.iterdir()}
    if etags.keys() != files.keys():
        sys.exit(f"{len(files)} files, but {len(etags)} objects")
    for name, path in files.items():
        if etags[name] != _md5(path) and not _same(client, name, path):
            sys.exit(f"{name} differs")


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _same(client: Any, name: str, path: Path) -> bool:
    """For objects that went up in parts: their ETag is no digest of the whole."""
    body = client.get_object(Bucket=NAME, Key=f"in/{name}")["Body"]
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if body.read(len(block)) != block:
                return False
    return not body.read(1)


if __name__ == "__main__":
    main()
