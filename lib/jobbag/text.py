"""Text for people: numbers, sizes, durations and times; and the lists of files that they write."""

from __future__ import annotations

from datetime import datetime, timezone


def counted(number: int, noun: str) -> str:
    """`1 job`, `1,234 jobs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def clock(seconds: float) -> str:
    """Seconds as on a clock: `0:07`, `12:34`, `5:06:07`."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def span(seconds: float) -> str:
    """Seconds in the two largest units: `12.3 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`."""
    if seconds < 60:
        return f"{max(seconds, 0):.1f} s"
    minutes, second = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min {second} s"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"


def about(seconds: float) -> str:
    """An estimated number of seconds, rounded: `less than a minute`, `about 5 min`, `about 2 h 10 min`."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"about {minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"about {hours:,} h" if hours >= 10 or not minutes else f"about {hours} h {minutes} min"


def split_items(text: str) -> tuple[str, ...]:
    """The items of a comma separated list of files; empty ones are skipped."""
    return tuple(item for part in text.split(",") if (item := part.strip()))


# What a job or AWS says must not control a terminal.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    10: "\\n",
    9: "\t",
    13: "\\r",
}


def plain(text: str) -> str:
    """`text` on one line, its control characters made visible."""
    return text.translate(_CONTROL)


def iso(milliseconds: int) -> str:
    """A time (ms since the epoch) in ISO 8601: local time with its offset."""
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc).astimezone()
    return moment.isoformat(timespec="milliseconds")
