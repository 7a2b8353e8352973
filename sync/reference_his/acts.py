"""What the centre's own windows do: keys from GY_XH, receipt numbers from PJ_LY, the trigger on charges.

Used by the simulated day (traffic) and to make conflicts on purpose (blind_window). Every function works in the
caller's transaction and gives back the key of what it made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Table, func, insert, select, update
from sqlalchemy.engine import Connection, Row

from sync.reference_his import schema as his
from sync.reference_his.masters import KIND_CATEGORY
from sync.reference_his.moments import char8, char16
from sync.reference_his.visits import line_amount

UNPAID = "0"


class ActError(ValueError):
    """The centre refuses the act; the text says why."""


@dataclass(frozen=True)
class ChargeLine:
    """One line of a charge at the centre."""

    code: str
    name: str
    unit: str
    quantity: int
    price: Decimal
    amount: Decimal
    category: str
    source: str


def take_key(connection: Connection, name: str) -> int:
    """The next key of a kind. The row stays locked until the transaction ends: no gaps, no doubles, some waiting."""
    moved = connection.execute(update(his.gy_xh).where(his.gy_xh.c.bm == name).values(dqz=his.gy_xh.c.dqz + 1))
    if moved.rowcount != 1:
        raise ActError(f"the key table has no entry {name}")
    return int(connection.execute(select(his.gy_xh.c.dqz).where(his.gy_xh.c.bm == name)).scalar_one())


def take_receipt(connection: Connection, operator: str) -> str:
    """The operator's next receipt number from the book in use, which moves on. Raises ActError without one."""
    book = his.pj_ly
    mine = (book.c.czydm == operator) & (book.c.zt == "1") & (book.c.dqhm <= book.c.jshm)
    row = connection.execute(select(book).where(mine).order_by(book.c.lyxh).limit(1).with_for_update()).first()
    if row is None:
        raise ActError(f"operator {operator} has no receipt book with numbers left")
    number = row.dqhm.strip()
    following = f"{int(number) + 1:0{len(number)}d}"
    connection.execute(update(book).where(book.c.lyxh == row.lyxh).values(dqhm=following))
    return f"{row.qz.strip()}{number}"


def create_patient(
    connection: Connection,
    now: datetime,
    *,
    name: str,
    sex: str = "1",
    birth: datetime | None = None,
    id_no: str | None = None,
    phone: str | None = None,
) -> int:
    """A new patient archive with a card; ``sex`` in the house's digits (1 male, 2 female)."""
    key = take_key(connection, "BR_DA")
    connection.execute(
        insert(his.br_da).values(
            brxh=key, brxm=name, xb=sex, csny=char16(birth) if birth else his.SENTINEL_PAST,
            zjlx="01" if id_no else "99", zjhm=id_no, lxdh=phone, brxz="00", jdrq=char16(now), zfpb=0,
        )
    )  # fmt: skip
    connection.execute(insert(his.br_kp).values(kh=f"N{key:010d}", klx="01", brxh=key, ztbz="0"))
    return key


def register(connection: Connection, now: datetime, *, patient: int, schedule: int, operator: str, method: str) -> int:
    """A registration with its fee, receipt and queue number; ``method`` is the house's payment digit."""
    slot = connection.execute(select(his.gh_pb).where(his.gh_pb.c.pbxh == schedule).with_for_update()).one()
    kind = connection.execute(select(his.gh_lb).where(his.gh_lb.c.lbdm == slot.lbdm)).one()
    person = _patient(connection, patient)
    key = take_key(connection, "GH_MX")
    connection.execute(
        update(his.gh_pb).where(his.gh_pb.c.pbxh == schedule).values(yghs=func.coalesce(his.gh_pb.c.yghs, 0) + 1)
    )
    queue = connection.execute(select(func.coalesce(func.max(his.gh_mx.c.jzxh), 0) + 1).where(
        his.gh_mx.c.pbxh == schedule, his.gh_mx.c.ghrq >= char8(now)
    )).scalar_one()  # fmt: skip
    fees = [("GHF", "挂号费", kind.ghf, "13"), ("ZLF", "诊察费", kind.zlf, "02")]
    lines = [ChargeLine(c, n, "次", 1, Decimal(p), line_amount(Decimal(p), 1), g, "1") for c, n, p, g in fees if p]
    connection.execute(
        insert(his.gh_mx).values(
            ghxh=key, brxh=patient, brxm=person.brxm, ghrq=char16(now), ghlb=slot.lbdm, ksdm=slot.ksdm, ysdm=slot.ysdm,
            pbxh=schedule, sjd=slot.sjd, jzxh=queue, zt="0", jzbz="1" if kind.lbdm.strip() == "HLJ-JZ" else "0",
            zje=sum(line.amount for line in lines), yxrq=char8(now), czydm=operator, lsh=f"GH{key}",
        )
    )  # fmt: skip
    if lines:
        charge = write_charge(connection, now, patient, key, operator, "1", lines, method)
        connection.execute(update(his.gh_mx).where(his.gh_mx.c.ghxh == key).values(sfxh=charge))
    return key


def cancel_registration(connection: Connection, now: datetime, registration: int, operator: str) -> int | None:
    """Give a registration back and refund its fee; returns the key of the refund, None where there was no fee."""
    visit = _one(connection, his.gh_mx, his.gh_mx.c.ghxh == registration, f"registration {registration}")
    if (visit.zt or UNPAID) not in (UNPAID, "1"):
        raise ActError(f"registration {registration} is no longer open")
    connection.execute(update(his.gh_mx).where(his.gh_mx.c.ghxh == registration).values(zt="9", thrq=char16(now)))
    connection.execute(
        update(his.gh_pb).where(his.gh_pb.c.pbxh == visit.pbxh).values(yghs=func.coalesce(his.gh_pb.c.yghs, 1) - 1)
    )
    return refund(connection, now, int(visit.sfxh), operator) if visit.sfxh else None


def prescribe(
    connection: Connection, now: datetime, *, registration: int, drugs: Sequence[tuple[int, int]], doctor: str
) -> int:
    """A prescription of (drug row number, quantity) pairs at today's prices; the patient counts as seen."""
    visit = _one(connection, his.gh_mx, his.gh_mx.c.ghxh == registration, f"registration {registration}")
    key = take_key(connection, "CF_ZB")
    lines = [(_one(connection, his.yp_xx, his.yp_xx.c.ypxh == number, f"drug {number}"), n) for number, n in drugs]
    total = sum((line_amount(Decimal(drug.lsj), n) for drug, n in lines), Decimal("0.00"))
    kind = lines[0][0].lb
    connection.execute(
        insert(his.cf_zb).values(
            cfxh=key, ghxh=registration, brxh=visit.brxh, cflb=kind, zddm="J06.903", ksdm=visit.ksdm, ysdm=doctor,
            yfdm="MZZYF" if kind == "3" else "MZXYF", kfrq=char16(now), je=total, zt=None if key % 2 else UNPAID,
        )
    )  # fmt: skip
    for number, (drug, quantity) in enumerate(lines, start=1):
        connection.execute(
            insert(his.cf_mx).values(
                cfxh=key, xh=number, ypxh=drug.ypxh, ypmc=drug.ypmc, gg=drug.gg, dw=drug.dw, dj=drug.lsj, sl=quantity,
                je=line_amount(Decimal(drug.lsj), quantity), fylb=KIND_CATEGORY[drug.lb], ycjl="1", jldw="次", yf="1",
                pl="tid", ts=3,
            )
        )  # fmt: skip
    connection.execute(update(his.gh_mx).where(his.gh_mx.c.ghxh == registration).values(zt="2"))
    return key


def charge_prescription(
    connection: Connection,
    now: datetime,
    prescription: int,
    operator: str,
    *,
    method: str = "1",
    receipt: str | None = None,
) -> int:
    """Take the money for an unpaid prescription; ``receipt`` forces a number instead of the book's next one."""
    paper = _one(connection, his.cf_zb, his.cf_zb.c.cfxh == prescription, f"prescription {prescription}", lock=True)
    if (paper.zt or UNPAID) != UNPAID:
        raise ActError(f"prescription {prescription} is not unpaid")
    rows = connection.execute(select(his.cf_mx).where(his.cf_mx.c.cfxh == prescription).order_by(his.cf_mx.c.xh))
    lines = [
        ChargeLine(str(r.ypxh), r.ypmc, (r.dw or "").strip(), int(r.sl), r.dj, r.je, (r.fylb or "09").strip(), "2")
        for r in rows
    ]
    charge = write_charge(connection, now, paper.brxh, paper.ghxh, operator, "2", lines, method, receipt)
    connection.execute(update(his.cf_zb).where(his.cf_zb.c.cfxh == prescription).values(zt="1", sfxh=charge))
    return charge


def charge_fee(
    connection: Connection, now: datetime, patient: int, item: str, operator: str, *, receipt: str | None = None
) -> int:
    """Take the money for one fee item."""
    fee = _one(connection, his.sf_xm, his.sf_xm.c.xmdm == item, f"fee item {item}")
    line = ChargeLine(
        item, fee.xmmc, fee.dw.strip(), 1, fee.dj, line_amount(fee.dj, 1), fee.fylb.strip(), "4"
    )  # fmt: skip
    return write_charge(connection, now, patient, None, operator, "2", [line], "1", receipt)


def write_charge(
    connection: Connection,
    now: datetime,
    patient: int | None,
    registration: int | None,
    operator: str,
    kind: str,
    lines: Sequence[ChargeLine],
    method: str,
    receipt: str | None = None,
    refund_of: int | None = None,
) -> int:
    """A charge with its lines and one payment; the trigger keeps the day's sum. A refund takes no receipt number."""
    key = take_key(connection, "SF_ZB")
    total = sum((line.amount for line in lines), Decimal("0.00"))
    name = _patient(connection, patient).brxm if patient is not None else None
    number = receipt if receipt or refund_of else take_receipt(connection, operator)
    connection.execute(
        insert(his.sf_zb).values(
            sfxh=key, sflb=kind, brxh=patient, brxm=name, ghxh=registration, czydm=operator, sfrq=char16(now),
            zje=total, fphm=number, zt="3" if refund_of else (None if key % 2 else "0"), tfxh=refund_of,
            jzrq=first_open_day(connection, operator, char8(now)),
        )
    )  # fmt: skip
    for order, line in enumerate(lines, start=1):
        connection.execute(
            insert(his.sf_mx).values(
                sfxh=key, xh=order, xmdm=line.code, xmmc=line.name, dw=line.unit, sl=line.quantity, dj=line.price,
                je=line.amount, fylb=line.category, ly=line.source,
            )
        )  # fmt: skip
    connection.execute(insert(his.sf_zf).values(sfxh=key, xh=1, zffs=method, je=total))
    return key


def refund(connection: Connection, now: datetime, charge: int, operator: str) -> int:
    """Refund a charge whole: a second, negative row that points at the first."""
    first = _one(connection, his.sf_zb, his.sf_zb.c.sfxh == charge, f"charge {charge}", lock=True)
    if (first.zt or "0") != "0":
        raise ActError(f"charge {charge} is refunded already")
    rows = connection.execute(select(his.sf_mx).where(his.sf_mx.c.sfxh == charge).order_by(his.sf_mx.c.xh))
    lines = [
        ChargeLine(r.xmdm.strip(), r.xmmc, (r.dw or "").strip(), -int(r.sl), r.dj, -r.je, (r.fylb or "").strip(), r.ly)
        for r in rows
    ]
    paid = select(his.sf_zf.c.zffs).where(his.sf_zf.c.sfxh == charge).order_by(his.sf_zf.c.xh).limit(1)
    method = connection.execute(paid).scalar() or "1"
    key = write_charge(
        connection, now, first.brxh, first.ghxh, operator, first.sflb, lines, method.strip(), first.fphm, charge
    )
    connection.execute(update(his.sf_zb).where(his.sf_zb.c.sfxh == charge).values(zt="1"))
    return key


def first_open_day(connection: Connection, operator: str, day: str) -> str:
    """The day on which a charge of `day` is posted: that day, or the one after the cashier's last closing."""
    last = connection.execute(select(func.max(his.sf_rj.c.rjrq)).where(his.sf_rj.c.czydm == operator)).scalar()
    return day if last is None or last < day else char8(datetime.strptime(last, "%Y%m%d") + timedelta(days=1))  # noqa: DTZ007 - a day


def close_day(connection: Connection, now: datetime, operator: str, day: str = "") -> int:
    """A cashier's day closing (日结): takes every charge posted up to that day that no closing took yet.

    What is charged afterwards is posted to the next day. Raises ActError for a day that is closed already.
    """
    key, day = take_key(connection, "SF_RJ"), day or char8(now)
    charge, closing = his.sf_zb, his.sf_rj
    last = connection.execute(select(func.max(closing.c.rjrq)).where(closing.c.czydm == operator)).scalar()
    if last is not None and last >= day:
        raise ActError(f"operator {operator} has closed {last} already")
    waiting = (charge.c.czydm == operator) & charge.c.rjxh.is_(None)
    waiting &= func.coalesce(charge.c.jzrq, func.substr(charge.c.sfrq, 1, 8)) <= day
    count, total = connection.execute(
        select(func.count(), func.coalesce(func.sum(charge.c.zje), 0)).where(waiting)
    ).one()
    moment = char16(now)
    connection.execute(insert(closing).values(rjxh=key, czydm=operator, rjrq=day, rjsj=moment, bs=count, je=total))
    connection.execute(update(charge).where(waiting).values(rjxh=key))
    return key


def dispense(connection: Connection, now: datetime, prescription: int, operator: str) -> None:
    """Hand out a paid prescription and take it off the stock."""
    paper = _one(connection, his.cf_zb, his.cf_zb.c.cfxh == prescription, f"prescription {prescription}", lock=True)
    if paper.zt != "1":
        raise ActError(f"prescription {prescription} is not paid")
    connection.execute(
        update(his.cf_zb).where(his.cf_zb.c.cfxh == prescription).values(zt="2", fyrq=char16(now), fyczy=operator)
    )
    lines = select(his.cf_mx.c.ypxh, his.cf_mx.c.sl).where(his.cf_mx.c.cfxh == prescription)
    # By drug: two counters that hand out the same drugs at once must not wait for each other in a circle.
    for line in connection.execute(lines.order_by(his.cf_mx.c.ypxh)):
        connection.execute(
            update(his.yp_kc)
            .where(his.yp_kc.c.yfdm == paper.yfdm, his.yp_kc.c.ypxh == line.ypxh)
            .values(kcsl=his.yp_kc.c.kcsl - line.sl)
        )


def change_price(connection: Connection, now: datetime, drug: int, price: Decimal, operator: str) -> int:
    """Change a drug's price and record it; nothing else tells that the drug has changed."""
    old = _one(connection, his.yp_xx, his.yp_xx.c.ypxh == drug, f"drug {drug}").lsj
    key = take_key(connection, "YP_TJ")
    connection.execute(
        insert(his.yp_tj).values(tjxh=key, ypxh=drug, yjg=old, xjg=price, tjsj=char16(now), czydm=operator)
    )
    connection.execute(update(his.yp_xx).where(his.yp_xx.c.ypxh == drug).values(lsj=price))
    return key


def stop_drug(connection: Connection, drug: int, *, stopped: bool = True) -> None:
    """Take a drug out of sale, or put it back."""
    connection.execute(update(his.yp_xx).where(his.yp_xx.c.ypxh == drug).values(tybz="1" if stopped else "0"))


def _patient(connection: Connection, patient: int) -> Row[Any]:
    return _one(connection, his.br_da, his.br_da.c.brxh == patient, f"patient {patient}")


def _one(
    connection: Connection, table: Table, condition: ColumnElement[bool], what: str, *, lock: bool = False
) -> Row[Any]:
    query = select(table).where(condition)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise ActError(f"{what} is not there")
    return row
