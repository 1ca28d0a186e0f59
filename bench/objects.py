"""`python -m bench.objects DIR`: are the files of the directory in the bucket, byte by byte, and nothing else?"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import boto3

from .measure import NAME

BLOCK = 1024 * 1024  # bytes


def main() -> None:
    """Compare all; the exit status is 1 if something differs."""
    client: Any = boto3.client("s3")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=NAME, Prefix="in/")
    etags = {item["Key"].removeprefix("in/"): item["ETag"].strip('"') for page in pages for item in page["Contents"]}
    files = {path.name: path for path in Path(sys.argv[1]).iterdir()}
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
