"""The whole loop: a real centre, stopped and started, an outage worked through, accounts that balance."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from tests.acceptance.demo import ENTITIES, Played, play, require_sound

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("demo") / "home", "--visits", "40")


def test_the_loop_ends_balanced_with_every_document_accounted_for(played: Played) -> None:
    require_sound(played)


def test_the_document_has_the_shape_of_the_contract(played: Played) -> None:
    told = played.told
    assert {"balanced", "incident_no", "mirrored", "documents", "totals", "seconds"} <= set(told)
    assert told["incident_no"] == 1
    assert {"mirror", "switch", "work", "upload", "reconcile"} <= set(told["seconds"])
    assert all(re.fullmatch(r"-?\d+\.\d\d", told["totals"][side]) for side in ("local", "ledger", "central"))
    assert told["mirrored"]["patient"] >= 20_000 and len(told["mirrored"]) == 18


def test_every_kind_of_document_took_part(played: Played) -> None:
    assert set(played.told["documents"]) == ENTITIES
    assert played.told["documents"]["registration"] >= 35
    assert Decimal(played.told["totals"]["local"]) > 0


def test_persons_had_conflicts_to_decide_and_a_difference_to_explain(played: Played) -> None:
    decided = {one["kind"] for one in played.told["conflicts"]}
    assert {"receipt_no_used", "prescription_already_paid", "patient_match"} <= decided
    assert played.told["explained"] >= 1


def test_progress_is_visible_throughout(played: Played) -> None:
    for step in ("mirror", "switch to YJ", "work at the windows", "upload", "reconcile", "documents:", "visits:"):
        assert step in played.progress


def test_no_log_of_that_day_names_a_patient(played: Played) -> None:
    """Everybody in the mirror, and everybody a document speaks of: names, id numbers, telephones."""
    told = set()
    for file, rows in (("mirror.db", "SELECT name, id_no, phone, guardian_phone FROM patient"),
                       ("yj.db", "SELECT name, id_no, phone, guardian_phone FROM patient")):  # fmt: skip
        with closing(sqlite3.connect(played.home / file)) as conn:
            told |= {str(value) for row in conn.execute(rows) for value in row if value and len(str(value)) > 2}
    logs = [path.read_text("utf-8", "replace") for path in sorted(played.home.rglob("*.log"))]
    assert len(told) > 20_000 and logs
    words = set(re.findall(r"\w+", "\n".join(logs)))
    assert words & told == set()
