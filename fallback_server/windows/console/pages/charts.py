"""Charts that a person reads at a glance: drawn on the server, small, without any script or style of their own.

The library's own style and script would be refused by the pages' content policy: they are taken out, console.css draws.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from xml.etree import ElementTree

from markupsafe import Markup

from fallback_server.domain.clock import from_text
from fallback_server.store.pulse import Slots

SVG: Final = "{http://www.w3.org/2000/svg}"
WIDTH, HEIGHT = 440, 150
LABELS: Final = 5  # times along the bottom
TIPS: Final = 96  # of a day: one a quarter of an hour
Points = Sequence[tuple[float, float]]


def bars(cut: Slots, values: Sequence[float], summary: str) -> Markup:
    """One bar a slot. `summary` says in words what the picture shows, for those who do not see it."""
    chart = _pygal().Bar(**_look(cut) | {"margin_bottom": 14, "range": _whole(values)}, spacing=0)
    chart.add("", list(values))
    return _drawn(chart, summary)


def area(cut: Slots, values: Sequence[float], summary: str) -> Markup:
    """One line over the slots with what is under it filled."""
    chart = _pygal().Line(**_look(cut) | {"range": _whole(values)}, fill=True, show_dots=False)
    chart.add("", list(values))
    return _drawn(chart, summary)


def _whole(values: Sequence[float]) -> tuple[float, float]:
    """An axis of whole numbers, also while there is nothing to show: what is counted has no fifths."""
    return 0, max(5, *values)


def lines(since: datetime, until: datetime, series: Mapping[str, Points], summary: str) -> Markup:
    """Lines over a span of time; the points are (seconds since its begin, value)."""
    span = (until - since).total_seconds()
    marks = [span * index / (LABELS - 1) for index in range(LABELS)]
    labels = [{"value": mark, "label": _clock(since + timedelta(seconds=mark), span)} for mark in marks]
    chart = _pygal().XY(**_plain(), show_dots=False, x_labels=labels, xrange=(0, span))
    for name, points in series.items():
        chart.add(name, [(x, y) for x, y in points])
    return _drawn(chart, summary)


def _pygal() -> Any:
    """The library, loaded with the first picture; its own import hook, of an older Python, is taken out again."""
    before = list(sys.meta_path)
    import pygal

    for hook in [one for one in sys.meta_path if one not in before and not hasattr(one, "find_spec")]:
        sys.meta_path.remove(hook)
    return pygal


def age_points(group: Mapping[str, Any], since: datetime) -> list[tuple[float, float]]:
    """The history of a group of the mirror as (seconds, minutes of age): saw teeth, or their tips where there are more
    of them than a person can tell apart."""
    points = [
        ((from_text(point["at"]) - since).total_seconds(), round(point["age_seconds"] / 60, 1))
        for point in group["points"]
    ]
    return points if len(points) <= 2 * TIPS else _tips(points)


def _tips(points: Points) -> list[tuple[float, float]]:
    """The highest point of each of TIPS slots, and the last one: that is now."""
    width = (points[-1][0] or 1) / TIPS
    highest: dict[int, tuple[float, float]] = {}
    for at, age in points:
        slot = int(at / width)
        if slot not in highest or age >= highest[slot][1]:
            highest[slot] = (at, age)
    found = [highest[slot] for slot in sorted(highest)]
    return found if found[-1] == points[-1] else [*found, points[-1]]


def _plain() -> dict[str, Any]:
    return {
        "width": WIDTH, "height": HEIGHT, "no_prefix": True, "js": [], "css": [], "show_legend": False, "margin": 4,
        "margin_right": 14, "truncate_label": -1, "disable_xml_declaration": True, "no_data_text": "–", "min_scale": 3,
        "max_scale": 5, "range": None, "include_x_axis": True,
    }  # fmt: skip


def _look(cut: Slots) -> dict[str, Any]:
    span = 60.0 * cut.minutes * cut.count
    every = max(1, cut.count // (LABELS - 1))
    labels = [_clock(start, span) for start in cut.starts()]
    return {**_plain(), "x_labels": labels, "x_labels_major_every": every, "show_minor_x_labels": False}


def _clock(moment: datetime, span: float) -> str:
    return f"{moment:%H:%M}" if span <= 36 * 3600 else f"{moment:%m-%d %H}"


def _drawn(chart: Any, summary: str) -> Markup:
    """The picture without style, script and what only a script would show; nothing in it comes from a person."""
    root = chart.render_tree()
    for parent in list(root.iter()):
        for child in list(parent):
            if _superfluous(child):
                parent.remove(child)
    root.attrib.pop("id", None)
    root.set("role", "img")
    root.set("aria-label", summary)
    ElementTree.register_namespace("", SVG.strip("{}"))
    drawn = ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
    return Markup(drawn)  # noqa: S704  (numbers and times of ours, put in by ElementTree, which escapes what it writes)


def _superfluous(element: Any) -> bool:
    if not isinstance(element.tag, str):  # a comment
        return True
    classes = element.get("class", "").split()
    name = element.tag.removeprefix(SVG)
    return name in ("style", "script", "defs", "title", "desc") or any("overlay" in one for one in classes)
