"""Where AWS's console shows a job."""

from __future__ import annotations

from urllib.parse import quote

from jobbag.aws.regions import partition_of

# By partition: botocore does not know them. Those of the secret regions are not public.
_HOSTS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-eusc": "console.amazonaws-eusc.eu",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def jobs_of(region: str) -> str | None:
    """What the address of the page of a job begins with, before its id; None if there is none that is known."""
    host, name = _HOSTS.get(partition_of(region)), quote(region, safe="")
    return None if host is None else f"https://{name}.{host}/batch/home?region={name}#jobs/detail/"
