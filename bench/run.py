"""Run every `bench/bench_*.py` and print its figures as a table and as JSON.

A benchmark is a module with `measure() -> list[Figure]`. A figure is a ratio between two things measured in turns in
one run, because absolute times drift with the machine; the table shows both. Nothing here fails on a slow machine.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Figure:
    """One figure: what was measured, in which unit, beside what, and the target it is held against."""

    name: str
    value: float
    unit: str
    companion: str
    companion_value: float
    ratio: float
    target: str
    runs: int


def benchmarks() -> list[str]:
    """The names of the benchmark modules there are."""
    return sorted(path.stem for path in HERE.glob("bench_*.py"))


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {"system": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()}


def table(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = ["| figure | value | companion | ratio | target | runs |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {f.name} | {f.value:.4g} {f.unit} | {f.companion}: {f.companion_value:.4g} {f.unit} "
        f"| {f.ratio:.3g} | {f.target} | {f.runs} |"
        for f in figures
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure everything there is, one after the other."""
    names = benchmarks()
    figures: list[Figure] = []
    for name in names:
        print(f"bench: {name}", flush=True)
        figures += importlib.import_module(f"bench.{name}").measure()
    print(table(figures) if figures else "bench: no figure is measured yet; each comes with the part it measures.")
    print(json.dumps({"machine": machine(), "benchmarks": names, "figures": [asdict(f) for f in figures]}))


if __name__ == "__main__":
    main()
