"""Where AWS's console shows a job: each partition has its own."""

from __future__ import annotations

import pytest

from jobbag.report.console import jobs_of


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-west-3", "https://eu-west-3.console.aws.amazon.com/batch/home?region=eu-west-3#jobs/detail/"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/batch/home?region=cn-north-1#jobs/detail/"),
        (
            "us-gov-west-1",
            "https://us-gov-west-1.console.amazonaws-us-gov.com/batch/home?region=us-gov-west-1#jobs/detail/",
        ),
        (
            "eusc-de-east-1",
            "https://eusc-de-east-1.console.amazonaws-eusc.eu/batch/home?region=eusc-de-east-1#jobs/detail/",
        ),
        ("us-iso-east-1", None),
        ("a/b@c", "https://a%2Fb%40c.console.aws.amazon.com/batch/home?region=a%2Fb%40c#jobs/detail/"),
    ],
)
def test_a_job_has_a_page_where_its_partition_has_a_console(region: str, address: str | None) -> None:
    assert jobs_of(region) == address
