"""A centre that came back from an older backup is met by the mirror itself: held, shown, and only then believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fallback_server.store.session import Store
from sync.central.fake import FakeCentral
from sync.central.gateway import DatasetHints, Refused, Row
from sync.mirror import reading
from sync.mirror.run import RunReport
from tests.mirror.hospital import patient, published

Run = Callable[..., RunReport]


def patients(count: int, first: int = 1, **values: Any) -> list[Row]:
    return [patient(n, **values) for n in range(first, first + count)]


def kinds(report: RunReport) -> list[str]:
    return [problem["kind"] for problem in report.problems]


def keys(store: Store) -> list[str]:
    return [str(one["patient_no"]) for one in published(store, "patient")]


@pytest.mark.parametrize("large", [False, True], ids=["whole", "swept"])
def test_a_lower_greatest_key_holds_the_run_and_can_be_approved(
    large: bool, store: Store, centre: FakeCentral, mirror: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SWEEP_FROM_ROWS", 0 if large else 10**9)
    mirror()
    centre.datasets["patient"] = patients(198)
    held = mirror()
    assert (held.state, kinds(held)) == ("held", ["rewound"])
    [problem] = held.problems
    assert (problem["dataset"], problem["numbers"], problem["examples"]) == ("patient", {"lost": 2}, ["200", "199"])
    assert "198" in problem["zh"] and "older backup" in problem["en"] and len(keys(store)) == 200
    approved = mirror(approve=held.run_id, requested_by="A01", approved_reason="storage was lost, list is printed")
    assert approved.published and kinds(approved) == ["rewound"] and len(keys(store)) == 198
    assert mirror().published


def test_the_newest_of_longer_keys_is_the_greatest(centre: FakeCentral, mirror: Run) -> None:
    centre.datasets["patient"] = [*patients(200), patient(1000)]
    mirror("patient")
    centre.datasets["patient"] = patients(200)  # "200" sorts behind "1000" as text
    assert mirror("patient").problems[0]["examples"] == ["1000"]


def test_with_a_watermark_the_centre_is_asked_and_then_read_whole(
    store: Store, centre: FakeCentral, mirror: Run
) -> None:
    centre.dataset_hints["patient"] = DatasetHints(watermark="changed_at")
    centre.answers["verify/greatest_key"] = lambda _: [
        {"dataset": "patient", "greatest_key": max(int(one["patient_no"]) for one in centre.datasets["patient"])}
    ]
    centre.datasets["patient"] = [{**one, "changed_at": "2026-11-20 12:00:00"} for one in patients(200)]
    mirror("patient")
    centre.datasets["patient"] = centre.datasets["patient"][:198]
    held = mirror("patient")
    assert held.state == "held" and held.problems[0]["numbers"] == {"lost": 2}
    approved = mirror(approve=held.run_id, requested_by="A01", approved_reason="x")  # at once: it was a sweep before
    assert approved.published and len(keys(store)) == 198


def test_row_versions_that_went_back_are_no_silence(store: Store, centre: FakeCentral, mirror: Run) -> None:
    centre.dataset_hints["patient"] = DatasetHints(watermark="rv", watermark_kind="number")
    centre.datasets["patient"] = [{**one, "rv": 8000 + n} for n, one in enumerate(patients(200), start=1)]
    centre.row_version_limit = 8200
    mirror("patient")
    centre.row_version_limit = 7150  # last night's backup: new rows have versions that we passed long ago
    rest = centre.datasets["patient"][:150]
    centre.datasets["patient"] = [*({**one, "rv": n} for n, one in enumerate(rest)), {**patient(151), "rv": 7100}]
    held = mirror("patient")
    assert held.state == "held" and "rewound" in kinds(held)
    assert mirror(approve=held.run_id, requested_by="A01", approved_reason="x").published
    centre.row_version_limit = 7160
    centre.datasets["patient"] = [*centre.datasets["patient"], {**patient(152), "rv": 7155}]
    report = mirror("patient")
    assert report.published and report.counts["patient"] == {
        "read": 2, "rejected": 0, "inserted": 1, "updated": 0, "retired": 0
    }  # fmt: skip


def test_open_work_that_was_settled_is_no_loss_but_a_lower_key_of_its_table_is(
    store: Store, centre: FakeCentral, mirror: Run
) -> None:
    mirror()
    centre.datasets["open_order"], centre.datasets["open_order_line"] = [], []
    assert mirror("open_order").published  # paid at the centre
    centre.answers["verify/greatest_key"] = [{"dataset": "open_prescription", "greatest_key": "499"}]
    held = mirror("open_prescription")
    assert kinds(held) == ["rewound"] and held.problems[0]["examples"] == ["501"]
    centre.answers["verify/greatest_key"] = [{"dataset": "open_prescription", "greatest_key": "501"}]
    assert mirror("open_prescription").published


@pytest.mark.parametrize(
    ("count", "values", "state", "said"),
    [
        (3, {"name": "赵小红", "birth_date": "2024-01-02"}, "held", ["rewound"]),
        (2, {"name": "赵小红", "birth_date": "2024-01-02"}, "published", ["other_people"]),
        (3, {"name": "赵小红"}, "published", []),
        (3, {"birth_date": "2024-01-02"}, "published", []),
    ],
)
def test_keys_that_were_handed_out_again_to_other_children(
    count: int, values: dict[str, str], state: str, said: list[str], store: Store, centre: FakeCentral, mirror: Run
) -> None:
    mirror("patient")
    centre.datasets["patient"] = [*patients(200 - count), *patients(count, 201 - count, **values), patient(201)]
    report = mirror("patient")
    assert (report.state, kinds(report)) == (state, said)
    if said:
        assert report.problems[0]["examples"][0] == "200: name, birth_date"  # of people only keys and columns
        assert "赵小红" not in str(report.problems)
    if state == "held":
        assert mirror(approve=report.run_id, requested_by="A01", approved_reason="x").published


def test_a_question_that_the_centre_refuses_stops_nothing(centre: FakeCentral, mirror: Run) -> None:
    def refused(_: Any) -> Any:
        raise Refused("central_error", "no such column")

    mirror("patient")
    centre.answers["verify/greatest_key"] = refused
    report = mirror("patient")
    assert report.published and kinds(report) == ["rewound_not_asked"]
