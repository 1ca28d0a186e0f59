"""Colours for a light page, and the same plot on a dark one."""

from __future__ import annotations

TEXT, GREY, LIGHT = "#24292f", "#57606a", "#d0d7de"
OWN, OTHER = ("#1f5a96", "#7fa8d1"), ("#d98c3f", "#8a8a8a")  # two hues: this tool, the others
DARK = {TEXT: "#e6edf3", GREY: "#9198a1", LIGHT: "#3d444d", OWN[0]: "#4a9eea", OWN[1]: "#a5cdf2"}


def both_themes(svg: str) -> str:
    """The same SVG, in which each colour becomes its dark one where the page that shows it is dark."""
    rules = "".join(
        f'[style*="{what}: {light}"] {{ {what}: {dark} !important }}\n'
        for light, dark in DARK.items()
        for what in ("fill", "stroke")
    )
    return svg.replace("<defs>", f"<style>\n@media (prefers-color-scheme: dark) {{\n{rules}}}\n</style>\n <defs>", 1)
