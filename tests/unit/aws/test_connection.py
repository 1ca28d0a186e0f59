"""Where requests go and who they are from, as far as it is known before one is sent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from botocore.utils import parse_timestamp

from helpers.clients import s3_of
from jobbag.aws.client import Cloud
from jobbag.aws.connection import Access, moment
from jobbag.errors import InputError

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture(autouse=True)
def _an_environment_without_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def s3_address(access: Access) -> str:
    return str(s3_of(Cloud(access)).meta.endpoint_url)


def test_without_credentials_nothing_begins() -> None:
    with pytest.raises(InputError, match="AWS credentials"):
        Cloud(Access(region="us-east-1"))


def test_without_a_region_nothing_begins() -> None:
    with pytest.raises(InputError, match="AWS region"):
        Cloud(Access(credentials=KEYS))


def test_a_profile_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(InputError, match="nobody"):
        Cloud(Access(region="us-east-1"))


def test_the_option_beats_awss_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert Cloud(Access(credentials=KEYS)).region == "eu-west-1"
    assert s3_address(Access(credentials=KEYS)) == "http://127.0.0.1:1"
    assert Cloud(Access(region="us-west-2", credentials=KEYS)).region == "us-west-2"
    assert s3_address(Access("http://127.0.0.1:2", credentials=KEYS)) == "http://127.0.0.1:2"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:3")
    assert s3_address(Access(credentials=KEYS)) == "http://127.0.0.1:3"


@pytest.mark.parametrize("endpoint", ["https://batch.us-west-2.amazonaws.com", "https://batch.us-west-2.api.aws/"])
def test_the_address_of_one_service_of_aws_is_not_used_for_another(endpoint: str) -> None:
    assert s3_address(Access(endpoint, "us-west-2", KEYS)) == "https://s3.us-west-2.amazonaws.com"


def test_a_profile_gives_region_and_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(
        "[profile mine]\nregion=ca-central-1\naws_access_key_id=a\naws_secret_access_key=b\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    assert Cloud(Access()).region == "ca-central-1"


def test_an_address_that_cannot_be_one_is_an_input_error() -> None:
    with pytest.raises(InputError, match="AWS configuration"):
        s3_address(Access("http://exa mple", "us-east-1", KEYS))


@pytest.mark.parametrize(
    "told",
    [
        "2026-11-28T05:13:52.000Z",
        "2026-11-28T05:13:52.123456Z",
        "2026-11-28T05:13:52Z",
        "2026-11-28T05:13:52+02:00",
        "20261128T051352Z",
        "2026-11-28",
        "Sat, 28 Nov 2026 05:13:52 GMT",
        "1795842832",
        1795842832,
        1795842832.5,
    ],
)
def test_times_are_what_botocore_takes_them_for(told: Any) -> None:
    assert moment(told) == parse_timestamp(told)
    assert moment(told).utcoffset() == parse_timestamp(told).utcoffset()


@pytest.mark.parametrize("told", ["soon", "", None])
def test_what_is_no_time_is_botocores_error(told: object) -> None:
    with pytest.raises(ValueError, match="timestamp"):
        moment(told)
