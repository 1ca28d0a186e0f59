"""Regions and partitions come from botocore's data, and those of buckets from S3."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

import jobbag
from jobbag.aws.regions import BucketRegions, has_no_host, partition_of, region_problem, suffixes, url_of_s3


@pytest.mark.parametrize(
    ("region", "partition", "url"),
    [
        ("us-east-1", "aws", "https://s3.us-east-1.amazonaws.com"),
        ("us-west-2", "aws", "https://s3.us-west-2.amazonaws.com"),
        ("cn-north-1", "aws-cn", "https://s3.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "https://s3.us-gov-west-1.amazonaws.com"),
        ("us-iso-east-1", "aws-iso", "https://s3.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "aws-iso-b", "https://s3.us-isob-east-1.sc2s.sgov.gov"),
        ("nowhere", "aws", "https://s3.nowhere.amazonaws.com"),
        ("eusc-de-east-1", "aws-eusc", "https://s3.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_a_region_has_a_partition_and_an_s3(region: str, partition: str, url: str) -> None:
    assert (partition_of(region), url_of_s3(region)) == (partition, url)


def test_host_names_of_all_partitions_are_known() -> None:
    assert {".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".c2s.ic.gov"} <= set(suffixes())


def test_no_partition_is_spelled_in_the_code_but_for_consoles_which_botocore_does_not_know() -> None:
    files = [path for path in Path(jobbag.__file__).parent.rglob("*") if path.suffix in (".py", ".sh")]
    texts = {path.name: path.read_text().replace("http://s3.amazonaws.com/doc/2006-03-01/", "") for path in files}
    assert [name for name, text in texts.items() if "amazonaws" in text or "arn:aws" in text] == ["console.py"]


def test_s3_tells_the_region_of_a_bucket_with_an_answer_and_with_a_refusal() -> None:
    regions = BucketRegions("us-west-2")
    assert regions.of("bucket") == "us-west-2"
    regions.learn({"Bucket": "bucket"}, {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": "eu-west-3"}}})
    regions.learn({"Bucket": "other"}, {"ResponseMetadata": {"HTTPHeaders": {}}})
    regions.learn({"jobs": []}, {"jobs": []})
    assert (regions.of("bucket"), regions.of("other")) == ("eu-west-3", "us-west-2")


def test_an_access_point_is_in_the_region_of_its_arn() -> None:
    assert BucketRegions("us-west-2").of("arn:aws:s3:eu-west-3:123456789012:accesspoint/mine") == "eu-west-3"


# -- whether there is a region


REGIONS = [region for one in Loader().load_data("partitions")["partitions"] for region in one["regions"]]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("own_endpoint", [True, False])
def test_regions_that_there_are(region: str, own_endpoint: bool) -> None:
    assert region_problem(region, own_endpoint=own_endpoint) is None


@pytest.mark.parametrize(
    "region", ["us-east-9", "us-south-1", "ap-northwest-1", "eu-southwest-2", "eu-gulf-1", "cn-south-1", "xx-central-1"]
)
def test_those_to_come(region: str) -> None:
    assert region_problem(region, own_endpoint=False) is None


@pytest.mark.parametrize(
    ("region", "meant"),
    [
        ("us-est-1", "us-east-1 or us-west-1"),
        ("us-wset-2", "us-west-2"),
        ("eu-cental-1", "eu-central-1"),
        ("ap-sotheast-2", "ap-southeast-2"),
        ("us-gov-wst-1", "us-gov-west-1"),
        ("ue-west-1", "eu-west-1 or me-west-1 or us-west-1"),
        ("us_east_1", "us-east-1"),
        ("US-EAST-1", "us-east-1"),
        ("useast1", "us-east-1"),
        ("us-east-1a", "us-east-1"),
        ("us-east", "us-east-1 or us-east-2"),
        ("Frankfurt", "eu-central-1"),
    ],
)
def test_slips_lead_to_the_region(region: str, meant: str) -> None:
    assert region_problem(region, own_endpoint=False) == f"there is no region {region}; did you mean {meant}?"


def test_what_is_like_none_leads_to_some() -> None:
    found = region_problem("nowhere", own_endpoint=False)
    assert found is not None
    assert found.startswith("there is no region nowhere; there are ")
    assert found.endswith("more")


@pytest.mark.parametrize("region", ["x", "RegionOne", "garage", "default", "us-east"])
def test_with_an_endpoint_of_ones_own_regions_have_any_name(region: str) -> None:
    assert region_problem(region, own_endpoint=True) is None
    assert region_problem("us-est-1", own_endpoint=True) is not None


@pytest.mark.parametrize(
    ("hosts", "missing"), [(["af-south-1"], True), ([], False), (["af-south-1", "us-east-9"], False)]
)
def test_a_region_without_a_host(hosts: list[str], missing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, _: int) -> list[Any]:
        if host.split(".")[1] not in hosts:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return []

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    assert (has_no_host("us-east-9") is not None) == missing
