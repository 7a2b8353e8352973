"""Ready means that windows could work: a mirror that lacks what they stand on is no mirror."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Table, select

from fallback_server.acts import trial
from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.domain.readiness import CAP, Finding, Standards, score
from fallback_server.domain.readiness_words import CHECKS
from fallback_server.store import drills, mirror, readiness
from fallback_server.store import trial as trials
from fallback_server.store.database import open_mirror_engine
from fallback_server.store.people import workstation
from fallback_server.store.readiness.mirror import NEEDED
from fallback_server.store.schema import metadata
from tests.fixtures_hospital import ADMIN, CAST, Hospital

# Nothing is ever too old here.
_NEVER = 9999
PATIENT = Policy(
    stale_warn_minutes=_NEVER, stale_fail_minutes=_NEVER, open_work_stale_warn_minutes=_NEVER,
    open_work_stale_fail_minutes=_NEVER,
)  # fmt: skip


def said(hospital: Hospital) -> list[tuple[bool | None, str, dict[str, Any]]]:
    with hospital.store.reading() as tx:
        return [
            (one.ok, one.code, dict(one.values)) for one in readiness.findings(tx, PATIENT) if one.check == "mirror"
        ]


def test_the_open_work_alone_is_no_mirror(hospital: Hospital) -> None:
    assert [code for ok, code, _ in said(hospital) if ok is False] == []
    masters = mirror.dataset_state.c.dataset.not_like("open_%")
    with open_mirror_engine(hospital.url).connect() as raw:
        connection = raw.execution_options(yj_write=True)
        with connection.begin():
            connection.execute(mirror.dataset_state.delete().where(masters))
    lacking = next(values["datasets"] for ok, code, values in said(hospital) if code == "mirror_lacks" and ok is False)
    assert lacking == list(NEEDED)


@pytest.fixture(scope="module")
def tables() -> list[Table]:
    return [*metadata.sorted_tables]


def kept(hospital: Hospital, tables: list[Table]) -> dict[str, list[Any]]:
    with hospital.store.reading() as tx:
        return {one.name: tx.conn.execute(select(one)).all() for one in tables if one.name != "trial"}


def test_a_test_document_takes_the_way_of_a_charge_and_leaves_nothing(hospital: Hospital, tables: list[Table]) -> None:
    before = kept(hospital, tables)
    with hospital.store.trying(trial.WHO) as tx:
        made = trial.write(tx, Policy())
        assert made["receipt_no"] == "YJ-TRIAL00000001" and made["yj_no"].startswith("YJ")
        assert len(tx._documents) == 1
    assert trial.run(hospital.store, Policy()).ok  # in normal mode, where no window could
    assert kept(hospital, tables) == before
    hospital.emergency()
    assert trial.run(hospital.store, Policy(receipt_preprinted=False, payment_methods=frozenset({"wechat"}))).ok
    charge = hospital.window("cashier").post("/charges/quote", {"lines": [{"item_code": "F001", "quantity": 1}]})
    assert charge.status < 500


def test_a_test_document_that_is_refused_says_so(hospital: Hospital) -> None:
    hospital.mirror({**CAST, "fee_item": []}, generation=8)
    done = trial.run(hospital.store, Policy())
    assert (done.ok, done.code) == (False, "nothing_to_charge")
    with hospital.store.reading() as tx:
        one = next(one for one in readiness.findings(tx, PATIENT) if one.check == "trial")
    assert (one.ok, one.code) == (False, "trial_failed") and "nothing_to_charge" in one.cure("en")


def test_a_store_that_is_busy_once_is_tried_again_before_it_counts(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise YjError("busy")

    trials.note(hospital.store, True, None, 0.01)
    monkeypatch.setattr(trial, "write", busy)
    for seconds, ok in ((310, True), (100, False)):
        hospital.clock.advance(seconds)
        assert trial.run(hospital.store, Policy()).code == "busy"
        with hospital.store.reading() as tx:
            last = trials.last(tx.conn)
        assert last is not None and last["ok"] is ok


def test_a_trial_of_the_future_is_no_proof_that_the_standby_works_now(hospital: Hospital) -> None:
    trials.note(hospital.store, True, None, 0.01)
    hospital.clock.advance(-86_400)  # the clock was set back
    with hospital.store.reading() as tx:
        codes = {one.code for one in readiness.findings(tx, PATIENT) if one.check == "trial"}
    assert codes == {"trial_old"}


def test_every_finding_has_words_in_both_languages_and_every_fault_a_cure(hospital: Hospital) -> None:
    with hospital.store.reading() as tx:
        found = readiness.findings(tx, PATIENT)
    assert {one.check for one in found} <= set(CHECKS)
    for one in found:
        assert one.sentence("zh") and one.sentence("en") and one.name("zh")
        assert one.ok or (one.cure("zh") and one.cure("en")), one.code


def test_the_score_is_the_share_of_the_weights_and_one_fault_caps_it() -> None:
    fine = [Finding(check, True, "store_trouble") for check in CHECKS]
    assert score(fine) == 100 and score([]) == 0
    warned = [*fine, Finding("disk", None, "disk_free")]
    assert score(warned) == int(100 - 50 * CHECKS["disk"].weight / sum(one.weight for one in CHECKS.values()))
    assert score([*fine, Finding("alone", False, "alone_overdue")]) == CAP


def test_a_window_of_another_version_is_named_and_a_page_of_ours_is_not(hospital: Hospital) -> None:
    hospital.window("cashier")
    standards = Standards(version="0.1.0")

    def differing(version: str) -> list[str]:
        with hospital.store.writing(Permit.HOUSEKEEPING) as tx:
            tx.conn.execute(workstation.update().values(version=version))
        with hospital.store.reading() as tx:
            found = readiness.findings(tx, replace(PATIENT, standards=standards))
        return [one.code for one in found if one.code == "versions_differ"]

    assert differing("0.1.0 8f0da1") == [] and differing("0.1.0") == []
    assert differing("0.0.9 8f0da1") == ["versions_differ"]


def test_an_agent_of_another_version_is_named_as_long_as_it_is_heard_of(hospital: Hospital) -> None:
    hospital.window("cashier")
    standards = Standards(version="0.1.0")

    def named() -> list[Any]:
        with hospital.store.reading() as tx:
            found = readiness.findings(tx, replace(PATIENT, standards=standards))
        return [one.values["versions"] for one in found if one.code == "versions_differ"]

    with hospital.store.writing(Permit.HOUSEKEEPING) as tx:
        said = {"version": "0.1.0 8f0da1", "agent_version": "0.0.9"}
        tx.conn.execute(workstation.update().values(**said, agent_seen_at=to_text(tx.now - timedelta(days=6))))
    assert named() == [["0.0.9"]]
    hospital.clock.advance(2 * 24 * 3600)
    assert named() == []


def about_drills(hospital: Hospital) -> dict[str, str]:
    """Subject → what is said."""
    wanted = Policy(standards=Standards(self_test=True))
    with hospital.store.reading() as tx:
        return {one.subject: one.code for one in readiness.findings(tx, wanted) if one.check == "drill"}


def test_a_weekly_self_test_that_does_not_run_and_a_finding_that_is_not_mended_are_seen(hospital: Hospital) -> None:
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        number = drills.plan(tx, title="秋季演练")
        drills.add_finding(tx, number, kind="problem", text="没人会切换", owner="门诊办", due_on="2026-11-30")
    hospital.clock.advance(7 * 86_400)
    assert about_drills(hospital) == {"": "drill_never"}  # the first is due only now; the day of the finding is today
    hospital.clock.advance(2 * 86_400)
    assert about_drills(hospital) == {
        "": "drill_never",
        "findings": "findings_overdue",
        "self_test": "self_test_missing",
    }
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        drills.end_self_test(tx, drills.begin_self_test(tx), ok=True, source="copy", steps=[], problem=None)
        drills.finding_done(tx, 1, "已培训")
    assert about_drills(hospital) == {"": "drill_never", "self_test": "self_test_passed"}
    hospital.clock.advance(9 * 86_400)
    assert about_drills(hospital)["self_test"] == "self_test_missing"
