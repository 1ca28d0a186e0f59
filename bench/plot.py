"""The figures as a plot: makespans against their bounds, and uploads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .results import JobFigures, Outcome, medians
from .targets import MAKESPAN, by_files

OWN, OTHER = ("#1f5a96", "#7fa8d1"), ("#d98c3f", "#8a8a8a")  # two hues: this tool, the others
GREY = "#555555"


def plot(outcomes: Sequence[Outcome], path: Path) -> bool:
    """Write the plot as SVG, if there is anything to draw; says whether it did."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {
        "svg.fonttype": "none",  # text stays text: light, and searchable
        "svg.hashsalt": "bench",  # the same figures give the same file
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    from matplotlib import pyplot

    jobs = [(outcome.scenario, medians(runs)) for outcome in outcomes if (runs := _job_runs(outcome))]
    files = [item for outcome in outcomes for item in by_files(outcome.runs).items()]
    panels = [bool(jobs), *(True for _ in files)]
    if not any(panels):
        return False
    heights = [0.42 * len(jobs) + 1.1] * bool(jobs) + [0.3 * len(by_peer) + 0.7 for _, by_peer in files]
    figure, axes = pyplot.subplots(
        len(heights), 1, figsize=(8, sum(heights)), height_ratios=heights, layout="constrained", squeeze=False
    )
    rest = list(axes[:, 0])
    if jobs:
        _draw_jobs(rest.pop(0), jobs)
    for place, (axis, (what, by_peer)) in enumerate(zip(rest, files, strict=True)):
        _draw_uploads(axis, what, {peer: one.seconds for peer, one in by_peer.items()}, last=place == len(files) - 1)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True


def _job_runs(outcome: Outcome) -> list[JobFigures]:
    return [run for run in outcome.runs if isinstance(run, JobFigures)]


def _draw_jobs(axis: Any, jobs: Sequence[tuple[str, JobFigures]]) -> None:
    names = [f"{name}\n{one.jobs:,.0f} job{'s' if one.jobs > 1 else ''}" for name, one in jobs]
    axis.barh(names, [one.ratio for _, one in jobs], color=OWN[0], height=0.6)
    for place, (_, one) in enumerate(jobs):
        axis.text(
            max(one.ratio, MAKESPAN),
            place,
            f"  {one.makespan:,.1f} s; bound {one.bound:,.1f} s",
            va="center",
            color=GREY,
        )
    axis.axvline(1, color=GREY, linewidth=1)
    axis.axvline(MAKESPAN, color=GREY, linewidth=1, linestyle=":")
    axis.set_title("Makespan as a multiple of what quotas and job times allow", loc="left", fontweight="bold")
    axis.set_xlabel(f"times the bound; dotted: {MAKESPAN}")
    axis.set_xlim(0, 1.45 * max(one.ratio for _, one in jobs))
    axis.invert_yaxis()


def _draw_uploads(axis: Any, what: str, seconds: dict[str, float], *, last: bool) -> None:
    bars = axis.barh(list(seconds), list(seconds.values()), color=[*OWN, *OTHER], height=0.65)
    axis.bar_label(bars, fmt=" %.1f s", color=GREY)
    axis.set_title(f"Upload of {what}", loc="left", fontweight="bold")
    axis.set_xlim(0, 1.15 * max(seconds.values()))
    axis.invert_yaxis()
    if last:
        axis.set_xlabel("seconds, from the start of the client to its end")
