"""The documents say what is so: messages, permissions, modules, links."""

from __future__ import annotations

import ast
import json
import re
import runpy
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

from jobbag import __version__
from jobbag.options import parser

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(path for where in ("docs", "examples", "examples/*", "bench") for path in ROOT.glob(f"{where}/*.md")),
]
CODE = [
    ROOT / "pegasus_aws_batch.py",
    *sorted(path for path in (ROOT / "lib" / "jobbag").rglob("*.py") if "local" not in path.parts),
    *(ROOT / "zipapp").glob("*.py"),
]


# -- messages


@cache
def said() -> str:
    """All texts of the code, a line each; what is filled in stands as a line's end."""
    found = []
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "\n" for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%(\.\d)?[sdf]", "\n", node.value))
    found += (path.read_text(encoding="utf-8") for path in (ROOT / "lib" / "jobbag").rglob("*.sh"))
    return "\n".join(found)


def messages() -> list[str]:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    return [first or second for first, second in re.findall(r"^- (?:``(.*)``|`(.*)`)$", text, re.MULTILINE)]


def unsaid(message: str) -> list[str]:
    """The parts of a message, between what varies and where one text is put behind another, that no text has."""
    parts = [part.strip() for part in re.split("<[^<>]+>|: |; |[()]", message)]
    return [part for part in parts if part not in said()]


def test_the_code_can_say_it() -> None:
    assert {message: parts for message in messages() if (parts := unsaid(message))} == {}


def test_what_the_code_cannot_say_is_noticed() -> None:
    assert unsaid("AWS region: none at all; use --region <name>") == ["none at all"]


# -- permissions


@cache
def operations() -> frozenset[str]:
    """`service:API` for each API that the code names."""
    loader: Any = Loader()
    names = {}
    for service in ("batch", "iam", "logs", "pricing", "s3", "sts"):
        for name in loader.load_service_model(service, "service-2")["operations"]:
            names[name] = f"{service}:{name}"
    return frozenset(names[text] for text in said().splitlines() if text in names)


# Where the action is not called as the API is.
ACTIONS = {
    "batch:TerminateJobs": ["batch:TerminateJob"],
    "s3:CompleteMultipartUpload": ["s3:PutObject"],
    "s3:CreateMultipartUpload": ["s3:PutObject"],
    "s3:DeleteObjects": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    "s3:HeadBucket": ["s3:ListBucket"],
    "s3:HeadObject": ["s3:GetObject"],
    "s3:ListMultipartUploads": ["s3:ListBucketMultipartUploads"],
    "s3:ListObjectVersions": ["s3:ListBucketVersions"],
    "s3:ListObjectsV2": ["s3:ListBucket"],
    "s3:ListParts": ["s3:ListMultipartUploadParts"],
    "s3:PutPublicAccessBlock": ["s3:PutBucketPublicAccessBlock"],
    "s3:UploadPart": ["s3:PutObject"],
    "sts:GetCallerIdentity": [],  # needs no permission
}
WITH_REQUESTS = {"batch:TagResource", "iam:PassRole"}  # for the tags and the roles that a request names


def policies(heading: str) -> Iterator[dict[str, Any]]:
    """The statements of a part of the page on permissions, up to the next heading of that level."""
    text = (ROOT / "docs" / "iam.md").read_text(encoding="utf-8")
    part = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    for block in re.findall(r"^```json\n(.*?)^```$", part, re.MULTILINE | re.DOTALL):
        yield from json.loads(block)["Statement"]


def test_the_policies_allow_what_the_tool_calls_and_nothing_else() -> None:
    headings = ("To run jobs", "To be told more, to tag, to tidy up", "To create and delete")
    allowed = [action for heading in headings for statement in policies(heading) for action in statement["Action"]]
    needed = {action for operation in operations() for action in ACTIONS.get(operation, [operation])}
    assert set(allowed) == needed | WITH_REQUESTS
    assert len(allowed) == len(set(allowed))


def test_the_policies_are_there_as_files_too() -> None:
    text = (ROOT / "docs" / "iam.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\[.*\]\(\.\./(.*)\):\n\n```json\n((?:.*\n)*?)```$", text, re.MULTILINE)
    assert len(shown) == text.count("```json")
    assert [name for name, policy in shown if (ROOT / name).read_text(encoding="utf-8") != policy] == []
    assert {ROOT / name for name, _ in shown} == set(ROOT.glob("conf/iam/*"))


def test_the_single_file_has_the_services_that_the_tool_calls() -> None:
    held = set(runpy.run_path(str(ROOT / "zipapp" / "build.py"))["SERVICES"])
    assert {operation.partition(":")[0] for operation in operations()} <= held


def test_the_policies_of_the_roles_are_json() -> None:
    assert [statement["Action"] for statement in policies("The roles that AWS needs")] == [
        ["s3:ListBucket"],
        ["s3:GetObject", "s3:PutObject"],
        "sts:AssumeRole",
    ]


# -- what is said of the package elsewhere


def test_the_package_brings_its_samples_and_its_manual_page() -> None:
    listed = re.search(r"package_data=({.*?}),\n", (ROOT / "setup.py").read_text(encoding="utf-8"), re.DOTALL)
    assert listed is not None
    package = ROOT / "lib" / "jobbag"
    found = {path.resolve() for pattern in ast.literal_eval(listed[1])["jobbag"] for path in package.glob(pattern)}
    wanted = [path for path in ROOT.glob("conf/**/*") if path.is_file()]
    assert [path for path in [*wanted, ROOT / "man" / "pegasus-aws-batch.1"] if path not in found] == []


def test_the_version_and_where_it_is_are_the_same_everywhere() -> None:
    cited = dict(re.findall(r"^([\w-]+): (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE))
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited["version"] == __version__ == released[0]
    assert f'URL = "{cited["repository-code"]}"' in setup
    assert f'license="{cited["license"]}"' in setup


def test_the_commands_that_the_readme_lists_are_good() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\\|.*?`pegasus-aws-batch (.*?)`", text, re.MULTILINE)
    assert len(commands) > 9
    for command in commands:
        parser.load([word for word in shlex.split(command) if word not in ("-C", "my.properties")])


# -- modules and links


PACKAGE = ROOT / "lib" / "jobbag"
PACKAGES = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def modules_in(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.py")} - {"__init__"}


def rows() -> list[tuple[str, str]]:
    """The rows of the page on the code: the package or the module beside them, and the rest of its row."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(\w+)` \|(.*)$", text, re.MULTILINE)


def test_the_page_on_the_code_has_each_package_and_each_module_beside_them() -> None:
    assert sorted(name for name, _ in rows()) == sorted([*PACKAGES, *modules_in(PACKAGE)])


def test_the_page_on_the_code_has_each_module_of_a_package() -> None:
    told = {package: set(re.findall(r"`(\w+)`", row)) for package, row in rows()}
    assert {name: modules_in(PACKAGE / name) - told[name] for name in PACKAGES if name != "local"} == {
        name: set() for name in PACKAGES if name != "local"
    }


def anchors(document: Path) -> set[str]:
    """The names by which a forge links to headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", document.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
