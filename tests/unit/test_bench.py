"""The benchmark: what it counts of the output of others, what it does in place of their jobs, and its tables."""

from __future__ import annotations

import json
import os
import pickle
import signal
import threading
import time
import xml.etree.ElementTree
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from bench.bags import Load
from bench.measure import Failed, Measured
from bench.peers.compared import complete
from bench.peers.known import OWN, peers
from bench.peers.played import Played, of_redun, of_snakemake
from bench.plot import plot
from bench.results import ONE_BY_ONE, PACKED, GrowthFigures, Outcome, PeerFigures, TransferFigures
from bench.table import tables
from bench.targets import MIB, targets
from bench.transfers import AWS, S5CMD, THIS

STOPPED = 4_000_000_000_000  # ms since the epoch: long after this


def peer(client: str, makespan: float, lost: int = 0) -> PeerFigures:
    return PeerFigures(client, 300, 11.0, makespan, 1.5, 0, 2.0, 80.0, lost, 0)


def growth(calls_per_job: float) -> tuple[GrowthFigures, ...]:
    return tuple(
        GrowthFigures(how, jobs, 9.0, 4.0, 80.0, calls_per_job * jobs)
        for jobs in (10, 100)
        for how in (ONE_BY_ONE, PACKED)
    )


def job(name: str, command: str, array: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "jobId": name, "name": name, "status": "RUNNING", "stopped": STOPPED, "command": command.split(), "array": array
    }  # fmt: skip


def nothing(key: str) -> bytes:
    raise AssertionError(key)


# -- what is lost


def test_a_job_whose_lines_are_all_there_is_complete() -> None:
    text = (
        "a out 0\na out 1\na out 2\n[cluster-task id=1]\n[batch] b[0] out 0\n[batch] b[0] out 1\n[batch] b[0] out 2\n"
    )
    assert complete([text, "c out 0\nc out 1\n", "c out 2\n"]) == 3


@pytest.mark.parametrize(
    "text", ["", "a out 0\na out 2", "a out 0\na out 1\na out 1\na out 2", "a out 1\na out 0\na out 2"]
)
def test_a_job_that_lacks_a_line_or_has_one_twice_is_lost(text: str) -> None:
    assert complete([text]) == 0


# -- what the jobs of others write


def test_a_job_of_snakemake_writes_the_output_of_its_rule() -> None:
    written = of_snakemake(job("snakejob-job_7-0123", "sh"), nothing)
    assert written == {"snakemake/out/job_7.txt": b"".join(b"snakejob-job_7-0123 out %d\n" % line for line in range(3))}


def test_a_job_of_redun_writes_the_value_of_its_task() -> None:
    written = of_redun(job("redun-1", "redun oneshot --output s3://bench/redun/1/output bench.job"), nothing)
    assert {key: pickle.loads(value) for key, value in written.items()} == {
        "redun/1/output": "redun-1 out 0\nredun-1 out 1\nredun-1 out 2\n"
    }


def test_a_child_of_an_array_of_redun_writes_where_the_array_says() -> None:
    places = {"redun/all/output": json.dumps(["s3://bench/redun/1/output", "s3://bench/redun/2/output"]).encode()}
    child = job("redun-a", "redun --output s3://bench/redun/all/output bench.job", {"index": 1, "parent": "redun-a"})
    (written,) = of_redun(child, places.__getitem__).items()
    assert written[0] == "redun/2/output"
    assert pickle.loads(written[1]).startswith("redun-a[1] out 0\n")


class Server(ThreadingHTTPServer):
    """Tells of one job, and takes what is put."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.jobs = [job("snakejob-job_7-0123", "sh"), job("another", "sh", {"size": 2})]
        self.puts: dict[str, bytes] = {}
        self.put = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._answer(json.dumps(self.server.jobs).encode())

    def do_PUT(self) -> None:
        self.server.puts[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b"")
        self.server.put.set()

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def played(server: Server) -> Played:
    with Played(f"http://127.0.0.1:{server.server_port}", of_snakemake, pause=0.01) as found:
        assert server.put.wait(30)
    return found


def test_what_a_job_writes_is_written_once_and_counted(server: Server) -> None:
    done = played(server)
    done.check()
    assert list(server.puts) == ["/bench/snakemake/out/job_7.txt"]
    assert done.calls == 1


def test_what_was_written_after_the_end_of_a_job_makes_the_run_worthless(server: Server) -> None:
    server.jobs[0]["stopped"] = 1
    with pytest.raises(Failed, match="what 1 jobs write was written after their end"):
        played(server).check()


# -- the clients


def test_each_client_finds_what_it_needs(tmp_path: Path) -> None:
    for number, one in enumerate(peers(Load(3, 1))):
        where = tmp_path / str(number)
        where.mkdir()
        one.prepare(Load(3, 1), where)
        assert {path.name for path in where.iterdir()} == {
            "build",
            *one.scripts,
            *(["bag.in"] if one.name in OWN else []),
        }


# -- tables and plot


def test_the_table_has_the_medians_of_each_client() -> None:
    runs = (peer("x", 20.0), peer("y", 500.0, lost=3), peer("x", 30.0), peer("x", 22.0), peer("y", 500.0, lost=3))
    rows = tables([Outcome("peers", runs)], []).splitlines()[2:]
    assert [[cell.strip() for cell in row.split("|")[1:]][:5] for row in rows] == [
        ["x", "300", "11.0", "22.0", "2.0"],
        ["y", "300", "11.0", "500.0", "45.5"],
    ]
    assert [row.split("|")[-3].strip() for row in rows] == ["0", "3"]


def moved(peer: str, seconds: float, network: str) -> TransferFigures:
    return TransferFigures("fetched", network, 1000, MIB, peer, seconds, 1.0, 50.0)


def test_files_are_compared_with_those_that_other_clients_moved_over_the_same_network() -> None:
    near = [moved(THIS, seconds, "") for seconds in (3.0, 2.0, 1.0)]
    near += [moved(AWS, 4.0, ""), moved(S5CMD, 1.0, "")]
    far = [moved(THIS, 5.0, "40 ms"), moved(AWS, 10.0, "40 ms"), moved(S5CMD, 5.0, "40 ms")]
    found = targets([Outcome("results", (*near, *far, moved(THIS, 1.0, "which no other has")))])
    assert [(one.what, one.limit, one.measured) for one in found] == [
        ("1,000 x 1 MiB fetched: times as fast as s5cmd cp", 0.8, 0.5),
        ("1,000 x 1 MiB fetched: times as fast as aws s3 cp", 1.0, 2.0),
        ("1,000 x 1 MiB fetched, 40 ms: times as fast as s5cmd cp", 0.9, 1.0),
        ("1,000 x 1 MiB fetched, 40 ms: times as fast as aws s3 cp", 1.0, 2.0),
    ]


def test_a_larger_bag_costs_no_more_for_each_job() -> None:
    sizes = ((1000, 2.0), (10_000, 10.0), (100_000, 130.0))
    runs = tuple(GrowthFigures(PACKED, jobs, 9.0, cpu, 80.0, jobs) for jobs, cpu in sizes)
    (found,) = targets([Outcome("growth", runs)])
    assert (found.what, found.reached) == ("packed: CPU of each of 100,000 jobs, times that of 10,000", False)
    assert found.measured == pytest.approx(1.3)


def test_the_table_of_growth_has_a_row_for_each_size_and_way() -> None:
    runs = tuple(
        GrowthFigures(how, jobs, 9.0, 4.0, 80.0, 2.0 * jobs) for jobs in (10, 100) for how in (ONE_BY_ONE, PACKED)
    )
    rows = tables([Outcome("growth", runs)], []).splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == [ONE_BY_ONE, PACKED] * 2
    assert [cell.strip() for cell in rows[-1].split("|")[2:-1]] == [
        "100", "9.0", "4.00", "40.00", "80", "200", "2.000"
    ]  # fmt: skip


def test_the_plot_names_the_clients_and_has_colours_for_a_dark_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "own"))  # else it leaves files in the home of all tests
    pytest.importorskip("matplotlib")
    runs = (peer(OWN[0], 13.0), peer("other", 640.0, lost=2))
    files = [moved(who, 4.0, network) for network in ("", "40 ms") for who in (THIS, AWS, S5CMD)]
    outcomes = [Outcome("peers", runs), Outcome("growth", growth(calls_per_job=1.0)), Outcome("results", tuple(files))]
    assert plot(outcomes, tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text()
    said = {element.text for element in xml.etree.ElementTree.fromstring(text).iter() if element.text}
    assert {OWN[0], "other: 2 lost", "13.0", "640", "one for each job", "1,000 x 1 MiB fetched, 40 ms", S5CMD} <= said
    assert "prefers-color-scheme: dark" in text


def test_a_command_heeds_sighup_where_who_measures_it_does_not(tmp_path: Path) -> None:
    """As nohup would start it: the run that is left waiting is ended by that signal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Measured(["sleep", "1000"], dict(os.environ), tmp_path) as process:
            process.signal(signal.SIGHUP)
            assert process.finish(time.monotonic() + 20, None).status == -signal.SIGHUP
    finally:
        signal.signal(signal.SIGHUP, before)
