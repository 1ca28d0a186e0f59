"""Text for people: numbers, sizes, durations and times; and the lists of files that they write."""

from __future__ import annotations


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


def _visible(first: int, last: int) -> dict[int, str]:
    """For each character of a range, how it is made visible."""
    forms = ((0x100, "\\x{:02x}"), (0x10000, "\\u{:04x}"), (0x110000, "\\U{:08x}"))
    return {code: next(form for end, form in forms if code < end).format(code) for code in range(first, last + 1)}


_CONTROL = {**_visible(0, 0x1F), **_visible(0x7F, 0x9F), 0x09: "\t", 0x0A: "\\n", 0x0D: "\\r"}
# Those that change the order in which text is shown, end a line, or are not seen; those that join letters stay.
_FORMAT = {
    **_visible(0x61C, 0x61C), **_visible(0x180E, 0x180E), **_visible(0x200B, 0x200B), **_visible(0x200E, 0x200F),
    **_visible(0x2028, 0x202E), **_visible(0x2060, 0x206F), **_visible(0xFEFF, 0xFEFF), **_visible(0xFFF9, 0xFFFB),
    **_visible(0xE0000, 0xE007F),
}  # fmt: skip
_UNSEEN = _CONTROL | _FORMAT


def one_line(text: str) -> str:
    """`text` on one line, its control characters made visible."""
    return text.translate(_CONTROL)


def plain(text: str) -> str:
    """The same for people, whom what a job or AWS says must not deceive: characters for its format are visible, too."""
    return text.translate(_UNSEEN)


def iso(milliseconds: int) -> str:
    """A time (ms since the epoch) in ISO 8601: local time with its offset."""
    from datetime import datetime, timezone  # slow to import, and --help does not need it

    moment = datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc).astimezone()
    return moment.isoformat(timespec="milliseconds")
