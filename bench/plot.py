"""The figures as a plot: makespans against their bounds, files moved, other clients, and how cost grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .plot_compared import draw_growth, draw_peers
from .results import GrowthFigures, JobFigures, Outcome, PeerFigures, TransferFigures, medians, medians_by, runs_of
from .targets import MAKESPAN, by_files
from .themes import GREY, OTHER, OWN, TEXT, both_themes
from .transfers import AWS, S5CMD, THIS, THIS_NEW

CLIENTS = dict(zip((THIS, THIS_NEW, AWS, S5CMD), (*OWN, *OTHER), strict=True))  # and their colours
ByPeer = Mapping[str, TransferFigures]
Section = tuple[float, Callable[[Any], None]]  # the height, and what draws it into a part of the figure


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
        **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), TEXT),
    }
    from matplotlib import pyplot

    sections = _sections(outcomes)
    if not sections:
        return False
    heights = [height for height, _ in sections]
    figure = pyplot.figure(figsize=(8.5, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, (_, draw) in zip(parts, sections, strict=True):
        draw(part)
    figure.savefig(path, metadata={"Date": None}, transparent=True)
    pyplot.close(figure)
    path.write_text(both_themes(path.read_text()))
    return True


def _sections(outcomes: Sequence[Outcome]) -> list[Section]:
    """What there is to draw, from the top."""
    found: list[Section] = []
    runs = runs_of(outcomes)
    if peers := list(medians_by(runs, PeerFigures, lambda run: run.client).values()):
        found.append((0.3 * len(peers) + 1.4, lambda part: draw_peers(part, peers)))
    if growth := list(medians_by(runs, GrowthFigures, lambda run: (run.how, run.jobs)).values()):
        found.append((2.9, lambda part: draw_growth(part, growth)))
    if jobs := [(outcome.scenario, medians(same)) for outcome in outcomes if (same := _job_runs(outcome))]:
        found.append((0.42 * len(jobs) + 1.1, lambda part: _draw_jobs(part.subplots(), jobs)))
    if files := [by_peer for outcome in outcomes for by_peer in by_files(outcome.runs).values()]:
        columns = _columns(files)
        height = max(sum(0.24 * len(by_peer) + 0.75 for by_peer in column) for column in columns)
        found.append((height, lambda part: _draw_transfers(part, columns)))
    return found


def _job_runs(outcome: Outcome) -> list[JobFigures]:
    return [run for run in outcome.runs if isinstance(run, JobFigures)]


def _draw_jobs(axis: Any, jobs: Sequence[tuple[str, JobFigures]]) -> None:
    names = [f"{name}\n{one.jobs:,.0f} job{'s' if one.jobs > 1 else ''}" for name, one in jobs]
    axis.barh(names, [one.ratio for _, one in jobs], color=OWN[0], height=0.6)
    for place, (_, one) in enumerate(jobs):
        axis.text(
            max(one.ratio, MAKESPAN) + 0.01,
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


def _columns(files: Sequence[ByPeer]) -> list[list[ByPeer]]:
    """The files by the network over which they were moved."""
    columns: dict[str, list[ByPeer]] = {}
    for by_peer in files:
        columns.setdefault(next(iter(by_peer.values())).network, []).append(by_peer)
    return list(columns.values())


def _draw_transfers(part: Any, columns: Sequence[Sequence[ByPeer]]) -> None:
    axes = part.subplots(max(map(len, columns)), len(columns), squeeze=False)
    for column, files in enumerate(columns):
        for row, axis in enumerate(axes[:, column]):
            if row < len(files):
                _draw_clients(axis, files[row])
                if column and row < len(columns[0]) and files[row].keys() == columns[0][row].keys():
                    axis.tick_params(labelleft=False)  # they stand at the left
            else:
                axis.axis("off")
        axes[len(files) - 1, column].set_xlabel("seconds, from start to end")


def _draw_clients(axis: Any, by_peer: ByPeer) -> None:
    seconds = [one.seconds for one in by_peer.values()]
    bars = axis.barh(list(by_peer), seconds, color=[CLIENTS[peer] for peer in by_peer], height=0.65)
    axis.bar_label(bars, fmt=" %.1f s", color=GREY)
    axis.set_title(next(iter(by_peer.values())).what, loc="left", fontweight="bold")
    axis.set_xlim(0, 1.2 * max(seconds))
    axis.invert_yaxis()
