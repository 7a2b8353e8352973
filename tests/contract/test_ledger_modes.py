"""Without a table of ours at the centre a document still arrives once: by a procedure, a unique column, or a person."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sync.central.gateway import (
    Applied,
    CentralError,
    IntegrityAlarm,
    LedgerMode,
    LedgerRow,
    OutcomeUnknown,
    Proof,
    Refused,
    Systemic,
    TransactionEnded,
    Transient,
)
from tests.contract.centres import (
    US,
    Centre,
    FakeCentre,
    MariadbCentre,
    RealCentre,
    charge,
)
from tests.contract.modes import TAKEN, mode_centre, mode_mapping, vendor
from tests.contract.proxy import Cut

OPENED = "2026-11-22T08:00:00.000+08:00"
POSTGRES, ODBC = pytest.mark.postgres, pytest.mark.odbc
proved = pytest.mark.parametrize(
    "centre",
    [
        pytest.param(("postgresql", "procedure"), marks=POSTGRES),
        pytest.param(("postgresql", "unique_column"), marks=POSTGRES),
        pytest.param(("mariadb", "procedure"), marks=ODBC),
        ("sqlite", "unique_column"),
        ("fake", "procedure"),
        ("fake", "unique_column"),
    ],
    indirect=True,
    ids="-".join,
)
by_persons = pytest.mark.parametrize(
    "centre",
    [pytest.param(("postgresql", "none"), marks=POSTGRES), ("sqlite", "none"), ("fake", "none")],
    indirect=True,
    ids="-".join,
)


@pytest.fixture
def centre(request: pytest.FixtureRequest) -> Centre:
    """A centre of the kind and mode the test names."""
    kind, mode = request.param
    found: Centre = FakeCentre(LedgerMode(mode)) if kind == "fake" else mode_centre(request, kind, mode)
    request.addfinalizer(found.close)
    return found


def arrived(centre: Centre, row: LedgerRow) -> bool:
    """Whether the mode's proof says so; a procedure without a question is simply called again."""
    found = centre.gateway.arrived([row])
    return row.yj_id in found and found[row.yj_id].payload_hash == row.payload_hash


@proved
def test_a_document_arrives_once_and_is_answered_with_its_key_when_it_comes_again(centre: Centre) -> None:
    first = centre.gateway.apply(charge(1))
    second = centre.gateway.apply(charge(1))
    assert first.central_key and not first.repeated
    assert second == Applied(first.central_key, repeated=True)
    assert centre.arrived() == [charge(1).ledger.yj_no]


@proved
@pytest.mark.parametrize("when", [Cut.AFTER_COMMIT, Cut.BEFORE_COMMIT])
def test_a_lost_answer_at_the_commit_is_settled_by_asking(centre: Centre, when: Cut) -> None:
    centre.cut(when)
    with pytest.raises(OutcomeUnknown):
        centre.gateway.apply(charge(1))
    there = when is Cut.AFTER_COMMIT
    if centre.gateway.proof("charge") is Proof.ASKED:
        assert arrived(centre, charge(1).ledger) is there
    assert centre.gateway.apply(charge(1)).repeated is there
    assert centre.arrived() == [charge(1).ledger.yj_no]


@proved
def test_the_same_number_with_other_contents_is_an_alarm(centre: Centre) -> None:
    centre.gateway.apply(charge(1))
    with pytest.raises(IntegrityAlarm):
        centre.gateway.apply(charge(1, total="13.00"))
    assert len(centre.arrived()) == 1


@proved
def test_two_uploaders_at_once_write_it_once(centre: Centre) -> None:
    told: list[Applied | CentralError] = []

    def send() -> None:
        try:
            told.append(centre.gateway.apply(charge(1)))
        except Transient as busy:  # it waited too long for the other one, and comes again
            told.append(busy)

    senders = [threading.Thread(target=send) for _ in range(2)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    told.append(centre.gateway.apply(charge(1)))
    keys = {one.central_key for one in told if isinstance(one, Applied)}
    assert len(keys) == 1 and len(centre.arrived()) == 1
    assert sum(isinstance(one, Applied) and not one.repeated for one in told) == 1


@proved
def test_a_rehearsal_and_a_refusal_leave_nothing(centre: Centre) -> None:
    assert centre.gateway.apply(charge(1), rehearse=True).central_key
    assert centre.arrived() == []
    centre.use_receipt("A0000017")
    with pytest.raises(Refused) as refused:
        centre.gateway.apply(charge(2, receipt_no="A0000017"))
    assert refused.value.code == "receipt_no_used"
    assert centre.gateway.arrived([charge(2).ledger]) == {} and centre.arrived() == []


@proved
def test_nobody_is_registered_where_there_is_nowhere_to_register(centre: Centre) -> None:
    centre.gateway.register_incident(US, 1, 1, OPENED)
    centre.gateway.apply(charge(1))
    assert list(centre.gateway.known_incidents()) == []
    assert centre.gateway.ledger_find([charge(1).ledger.yj_id]) == {} and centre.gateway.ledger_head(US) == 0
    assert list(centre.gateway.ledger_rows(US)) == []
    centre.gateway.close_incident(US, 1, OPENED)
    assert centre.gateway.apply_link(charge(2), "4711").central_key == "4711"
    assert centre.gateway.take_link_back(charge(2).ledger, "4711")
    assert centre.arrived() == [charge(1).ledger.yj_no]


@by_persons
def test_without_any_proof_what_may_be_there_waits_for_a_person(centre: Centre) -> None:
    assert centre.gateway.proof("charge") is Proof.PERSON
    centre.cut(Cut.AFTER_COMMIT)
    with pytest.raises(OutcomeUnknown):
        centre.gateway.apply(charge(1))
    assert centre.gateway.arrived([charge(1).ledger]) == {}
    (shown,) = centre.gateway.evidence(charge(1))
    assert shown["central_key"]
    with pytest.raises(Refused) as refused:  # whoever sends it again
        centre.gateway.apply(charge(1))
    assert refused.value.code == "maybe_there" and len(centre.arrived()) == 1
    centre.gateway.apply(replace(charge(2), not_there=True))
    assert len(centre.arrived()) == 2


@pytest.mark.postgres
def test_a_procedure_without_a_question_is_asked_by_calling_it_again(request: pytest.FixtureRequest) -> None:
    centre = mode_centre(request, "postgresql", "procedure", find=False)
    request.addfinalizer(centre.close)
    assert centre.gateway.proof("charge") is Proof.REFUSED_TWICE and centre.gateway.proof("refund") is Proof.PERSON
    first = centre.gateway.apply(charge(1))
    assert centre.gateway.apply(charge(1)) == Applied(first.central_key, repeated=True)
    assert len(centre.arrived()) == 1


@pytest.mark.postgres
def test_a_rehearsal_finds_a_procedure_that_takes_a_number_twice(request: pytest.FixtureRequest) -> None:
    centre = mode_centre(request, "postgresql", "procedure")
    request.addfinalizer(centre.close)
    vendor(centre, last="DELETE FROM taken;")
    with pytest.raises(Systemic, match="does not find what"):
        centre.gateway.apply(charge(1), rehearse=True)
    vendor(centre, last="IF p_code = 1 THEN p_code := 0; END IF;")
    with pytest.raises(Systemic, match="took the same number twice"):
        centre.gateway.apply(charge(1), rehearse=True)
    assert centre.arrived() == []


@pytest.mark.postgres
def test_a_column_that_nothing_keeps_unique_stops_the_return(
    request: pytest.FixtureRequest,
) -> None:
    centre = mode_centre(request, "postgresql", "unique_column")
    request.addfinalizer(centre.close)
    assert list(centre.gateway.preflight(["charge"]).problems) == []
    centre.run("DROP INDEX ux_bill_yj_no", "CREATE UNIQUE INDEX ux_both ON bill (yj_no, kind)")
    (problem,) = centre.gateway.preflight(["charge"]).problems
    assert "bill.yj_no (charge): nothing at the centre keeps it unique" in problem


@pytest.mark.postgres
def test_a_return_code_is_a_conflict_or_tried_again_as_the_mapping_says(request: pytest.FixtureRequest) -> None:
    centre = mode_centre(request, "postgresql", "procedure")
    request.addfinalizer(centre.close)
    vendor(centre, first="p_code := 5; RETURN;")
    with pytest.raises(Transient):
        centre.gateway.apply(charge(1))
    vendor(centre, first="p_code := 99; RETURN;")
    with pytest.raises(Refused) as refused:
        centre.gateway.apply(charge(1))
    assert refused.value.code == "not_written" and refused.value.central["p_code"] == 99
    assert centre.arrived() == []


@pytest.mark.postgres
def test_postgresql_refuses_a_procedure_that_commits_and_the_preflight_reads_it_before(
    request: pytest.FixtureRequest,
) -> None:
    centre = mode_centre(request, "postgresql", "procedure")
    request.addfinalizer(centre.close)
    vendor(centre, last="COMMIT;")
    assert any("p_bill says COMMIT" in problem for problem in centre.gateway.preflight(["charge"]).problems)
    with pytest.raises(Systemic, match="2D000"):
        centre.gateway.apply(charge(1))
    assert centre.arrived() == [] and centre.rows("SELECT * FROM taken") == []


@pytest.fixture
def torn(request: pytest.FixtureRequest, tmp_path: Path) -> RealCentre:
    """MariaDB with our ledger, whose charge calls the vendor's procedure."""
    folder = mode_mapping(tmp_path, "mariadb", "procedure", find=False)
    toml = folder / "mapping.toml"
    toml.write_text(toml.read_text("utf-8").replace('"procedure"\n', '"same_transaction"\n', 2), encoding="utf-8")
    call = folder / "upload/charge.sql"
    call.write_text(call.read_text("utf-8").replace("1 repeated, ", ""), encoding="utf-8")
    server = request.getfixturevalue("mariadb_server")
    centre = MariadbCentre(server, request.getfixturevalue("new_mariadb")(), folder)
    request.addfinalizer(centre.close)
    centre.run(f"{TAKEN} ENGINE = InnoDB")
    centre.gateway.register_incident(US, 1, 1, OPENED)
    return centre


@pytest.mark.odbc
@pytest.mark.parametrize("careless", ["COMMIT;", "COMMIT; START TRANSACTION;", "ROLLBACK;", "CREATE TABLE t (n int);"])
def test_mariadb_shows_that_a_procedure_ended_the_transaction(torn: RealCentre, careless: str) -> None:
    vendor(torn, last=careless)
    assert any("ends the document's transaction" in one for one in torn.gateway.preflight(["charge"]).problems)
    with pytest.raises(TransactionEnded):
        torn.gateway.apply(charge(1))
    assert torn.gateway.ledger_find([charge(1).ledger.yj_id]) == {}  # it would say that all of it is there
    torn.run("DELETE FROM taken", "DELETE FROM bill")  # the person looks, and clears up
    vendor(torn)
    assert torn.gateway.apply(charge(1)).central_key and len(torn.arrived()) == 1


@pytest.mark.odbc
def test_a_torn_document_whose_ledger_row_could_not_be_taken_out_is_not_taken_for_whole(torn: RealCentre) -> None:
    vendor(torn)
    whole = charge(1)
    torn.gateway.apply(whole)
    torn.run(f"UPDATE yj_ledger SET payload_hash = '-{whole.ledger.payload_hash[1:]}', central_key = NULL")
    with pytest.raises(TransactionEnded):
        torn.gateway.apply(whole)
    torn.run("DELETE FROM bill_line", "DELETE FROM taken", "DELETE FROM bill")
    assert not torn.gateway.apply(whole).repeated


@pytest.mark.postgres
def test_no_table_of_ours_is_made_where_none_is_allowed(request: pytest.FixtureRequest) -> None:
    centre = mode_centre(request, "postgresql", "none")
    request.addfinalizer(centre.close)
    assert centre.gateway.preflight(["charge"]).facts["ledger"] == "none"
    assert centre.rows("SELECT count(*) FROM pg_tables WHERE tablename = 'yj_ledger'") == [(0,)]
