"""Regions and partitions come from botocore's data, and those of buckets from S3."""

from __future__ import annotations

from pathlib import Path

import pytest

import jobbag
from jobbag.aws.regions import BucketRegions, partition_of, suffixes, url_of_s3


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
