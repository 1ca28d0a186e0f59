"""Containers in which the launcher runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.servers import client
from jobbag.local import LocalAws

from .containers import BUCKET, SHELLS, WAYS, Container, Store, image


@pytest.fixture(scope="package")
def server() -> Iterator[Store]:
    store = Store()
    with LocalAws(wrap=store.wrap) as aws:
        store.home = aws.endpoint
        client(aws.endpoint, "s3").create_bucket(Bucket=BUCKET)
        yield store


@pytest.fixture
def store(server: Store) -> Store:
    server.clear()
    return server


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    """The shell of the image, as a command."""
    return SHELLS[request.param]


@pytest.fixture
def container(shell: list[str], tmp_path: Path, store: Store) -> Container:
    """One with curl or else, where there is none, with python3."""
    return image(shell, "curl" if WAYS["curl"] else "python3", tmp_path, store)


@pytest.fixture
def posix(tmp_path: Path, store: Store) -> Container:
    """One with the shell of this machine, which has curl, or else python3."""
    return image(["sh"], "curl" if WAYS["curl"] else "python3", tmp_path, store)
