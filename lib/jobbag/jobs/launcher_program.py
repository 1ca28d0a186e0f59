"""A program for containers: many objects of S3 and files of a job, in one process. The launcher starts it there.

    python3 -c TEXT take BASE                                      items on stdin → the working directory
    python3 -c TEXT send RESULTS LIST LARGEST PART ALGORITHM KEY   paths on stdin → RESULTS..., and then a list of them

BASE, RESULTS and LIST are s3:// URLs. Files with more than LARGEST bytes are sent in parts of PART bytes. ALGORITHM and
KEY say how S3 is to encrypt, if they are not empty. The exit status is REFUSED if no other program would do better.
TEXT is launcher_s3 and this module without the line that imports the other (`launcher.files_text`).
"""

import os
import re
import sys
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from typing import Any, Dict, Iterator, List, Optional, Tuple

from jobbag.jobs.launcher_s3 import BLOCK, S3, Content, Failure, LocalFailure, local, read, words_of

REFUSED = 125  # exit status
THREADS = 16
MOST_PARTS = 10000  # of an object
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

Item = Tuple[str, str, str]  # kind, URL, path


def inside(path: str) -> str:
    """A path below the working directory. LocalFailure: it is none."""
    if path.startswith("/") or not path or ".." in path.split("/"):
        raise LocalFailure(f"not in the working directory: {path}")
    return path


def pairs(text: bytes) -> Iterator[Item]:
    """The items of a list, which has two lines for each, and may have empty ones at its end."""
    lines = lines_of(text)
    for source, path in zip(lines[::2], lines[1::2]):
        if source:
            yield source[0], source[2:], inside(path)


def lines_of(text: bytes) -> List[str]:
    """The lines of a text, in which the names of files are to the byte."""
    return list(map(os.fsdecode, text.split(b"\n")))


class Taking:
    """Items → the working directory."""

    def __init__(self, s3: S3, base: str) -> None:
        self._s3 = s3
        self._base = base
        self._lists: Dict[str, List[str]] = {}  # of jobs that give results, by the name of the job

    def run(self, text: bytes) -> int:
        """Take all items of a list; the exit status."""
        pool = ThreadPoolExecutor(THREADS)
        items = list(pairs(text))
        jobs = sorted({self._result(url)[0] for kind, url, _ in items if kind == "r"})
        self._lists.update(zip(jobs, pool.map(self._list, jobs)))
        files = [one for found in pool.map(self._files, items) for one in found]
        for _ in pool.map(self._take, files):
            pass
        return 0

    def _result(self, url: str) -> Tuple[str, str]:
        """The name of the job whose result it is, and the path of that."""
        job, _, path = url[len(f"{self._base}/results/") :].partition("/")
        return job, path

    def _list(self, job: str) -> List[str]:
        """The paths of what a job has sent. Empty if there is no list, as where the job has done it by itself."""
        try:
            text: bytes = self._s3.call("GET", f"{self._base}/lists/{job}")
        except Failure as failure:
            if failure.status not in (403, 404):
                raise
            return []
        return lines_of(text)

    def _files(self, item: Item) -> List[Item]:
        """The files and directories that an item is."""
        kind, url, path = item
        if kind == "l":
            inner = pairs(self._s3.call("GET", url))
            return [("d", "", path), *((kind, url, f"{path}/{name}") for kind, url, name in inner)]
        if kind != "r":
            return [item]
        job, named = self._result(url)
        below = named if named.endswith("/") else f"{named}/"
        found = [name for name in self._lists[job] if name.startswith(below)]
        if not found and named == below:
            raise Failure(f"the job has sent nothing below {url}", 404)
        urls = ((f"{self._base}/results/{job}/{name}", inside(name[len(below) :])) for name in found)
        return [("f", one, f"{path}/{name}") for one, name in urls] or [("f", url, path)]

    def _take(self, item: Item) -> None:
        kind, url, path = item
        with local(path):
            os.makedirs(path if kind == "d" else os.path.dirname(path) or ".", exist_ok=True)
        if kind != "d":
            self._s3.call("GET", url, use=lambda answer: written(answer, path))
        if kind == "x":
            os.chmod(path, os.stat(path).st_mode | 0o100)


def written(answer: Any, path: str) -> None:
    """Write the body of an answer to a file."""
    size = 0
    with local(path):
        file = open(path, "wb")  # noqa: SIM115 it is closed below
    with closing(file):
        for block in iter(lambda: answer.read(BLOCK), b""):
            with local(path):
                file.write(block)
            size += len(block)
    if size != int(answer.headers.get("Content-Length", size)):
        raise OSError("the answer has broken off")


class Sending:
    """Files of the working directory → S3."""

    def __init__(self, s3: S3, results: str, largest: int, part: int, encryption: Dict[str, str]) -> None:
        """`encryption`: headers."""
        self._s3 = s3
        self._results = results
        self._largest, self._part = largest, part
        self._encryption = encryption
        self._files, self._parts = ThreadPoolExecutor(THREADS), ThreadPoolExecutor(THREADS)

    def run(self, paths: List[str], listing: str) -> int:
        """Send the files, and then a list of those that were sent to the URL `listing`; the exit status."""
        sent = []
        status = 0
        for path, failure in zip(paths, self._files.map(self._send, paths)):
            if failure is None:
                sent.append(path)
            elif isinstance(failure, LocalFailure) or failure.status == 400:  # which others need not have
                tell(failure)
                status = REFUSED
            else:
                raise failure
        self._s3.call("PUT", listing, b"".join(os.fsencode(path) + b"\n" for path in sent), self._encryption)
        return status

    def _send(self, path: str) -> Optional[Failure]:
        """Send a file. None: it is in S3."""
        url = self._results + path
        try:
            with local(path):
                size = os.stat(path).st_size
            if size > self._largest:
                self._send_parts(path, size, url)
            else:
                with closing(Content(path)) as content:
                    self._s3.call("PUT", url, content, self._encryption)
        except Failure as failure:
            return failure
        return None

    def _send_parts(self, path: str, size: int, url: str) -> None:
        headers = {**self._encryption, "x-amz-checksum-algorithm": "SHA256"}
        upload = self._s3.call("POST", url, headers=headers, use=upload_of, uploads="")
        part = max(self._part, -(-size // MOST_PARTS))

        def send(start: int) -> str:
            """Send the part that begins there; what the end of the upload says of it."""
            number = start // part + 1
            with closing(Content(path, start, min(part, size - start))) as content:
                query = {"partNumber": str(number), "uploadId": upload}
                tag = self._s3.call("PUT", url, content, use=lambda answer: answer.headers["ETag"], **query)
                checksum = f"<ChecksumSHA256>{b64encode(content.digest).decode()}</ChecksumSHA256>"
                return f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag>{checksum}</Part>"

        coming = [self._parts.submit(send, start) for start in range(0, size, part)]
        try:
            parts = "".join(one.result() for one in coming)
            body = f'<CompleteMultipartUpload xmlns="{NAMESPACE}">{parts}</CompleteMultipartUpload>'
            self._s3.call("POST", url, body.encode(), use=completed, uploadId=upload)
        except Failure:
            for one in coming:
                one.cancel()
            wait(coming)  # a part that comes after the end of the upload may stay in S3
            with suppress(Failure):
                self._s3.call("DELETE", url, uploadId=upload)
            raise


def upload_of(answer: Any) -> str:
    """The id of the upload in parts that has begun. OSError: none has."""
    body = read(answer)
    found = re.search(b"<UploadId>(.*?)</UploadId>", body)
    if found is None:
        raise OSError("no upload id came")
    return found[1].decode()


def completed(answer: Any) -> None:
    """Raises OSError if the upload could not be ended, which S3 may say only after it has said 200."""
    body = read(answer)
    if b"<Error>" in body:
        raise OSError(words_of(body, "the upload could not be ended"))


def tell(failure: Failure) -> None:
    """Say what went wrong."""
    sys.stderr.buffer.write(os.fsencode(f"pegasus-aws-batch: {failure}\n"))
    sys.stderr.buffer.flush()


def main(verb: str, *words: str) -> int:
    """Take or send what stdin tells; the exit status."""
    s3 = S3(os.environ)
    text = sys.stdin.buffer.read()
    try:
        if verb == "take":
            return Taking(s3, *words).run(text)
        results, listing, largest, part, algorithm, key = words
        names = {
            "x-amz-server-side-encryption": algorithm,
            "x-amz-server-side-encryption-aws-kms-key-id": key,
        }
        encryption = {name: value for name, value in names.items() if value}
        paths = list(filter(None, lines_of(text)))
        return Sending(s3, results, int(largest), int(part), encryption).run(paths, listing)
    except Failure as failure:
        tell(failure)
        return REFUSED if failure.is_final else 1


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))  # without waiting for what the other threads still do
