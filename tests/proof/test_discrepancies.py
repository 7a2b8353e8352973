"""差异 Seeded discrepancies at the centre are all found, and nothing else is.

After a clean return somebody changes the centre's own tables: a row deleted, an amount, a method, a category or a
cashier changed, a line, a patient, a time or a date, a number doubled, a row added, a ledger row deleted. The account
names each damaged document and no other; before the damage, and after it was undone, it balances.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.proof.record import Entry
from tests.proof.stage import Case, Ground

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]
KEPT = ("sf_zb", "sf_mx", "sf_zf", "gh_mx", "cf_zb", "yj_sq", "yj_ledger")


@dataclass(frozen=True)
class Damage:
    """What somebody does at the centre, to documents of which kinds, and what the account must call it."""

    sql: str
    entities: tuple[str, ...]
    kinds: frozenset[str]
    names_new: bool = False  # the damage is a row of nobody's: it has a key, not a document


_COPY = "SELECT :new, sflb, brxh, czydm, sfrq, zje, zt, yjbz, {no} FROM sf_zb WHERE sfxh = :key"
_INTO = "INSERT INTO sf_zb (sfxh, sflb, brxh, czydm, sfrq, zje, zt, yjbz, yjlsh) "
_METHOD = "UPDATE sf_zf SET zffs = CASE zffs WHEN '4' THEN '1' ELSE '4' END WHERE sfxh = :key"
_CATEGORY = "UPDATE sf_mx SET fylb = CASE fylb WHEN '06' THEN '04' ELSE '06' END WHERE sfxh = :key"
_LINE = "UPDATE sf_mx SET xmdm = 'ZZZ' WHERE sfxh = :key"
CHARGE, MONEY, DATE = ("charge",), ("charge", "refund"), frozenset({"date"})
DAMAGES = {
    "charge deleted": Damage("DELETE FROM sf_zb WHERE sfxh = :key", MONEY, frozenset({"missing_at_centre"})),
    "amount changed": Damage("UPDATE sf_zb SET zje = zje + 0.01 WHERE sfxh = :key", MONEY, frozenset({"amount"})),
    "method changed": Damage(_METHOD, MONEY, frozenset({"method"})),
    "category changed": Damage(_CATEGORY, MONEY, frozenset({"category"})),
    "cashier changed": Damage("UPDATE sf_zb SET czydm = 'XX' WHERE sfxh = :key", MONEY, frozenset({"operator"})),
    "number doubled": Damage(_INTO + _COPY.format(no="yjlsh"), CHARGE, frozenset({"doubled"})),
    "extra row": Damage(_INTO + _COPY.format(no="'YJ000000'"), CHARGE, frozenset({"extra_at_centre"}), names_new=True),
    "receipt number changed": Damage(
        "UPDATE sf_zb SET fphm = 'Z1' WHERE sfxh = :key", CHARGE, frozenset({"receipt_no"})
    ),
    "ledger row deleted": Damage(
        "DELETE FROM yj_ledger WHERE yj_id = :yj_id", (*MONEY, "patient", "dispense_note"),
        frozenset({"ledger_missing"}),
    ),
    "ledger amount changed": Damage(
        "UPDATE yj_ledger SET amount = amount + 1 WHERE yj_id = :yj_id", MONEY, frozenset({"ledger_amount"})
    ),
    "line changed": Damage(_LINE, MONEY, frozenset({"line"})),
    "time changed": Damage("UPDATE sf_zb SET sfrq = substr(sfrq, 1, 10) || ':59:58' WHERE sfxh = :key", CHARGE, DATE),
    "date changed": Damage("UPDATE sf_zb SET sfrq = '2001' || substr(sfrq, 5) WHERE sfxh = :key", MONEY, DATE),
    "patient changed": Damage("UPDATE sf_zb SET brxh = brxh + 1 WHERE sfxh = :key", CHARGE, frozenset({"patient"})),
    "ledger cashier changed": Damage(
        "UPDATE yj_ledger SET operator_code = 'XX' WHERE yj_id = :yj_id", MONEY, frozenset({"ledger_operator"})
    ),
    "prescription amount changed": Damage(
        "UPDATE cf_zb SET je = je + 1 WHERE cfxh = :key", ("prescription",), frozenset({"amount"})
    ),
    "order deleted": Damage("DELETE FROM yj_sq WHERE sqxh = :key", ("order",), frozenset({"missing_at_centre"})),
    "registration in another department": Damage(
        "UPDATE gh_mx SET ksdm = 'XX' WHERE ghxh = :key", ("registration",), frozenset({"department"})
    ),
    "registration deleted": Damage(
        "DELETE FROM gh_mx WHERE ghxh = :key", ("registration",), frozenset({"missing_at_centre"})
    ),
    "prescription deleted": Damage(
        "DELETE FROM cf_zb WHERE cfxh = :key", ("prescription",), frozenset({"missing_at_centre"})
    ),
}  # fmt: skip
_ALSO = {"receipt_doubled", "receipt_no"}  # a doubled or changed charge may show in its receipt number as well


@pytest.fixture
def returned(case: Case) -> Iterator[Case]:
    """Everything is back, and the centre's rows are kept aside."""
    case.upload_until_done()
    for table in KEPT:
        case.run(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
    account = case.reconcile()
    assert account.balanced and not account.differences, account.differences
    yield case


def undo(case: Case) -> None:
    for table in KEPT:
        case.run(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        case.run(f"DELETE FROM {table}")
        case.run(f"INSERT INTO {table} SELECT * FROM kept_{table}")
        case.run(f"ALTER TABLE {table} ENABLE TRIGGER ALL")


def damage(case: Case, name: str, victim: dict[str, Any], new: int) -> None:
    binds = {"key": int(victim["central_key"]) if str(victim["central_key"]).isdigit() else 0, "new": new}
    sql = DAMAGES[name].sql
    used = {word: value for word, value in {**binds, "yj_id": victim["yj_id"]}.items() if f":{word}" in sql}
    assert case.run(sql, **used) > 0, (name, victim["yj_no"])


def require_found(case: Case, seeded: list[tuple[str, dict[str, Any], int]]) -> None:
    """Each seeded one is named with its kind; no document that was left alone is named."""
    found = case.reconcile().differences
    named = {(item["yj_id"] or item["central_key"] or item["subject"]): set() for item in found}
    for item in found:
        named[item["yj_id"] or item["central_key"] or item["subject"]].add(item["kind"])
    wanted: set[str] = set()
    for name, victim, new in seeded:
        who = str(new) if DAMAGES[name].names_new else victim["yj_id"]
        wanted.add(who)
        assert who in named and DAMAGES[name].kinds <= named[who], (name, victim["yj_no"], found)
        assert named[who] <= DAMAGES[name].kinds | _ALSO, (name, named[who])
    assert set(named) == wanted, ("false alarms", set(named) - wanted, found)


def victims(case: Case, name: str) -> list[dict[str, Any]]:
    lines = {row["sfxh"] for row in case.rows("SELECT DISTINCT sfxh FROM sf_mx")}
    found = [row for row in case.documents() if row["entity"] in DAMAGES[name].entities]
    if name in ("method changed", "category changed", "line changed"):
        found = [row for row in found if int(row["central_key"]) in lines]
    if name == "receipt number changed":
        found = [row for row in found if row["receipt_no"]]
    return found


def test_each_kind_of_damage_alone_is_named(returned: Case, entry: Entry) -> None:
    lot = random.Random(4)
    for new, name in enumerate(DAMAGES, start=90_000_001):
        victim = lot.choice(victims(returned, name))
        damage(returned, name, victim, new)
        require_found(returned, [(name, victim, new)])
        undo(returned)
        entry.inject([name])
        entry.count(seeded=1, found=1, false_alarms=0)
    account = returned.reconcile()
    assert account.balanced, account.differences


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_damage_of_many_kinds_at_once_is_named_one_by_one(returned: Case, ground: Ground, entry: Entry) -> None:
    lot = random.Random(8)
    for _ in range(20):
        free = {row["yj_id"] for row in returned.documents()}
        seeded: list[tuple[str, dict[str, Any], int]] = []
        for new, name in enumerate(lot.sample(sorted(DAMAGES), 5), start=90_000_001):
            several = [row for row in victims(returned, name) if row["yj_id"] in free]
            if several:
                victim = lot.choice(several)
                free.discard(victim["yj_id"])
                damage(returned, name, victim, new)
                seeded.append((name, victim, new))
        require_found(returned, seeded)
        undo(returned)
        entry.inject([name for name, _, _ in seeded])
        entry.count(seeded=len(seeded), found=len(seeded), false_alarms=0)
    assert returned.reconcile().balanced
