"""The mirror, dataset by dataset, who refreshes it, and the centre it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.readiness import Finding
from fallback_server.store import centre_look, mirror_status
from fallback_server.store.readiness.look import Look

# Without one of these no window can work: nobody logs in, nobody is found, nothing has a price. The first run after the
# founding may be one of the open work alone.
NEEDED: Final = ("operator", "department", "patient", "register_type", "fee_item", "drug")
STALE: Final[dict[str, bool | None]] = {"ok": True, "warn": None, "fail": False}


def mirror(look: Look) -> Iterator[Finding]:
    """Whether there is a mirror, how old and how whole each dataset is, and what holds it up."""
    found = mirror_status.overview(look.conn, look.now, look.policy)
    if found["generation"] is None:
        yield Finding("mirror", False, "mirror_missing")
        return
    values = {"n": found["generation"], "rows": sum(one["rows"] for one in found["datasets"]), "as_of": found["as_of"]}
    yield Finding("mirror", True, "mirror_there", values, age_seconds=look.age(found["as_of"]))
    there = {one["dataset"] for one in found["datasets"]}
    if lacking := [name for name in NEEDED if name not in there]:
        yield Finding("mirror", False, "mirror_lacks", {"datasets": lacking})
    resting = mirror_status.resting(look.conn)
    for one in found["datasets"]:
        yield from _dataset(look, one, one["dataset"] in resting)
    for one in found["held"]:
        yield Finding("mirror", None, "mirror_held", {"run": one["run_id"]}, f"held {one['run_id']}")
    if found["stopped"] is not None:
        yield Finding("mirror", None, "mirror_stopped", {"reason": found["stopped"]["reason"]}, "stopped")


def _dataset(look: Look, one: dict[str, Any], rests: bool) -> Iterator[Finding]:
    name, ok = one["dataset"], STALE[one["stale"]]
    if ok is False and look.in_use:
        ok = None  # frozen while windows work here: nothing to mend
    warn, fail = mirror_status.limits(DATASETS[name].group, look.policy, rests=rests)
    values = {
        "dataset": name,
        "minutes": one["age_seconds"] // 60,
        "rows": one["rows"],
        "rejected": one["rejected"] or 0,
    }
    yield Finding(
        "mirror", ok, "mirror_fresh" if ok else "mirror_old", values, name,
        age_seconds=one["age_seconds"], limit=f"{warn // 60} / {fail // 60} min",
    )  # fmt: skip


def worker_and_centre(look: Look) -> Iterator[Finding]:
    """Whether somebody watches the centre, and what was seen. A centre that is away is what the standby is for."""
    seen = look.centre
    age, limit = look.age(seen["looked_at"]), f"{centre_look.OLD_SECONDS} s"
    code = "worker_there" if seen["watched"] else "worker_away"
    yield Finding("worker", seen["watched"], code, age_seconds=age, limit=limit)
    if seen["state"] != centre_look.UNKNOWN:
        good = True if seen["state"] == centre_look.FINE else None
        yield Finding(
            "centre", good, f"centre_{seen['state']}", age_seconds=age, limit=f"{centre_look.SLOW_SECONDS:g} s"
        )
