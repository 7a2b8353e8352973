"""A rewound centre hands its lost keys out again: they mean the lost rows in old documents, and the new ones in new."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from fallback_server.store.database import open_mirror_engine
from fallback_server.store.mirror import dataset_state, datasets
from fallback_server.store.returning import conflict
from sync.central.fake import FakeCentral
from sync.upload import rewound
from tests.fixtures_return import PAIR, Desk
from tests.upload.test_conflicts import decide, names_at_centre, state, upload

pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
NEW = {"P1001": ("赵新生", "2026-11-01")}


def mirrored_again(desk: Desk, who: dict[str, tuple[str, str]]) -> None:
    """A mirror read after the return: these keys are these people, and all of it is as of now."""
    desk.clock.advance(3600)
    with desk.store.reading() as tx:
        at = tx.at
    engine = open_mirror_engine(desk.store.url)
    table = datasets["patient"]
    with engine.connect() as raw:
        connection = raw.execution_options(yj_write=True)
        with connection.begin():
            for key, (name, birth) in who.items():
                one = update(table).where(table.c.patient_no == key)
                connection.execute(one.values(name=name, birth_date=birth))
            connection.execute(update(dataset_state).values(as_of=at))
    engine.dispose()


@pytest.fixture
def settled(desk: Desk, centre: FakeCentral) -> str:
    """P1001 was lost and is another child now; the one document of the lost child was settled by hand."""
    desk.open()
    old = desk.charge("P1001")
    desk.close()
    centre.answers["verify/patient_key"] = names_at_centre(desk, NEW)
    assert upload(desk, centre).code == "rewound"
    rewound.approve_rewound(desk.store, desk.incident_no, PAIR, "已恢复昨夜备份")
    upload(desk, centre)
    assert state(desk, old) == "conflict"
    decide(desk, "settle", key="S-1")
    assert upload(desk, centre).complete
    return old


def test_the_next_outage_books_the_child_who_has_the_key_now(desk: Desk, centre: FakeCentral, settled: str) -> None:
    mirrored_again(desk, NEW)
    desk.open()
    new = desk.charge("P1001")
    desk.close()
    assert upload(desk, centre).complete and state(desk, new) == "confirmed"


def test_an_outage_that_began_on_the_old_mirror_still_means_the_lost_child(
    desk: Desk, centre: FakeCentral, settled: str
) -> None:
    desk.open()
    one = desk.charge("P1001")
    desk.close()
    mirrored_again(desk, NEW)  # while its documents wait
    upload(desk, centre)
    assert state(desk, one) == "conflict"


def test_a_key_that_is_lost_a_second_time_is_another_loss(desk: Desk, centre: FakeCentral, settled: str) -> None:
    mirrored_again(desk, NEW)
    desk.open()
    desk.charge("P1001")
    desk.close()
    centre.answers["verify/patient_key"] = names_at_centre(desk, {"P1001": ("孙再来", "2026-11-20")})
    assert upload(desk, centre).code == "rewound"


def test_two_people_accept_a_loss_once_however_many_rows_it_has(
    desk: Desk, centre: FakeCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewound, "LISTED", 1)
    desk.open()
    one = desk.charge("P1001")
    desk.close()
    others = {"P1003": ("周改名", "2026-11-02"), "P1004": ("吴改名", "2026-11-03")}
    centre.answers["verify/patient_key"] = names_at_centre(desk, NEW | others)
    assert upload(desk, centre).code == "rewound"
    rewound.approve_rewound(desk.store, desk.incident_no, PAIR, "已恢复昨夜备份")
    upload(desk, centre)
    assert state(desk, one) == "conflict"  # the lost child of a row that no list showed, too
    with desk.store.reading() as tx:
        asked = select(func.count()).select_from(conflict).where(conflict.c.kind == "rewound")
        assert tx.conn.execute(asked).scalar_one() == 1
