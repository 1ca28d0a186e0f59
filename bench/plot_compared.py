"""Plots on logarithmic scales: this tool beside other clients, and what larger and larger bags cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .peers.known import OWN as OWN_CLIENTS
from .results import ONE_BY_ONE, PACKED, GrowthFigures, PeerFigures
from .themes import GREY, LIGHT, OTHER, OWN


@dataclass(frozen=True)
class Column:
    """A figure of the clients."""

    title: str
    of: Callable[[PeerFigures], float]
    bound: Callable[[PeerFigures], float] | None = None


COLUMNS = (
    Column("Seconds until all is done", lambda one: one.makespan, lambda one: one.bound),
    Column("Calls of AWS for each job", lambda one: one.calls),
    Column("Seconds of CPU", lambda one: one.cpu),
)


def draw_peers(part: Any, peers: Sequence[PeerFigures]) -> None:
    """A row for each client, the fastest one at the top."""
    rows = sorted(peers, key=lambda one: one.makespan)
    jobs = rows[0].jobs
    part.suptitle(
        f"The same {jobs:,.0f} jobs, by one client or another. Further left is better; each line is ten times more.",
        x=0.01,
        ha="left",
        fontweight="bold",
        fontsize=10,
    )
    axes = part.subplots(1, len(COLUMNS), sharey=True, squeeze=False)[0]
    for axis, column in zip(axes, COLUMNS, strict=True):
        _draw_column(axis, column, rows)
    axes[0].set_yticks(range(len(rows)), [_label(one) for one in rows])
    axes[0].invert_yaxis()
    for tick, one in zip(axes[0].get_yticklabels(), rows, strict=True):
        tick.set_fontweight("bold" if one.client in OWN_CLIENTS else "normal")


def _label(one: PeerFigures) -> str:
    return f"{one.client}: {one.lost:,.0f} lost" if one.lost else one.client


def _draw_column(axis: Any, column: Column, rows: Sequence[PeerFigures]) -> None:
    values = [column.of(one) for one in rows]
    bound = column.bound(rows[0]) if column.bound else None
    low, high = min([*values, bound or values[0]]), max(values)
    axis.set_xscale("log")
    axis.set_xlim(low / 2.5, high * 6)
    axis.grid(axis="x", which="major", color=LIGHT, linewidth=0.8)
    axis.set_axisbelow(True)
    for place, (one, value) in enumerate(zip(rows, values, strict=True)):
        axis.plot([low / 2.5, value], [place, place], color=LIGHT, linewidth=1, zorder=1)
        axis.plot(value, place, "o", color=OWN[0] if one.client in OWN_CLIENTS else OTHER[0], markersize=7)
        axis.annotate(_three_digits(value), (value, place), (7, 0), textcoords="offset points", va="center", color=GREY)
    if bound is not None:
        axis.axvline(bound, color=GREY, linewidth=1, linestyle="--", zorder=1)
        axis.set_xlabel(f"dashed: {bound:,.0f} s, what AWS's quotas and\nthe jobs take, one by one", color=GREY)
    axis.set_title(column.title, loc="left", fontsize=9)
    axis.minorticks_off()
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)


def _three_digits(value: float) -> str:
    """A number with three digits that count, but not more than two behind the point."""
    return f"{value:,.{min(max(2 - math.floor(math.log10(value)), 0), 2)}f}"


def draw_growth(part: Any, growth: Sequence[GrowthFigures]) -> None:
    """What bags of more and more jobs cost."""
    part.suptitle(
        "What larger bags cost this tool. Both scales: each line is ten times more.",
        x=0.01,
        ha="left",
        fontweight="bold",
        fontsize=10,
    )
    axes = part.subplots(1, 3, squeeze=False)[0]
    _draw_lines(axes[0], "Seconds of CPU", growth, lambda one: one.cpu)
    _draw_lines(axes[1], "Peak of memory, MB", growth, lambda one: one.memory)
    _draw_lines(axes[2], "Calls of AWS", growth, lambda one: one.calls)
    jobs = sorted({one.jobs for one in growth})
    axes[2].plot(jobs, jobs, color=GREY, linewidth=1, linestyle="--", label="one for each job", zorder=1)
    axes[2].legend(frameon=False, fontsize=8, loc="upper left")
    axes[0].legend(frameon=False, fontsize=8, loc="upper left")


def _draw_lines(axis: Any, title: str, growth: Sequence[GrowthFigures], of: Callable[[GrowthFigures], float]) -> None:
    axis.set(xscale="log", yscale="log")
    for how, color in zip((ONE_BY_ONE, PACKED), OWN, strict=True):
        same = [one for one in growth if one.how == how]
        axis.plot([one.jobs for one in same], [of(one) for one in same], "o-", color=color, label=how, markersize=4)
    jobs = sorted({one.jobs for one in growth})
    low, high = (math.log10(of(one)) for one in (min(growth, key=of), max(growth, key=of)))
    axis.set_ylim(10 ** math.floor(low), 10 ** math.ceil(high))
    axis.set_xticks(jobs, [f"{number:,.0f}" for number in jobs])
    axis.minorticks_off()
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axis.grid(color=LIGHT, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.set_title(title, loc="left", fontsize=9)
    axis.set_xlabel("jobs")
