"""The page of a run in Chromium: what people see, and that nothing but the page itself runs or is loaded."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from helpers.summaries import Summary, page_of, sample

MANY = sample(1_200)
FEW = sample(12, slots=3, failing=0.5)


class Reader:
    """Somebody who reads pages in a browser."""

    def __init__(self, browser: Chrome, place: Path) -> None:
        self.browser, self.place = browser, place

    def open(self, summary: Summary, name: str = "report.html", outputs: str = ".") -> Reader:
        path = self.place / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(page_of(summary, outputs), encoding="utf-8")
        self.browser.get(path.as_uri())
        return self

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def run(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(script, *arguments)

    def click(self, selector: str) -> None:
        """Wherever on the page it is."""
        self.run("arguments[0].click()", self.one(selector))

    def values(self) -> dict[str, str]:
        """The facts that the page names, by their place in the summary."""
        return dict(self.each("[data-value]", "[element.dataset.value, element.textContent]"))

    def each(self, selector: str, value: str = "element.textContent") -> list[Any]:
        """A value of each element."""
        script = f"return [...document.querySelectorAll(arguments[0])].map((element) => {value})"
        return list(self.run(script, selector))

    def column(self, number: int) -> list[str]:
        """What the rows of the table have in a column, as far as they are made."""
        return self.each(f"#jobs tbody tr:not([aria-hidden]) > :nth-child({number})")

    @property
    def names(self) -> list[str]:
        return self.column(2)

    @property
    def timeline(self) -> str:
        """What the timeline says of itself."""
        return str(self.one("#timeline canvas").get_attribute("aria-label"))

    def prefer(self, scheme: str) -> None:
        wish = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)

    def complaints(self) -> list[dict[str, Any]]:
        """What the console of the browser got since the last time."""
        return list(self.browser.get_log("browser"))  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    driver = shutil.which("chromedriver")
    if driver is None or not any(found):
        pytest.skip("chromedriver is not installed, or not chromium (on Debian: apt-get install chromium-driver)")
    options = ChromeOptions()
    options.binary_location = next(filter(None, found))
    # The pages are our own, and a container may allow no sandbox.
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=1360,1000"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # It writes to its home, which other tests want empty; TMPDIR has a socket, whose path may not be long.
    environment = os.environ | {"HOME": str(tmp_path_factory.mktemp("browser")), "TMPDIR": "/tmp"}
    with Chrome(options=options, service=Service(driver, env=environment)) as browser:
        yield browser


@pytest.fixture
def reader(browser: Chrome, tmp_path: Path) -> Reader:
    return Reader(browser, tmp_path)


def test_ten_thousand_jobs_open_without_a_word_on_the_console_and_without_the_network(reader: Reader) -> None:
    reader.open(sample(10_000))
    assert reader.one("h1").text == "✕593 of 10,000 jobs failed"
    assert len(reader.names) < 100  # of the table only what can be seen
    reader.run("const all = document.getElementById('scroller'); all.scrollTop = all.scrollHeight")
    reader.run("document.getElementById('scroller').dispatchEvent(new Event('scroll'))")
    assert reader.names[-1] == "align_ID0010000"
    assert len(reader.names) < 100
    last = reader.all("#jobs tbody tr:not([aria-hidden])")[-1]
    assert last.get_attribute("aria-rowindex") == reader.one("#jobs").get_attribute("aria-rowcount") == "10001"
    assert reader.run("return performance.getEntriesByType('resource').map((entry) => entry.name)") == []
    assert reader.complaints() == []


def test_the_numbers_are_those_of_the_summary(reader: Reader) -> None:
    values = reader.open(MANY).values()
    for group in ("counts", "retried", "sent_again"):
        assert {key: values.get(f"{group}.{key}", "0") for key in MANY[group]} == {  # what became of none is not told
            key: f"{number:,}" for key, number in MANY[group].items()
        }
    assert float(values["vcpu_hours.asked"]) == pytest.approx(MANY["vcpu_hours"]["asked"], rel=0.005)
    assert float(values["vcpu_hours.wasted"]) == pytest.approx(MANY["vcpu_hours"]["wasted"], rel=0.005)
    assert values["uploads.files"] == "1,203 files, 1.48 MB"
    assert MANY["notes"][0] in reader.one("#notes").text
    for number, cause in enumerate(MANY["causes"]):
        assert values[f"causes.{number}.count"] == f"{cause['count']:,}"
        assert cause["cause"] in reader.one("#causes").text
    for operation, of in MANY["calls"].items():
        assert {key: values[f"calls.{operation}.{key}"] for key in of} == {key: f"{n:,}" for key, n in of.items()}


def test_the_filter_filters_the_table_and_the_charts(reader: Reader) -> None:
    reader.open(FEW)
    failed = [job["name"] for job in FEW["jobs"] if job["outcome"] == "failed"]
    reader.click("#outcomes input[value=failed]")
    assert reader.names == failed
    assert reader.one("#shown").text == f"{len(failed)} of 12 jobs"
    assert reader.timeline.startswith(f"Timeline of {len(failed)} jobs")
    assert sum(int(bar.split(": ")[1].split()[0]) for bar in reader.each("#runs title")) == len(failed)
    reader.one("#text").send_keys(failed[0].upper())
    assert reader.names == failed[:1]
    reader.one("#text").send_keys("no such job")
    assert reader.names == []
    assert reader.complaints() == []


def test_a_cause_leads_to_its_jobs_and_back(reader: Reader) -> None:
    reader.open(FEW)
    reader.click("#causes button")
    assert reader.names == [job["name"] for job in FEW["jobs"] if job["cause"] == 0]
    reader.one("#cause").click()
    assert len(reader.names) == 12


def test_a_heading_sorts_and_sorts_the_other_way_round(reader: Reader) -> None:
    summary = sample(12, slots=3)
    summary["jobs"][4] |= {"started": None, "stopped": None, "attempts": [], "status": None, "outcome": "not run"}
    reader.open(summary)
    lengths = {job["name"]: job["stopped"] - job["started"] for job in summary["jobs"] if job["started"]}
    by_length = sorted(lengths, key=lambda name: lengths[name])
    reader.click("[data-order=run]")
    assert reader.names == [*by_length, "align_ID0000005"]  # without a value: last, either way
    reader.click("[data-order=run]")
    assert reader.names == [*reversed(by_length), "align_ID0000005"]
    assert reader.one("#jobs [aria-sort]").get_attribute("aria-sort") == "descending"
    Select(reader.one("#order")).select_by_value("number")
    assert reader.names[-1] == "align_ID0000001"


def test_the_timeline_tells_the_job_below_the_pointer_and_all_of_it_when_asked(reader: Reader) -> None:
    reader.open(FEW)
    canvas = reader.one("#timeline canvas")
    reader.run("arguments[0].scrollIntoView({block: 'center'})", canvas)
    third_row = 196 + 2.5 * 20 - canvas.size["height"] / 2
    ActionChains(reader.browser).move_to_element_with_offset(canvas, 0, int(third_row)).perform()
    assert FEW["jobs"][2]["name"] in reader.one("#hint").text
    ActionChains(reader.browser).click().perform()
    dialog = reader.one("dialog[open]").text
    assert FEW["jobs"][2]["name"] in dialog
    assert FEW["jobs"][2]["aws_id"] in dialog


def test_the_timeline_obeys_the_keyboard(reader: Reader) -> None:
    reader.open(MANY)
    whole = reader.timeline
    assert "shown are 1,200 rows, from 0.0 s to" in whole
    canvas = reader.one("#timeline canvas")
    canvas.send_keys("+")
    zoomed = reader.timeline
    assert " of 1,200 rows" in zoomed
    canvas.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert reader.timeline not in (whole, zoomed)
    canvas.send_keys("0")
    assert reader.timeline == whole


def test_dark_is_dark_and_light_is_light(reader: Reader) -> None:
    lightness = {}
    for scheme in ("light", "dark"):
        reader.prefer(scheme)
        reader.open(FEW)
        lightness[scheme] = [_lightness(reader, "backgroundColor"), _lightness(reader, "color")]
    reader.prefer("")
    assert lightness["light"][0] > 240 > 60 > lightness["light"][1]
    assert lightness["dark"][0] < 60 < 200 < lightness["dark"][1]


def _lightness(reader: Reader, name: str) -> float:
    """Of the page, 0 to 255."""
    colour = reader.run("return getComputedStyle(document.documentElement)[arguments[0]]", name)
    return sum(map(int, colour.strip("rgb()").split(", "))) / 3


def test_hostile_names_are_shown_and_do_nothing(reader: Reader) -> None:
    names = [
        "</script><script>window.pwned = 1</script>",
        "<img src=x onerror='window.pwned = 1'>",
        "javascript:window.pwned=1",
        "\u202egnp.exe\x1b[31m",
        "half \ud800 a pair",
        "../../#?&amp;%2e",
    ]
    summary = sample(len(names), failing=1)
    for job, name in zip(summary["jobs"], names, strict=True):
        job |= {"name": name, "reason": name, "out": f"{name}.out", "err": f"{name}.err"}
    summary["causes"][0] |= {"cause": names[0], "advice": names[1]}
    summary["causes"][0]["example"] |= {"job": names[2], "err": f"{names[2]}.err", "tail": names}
    summary |= {"errors": names, "submit_files": names, "outputs": names[0], "region": names[1], "log_file": names[2]}
    reader.open(summary)
    for link in reader.all("a"):
        assert str(link.get_attribute("href")).startswith("file:///")
    assert reader.names == [*names[:3], "\\u202egnp.exe␛[31m", "half \ufffd a pair", names[5]]
    reader.one("#jobs th button").click()
    assert reader.run("return window.pwned ?? null") is None
    assert reader.complaints() == []


def test_the_links_lead_to_the_files_from_wherever_the_page_is(reader: Reader) -> None:
    summary = sample(1)
    summary["jobs"][0] |= {"out": "one %41#1.out", "err": "sub/one.err", "results": ["results/one/a, b#.txt"]}
    reader.open(summary, "pages/report.html", "..")

    def links(selector: str) -> list[Path]:
        found = [urlsplit(str(link.get_attribute("href"))) for link in reader.all(selector)]
        return [Path(unquote(link.path)) for link in found]

    files = [reader.place / "one %41#1.out", reader.place / "sub" / "one.err"]
    assert links("#jobs a") == files
    reader.click("#jobs tbody button.link")
    assert links("dialog[open] a:not([href^=https])") == [*files, reader.place / "results/one/a, b#.txt"]


def workflow(fits: int = 3) -> Summary:
    """split, then fit-1 and so on, then merge, and one that needs nobody."""
    summary = sample(fits + 3, failing=0)
    names = ["split", *(f"fit-{number}" for number in range(1, fits + 1)), "merge", "alone"]
    for job, name in zip(summary["jobs"], names, strict=True):
        needs = {"s": [], "f": ["split"], "m": names[1:-2], "a": []}[name[0]]
        job |= {"name": name, "out": f"{name}.out", "err": f"{name}.err", "depends_on": needs}
    return summary


def test_all_about_a_job_leads_to_those_that_it_depends_on(reader: Reader) -> None:
    summary = workflow()
    summary["jobs"][2] |= {"command": ["fit", "a b", "it's"], "tail": ["so far", "<b>done</b>"]}
    reader.open(summary)
    reader.all("#jobs tbody button.link")[2].send_keys(Keys.ENTER)
    dialog = reader.one("dialog[open]")
    assert reader.one("dialog h2").text == "fit-2" == reader.browser.switch_to.active_element.text
    assert [pre.text for pre in reader.all("dialog pre")] == [r"fit 'a b' 'it'\''s'", "so far\n<b>done</b>"]
    assert summary["jobs"][2]["queue"] in dialog.text
    assert reader.all("dialog a")[2].get_attribute("href") == summary["console"] + summary["jobs"][2]["aws_id"]
    assert reader.each("dialog .jobs button bdi") == ["split", "merge"]
    reader.one("dialog .jobs button").send_keys(Keys.ENTER)
    assert reader.one("dialog h2").text == "split"
    assert reader.each("dialog .jobs button bdi") == ["fit-1", "fit-2", "fit-3"]
    reader.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert reader.all("dialog[open]") == []


def test_the_order_is_drawn_job_by_job_where_there_are_few(reader: Reader) -> None:
    reader.open(workflow())
    assert reader.each("#order-drawing button bdi") == ["split", "fit-1", "fit-2", "fit-3", "merge"]
    assert reader.each("#order-drawing path title, #order-drawing g title")[0] == "split → fit-1: 1 job"
    places = reader.each("#order-drawing button", "element.getBoundingClientRect().left")
    assert places[0] < places[1] == places[2] == places[3] < places[4]
    label = "merge, 1 job, 1 succeeded, after fit-1, fit-2, fit-3"
    assert reader.all("#order-drawing button")[4].get_attribute("aria-label") == label
    assert "Without an order: 1 job." in reader.one("#order-note").text
    reader.all("#order-drawing button")[1].send_keys(Keys.ENTER)
    assert reader.one("dialog h2").text == "fit-1"


def test_many_jobs_are_grouped_by_name_and_drawn_together(reader: Reader) -> None:
    reader.open(workflow(397))
    assert reader.each("#order-drawing button bdi") == ["split", "fit", "merge"]
    assert reader.each("#jobs tbody th bdi") == ["split", "fit", "merge", "alone"]
    group = reader.one("#jobs [data-stem=fit]")
    assert group.get_attribute("aria-expanded") == "false"
    group.send_keys(Keys.ENTER)
    assert reader.each("#jobs tbody th bdi")[:4] == ["split", "fit", "fit-1", "fit-2"]
    assert reader.browser.switch_to.active_element.get_attribute("aria-expanded") == "true"
    assert "of 401 rows" in reader.timeline
    reader.browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert "shown are 4 rows" in reader.timeline
    reader.all("#order-drawing button")[1].send_keys(Keys.ENTER)
    assert reader.one("#shown").text == "397 of 400 jobs"
    reader.one("#node").click()
    reader.click("#grouped")
    assert reader.names[:3] == ["split", "fit-1", "fit-2"]
    assert reader.complaints() == []


def test_a_long_chain_is_drawn_as_some_parts_of_it(reader: Reader) -> None:
    summary = sample(2_000, failing=0)
    for before, job in zip(summary["jobs"], summary["jobs"][1:], strict=False):
        job["depends_on"] = [before["name"]]
    reader.open(summary)
    boxes = reader.each("#order-drawing button bdi")
    assert (boxes[0], len(boxes)) == ("levels 1 to 167", 12)


def test_what_is_alike_is_in_the_middle_of_its_chart_and_the_time_after_the_jobs_has_a_name(reader: Reader) -> None:
    summary = sample(6, slots=6, failing=0)
    for job in summary["jobs"]:
        job |= {"started": job["created"] + 90_000, "stopped": job["created"] + 90_020, "attempts": []}
    last = max(job["stopped"] for job in summary["jobs"])
    reader.open(summary | {"collected": last + 38_000, "ended": last + 50_000})
    bars = reader.each("#waits g", "+element.querySelector('.succeeded').getAttribute('height')")
    assert [index for index, height in enumerate(bars) if height] == [len(bars) // 2]
    assert "1 min 30 s" in reader.each("#waits text")
    assert reader.one("#runs p").text == "All of 6 jobs: less than 0.1 s"
    assert "38 s of it collecting output" in reader.one("#figures").text


def test_the_axis_has_times_that_differ_however_far_it_is_zoomed(reader: Reader) -> None:
    summary = sample(40, slots=1)  # some hours
    reader.browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {"source": "const say = CanvasRenderingContext2D.prototype.fillText; window.said = [];"
         "CanvasRenderingContext2D.prototype.fillText = function (text, x, y) { "
         "if (y === 182) window.said.push(text); return say.call(this, text, x, y); };"},
    )  # fmt: skip
    reader.open(summary)
    for _ in range(14):
        reader.run("window.said = []")
        reader.click("#zoom-in")
        said = reader.run("return window.said")
        assert len(said) == len(set(said)) >= 4, said


def test_the_jobs_that_are_shown_come_as_csv_which_no_spreadsheet_calculates(reader: Reader) -> None:
    summary = workflow()
    summary["jobs"][1] |= {"command": ["=1+1", 'a "b"\nc'], "exit_code": -1, "reason": "@SUM(A1)"}
    summary |= {"submit_files": ["bags/my bag.in"]}
    reader.open(summary)
    reader.one("#text").send_keys("fit-1")
    wish = {"behavior": "allow", "downloadPath": str(reader.place)}
    reader.browser.execute_cdp_cmd("Browser.setDownloadBehavior", wish)
    reader.click("#csv")
    path = reader.place / "my_bag-jobs.csv"
    WebDriverWait(reader.browser, 30, 0.05).until(lambda _: path.exists() and path.stat().st_size)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert [row["name"] for row in rows] == ["fit-1"]
    assert rows[0]["command"] == "'=1+1 'a \"b\"\nc'"
    assert (rows[0]["reason"], rows[0]["exit_code"]) == ("'@SUM(A1)", "-1")
    assert rows[0]["depends_on"] == "split"
    assert rows[0]["created"].endswith("Z")


def test_a_run_that_goes_on_says_so_and_loads_itself_anew_with_what_was_chosen(reader: Reader) -> None:
    summary = workflow()
    summary |= {"goes_on": 60, "complete": False, "ended": int(time.time() * 1000)}
    summary["jobs"][4] |= {"outcome": "waiting", "status": "RUNNABLE", "started": None, "stopped": None, "attempts": []}
    summary["jobs"][5] |= {"outcome": "running", "status": "RUNNING", "stopped": None, "attempts": []}
    summary["counts"] = {"jobs": 6, "succeeded": 4, "failed": 0, "stopped": 0, "not_run": 0, "running": 1, "waiting": 1}
    reader.open(summary)
    assert reader.one("h1").text == "▸4 of 6 jobs done"
    assert "the run goes on" in reader.one("#live").text
    reader.one("#text").send_keys("fit")
    (reader.place / "report.html").write_text(page_of(workflow()))
    reader.click("#live button")
    WebDriverWait(reader.browser, 30, 0.05).until(lambda _: reader.one("h1").text == "✓All 6 jobs succeeded")
    assert not reader.one("#live").is_displayed()
    assert "this page is final" in reader.one("footer").text
    assert reader.names == ["fit-1", "fit-2", "fit-3"]
    assert reader.complaints() == []
    reader.open(summary | {"ended": summary["ended"] - 3_600_000})
    assert "not written anew since" in reader.one("#live").text


def test_in_merged_files_a_link_leads_to_the_end_of_the_jobs_own_output(reader: Reader) -> None:
    summary, text = sample(40), ""
    for job in summary["jobs"]:
        start, text = len(text), text + "a line\n" * 60 + f'[cluster-task id={job["number"]}, name="x"]\n'
        job |= {"out": "all.out", "err": "all.err", "place": {"out": [start, len(text)], "err": [7, 7]}}
    (reader.place / "all.out").write_text(text)
    reader.open(summary)
    reader.all("#jobs tbody button.link")[20].send_keys(Keys.ENTER)
    start, end = summary["jobs"][20]["place"]["out"]
    command = reader.each("dialog dd pre")[0]
    assert subprocess.run(command, shell=True, cwd=reader.place, capture_output=True, check=True).stdout == (
        text[start:end].encode()
    )
    tab = reader.browser.current_window_handle
    reader.one("dialog a").click()
    try:
        reader.browser.switch_to.window(next(one for one in reader.browser.window_handles if one != tab))
        WebDriverWait(reader.browser, 30, 0.05).until(lambda _: reader.run("return scrollY"))
        line, lines = text[:end].count("\n"), text.count("\n")
        seen = reader.run("return [scrollY, scrollY + innerHeight].map((y) => y / document.body.scrollHeight)")
        assert seen[0] < line / lines < seen[1]
    finally:
        reader.browser.close()
        reader.browser.switch_to.window(tab)


def test_a_bag_without_jobs_has_a_page_too(reader: Reader) -> None:
    summary = sample(1, failing=0)
    summary |= {
        "jobs": [],
        "counts": {"jobs": 0, "succeeded": 0, "failed": 0, "stopped": 0, "not_run": 0},
        "calls": {},
        "region": "",
    }
    summary["vcpu_hours"] = {"asked": 0.0, "wasted": 0.0}
    reader.open(summary)
    assert reader.one("h1").text == "✓No jobs, nothing to do"
    assert reader.one("#shown").text == "0 jobs"
    assert "NaN" not in reader.one("body").text
    assert reader.complaints() == []


def test_a_run_that_was_stopped_says_so(reader: Reader) -> None:
    summary = json.loads(json.dumps(FEW))
    ended = summary["jobs"][3]["created"] + 90_000
    summary |= {"complete": False, "signal": "SIGINT", "exit_code": 130, "ended": ended}
    for job in summary["jobs"][3:]:  # one ran, the others wait, were not submitted, or have no times
        job |= {"outcome": "stopped", "status": "RUNNING", "stopped": None, "attempts": [], "cause": None}
        if job["number"] > 4:
            job |= {"started": None, "starting": None, "outcome": "not run", "status": "RUNNABLE"}
        if job["number"] > 8:
            job |= {"created": None, "aws_id": None, "status": None, "vcpus": None, "memory": None, "lines": None}
    summary["counts"] = {"jobs": 12, "succeeded": 2, "failed": 1, "stopped": 1, "not_run": 8}
    reader.open(summary)
    assert reader.one("h1").text == "✕Stopped by SIGINT: 1 of 12 jobs failed"
    reader.click("#outcomes input[value='not run']")
    assert len(reader.names) == 8
    reader.click("#outcomes input[value=stopped]")
    assert len(reader.names) == 1
    assert reader.complaints() == []
