"""A simulated ordinary day at the centre: every act one transaction, with the keys, books and trigger of the house."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from threading import Event

from sqlalchemy import create_engine, or_, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from sync.reference_his import acts
from sync.reference_his import schema as his
from sync.reference_his.moments import centre_now, char8
from sync.reference_his.visits import CENT

# How often each act happens, per hundred: about the proportions of a day's load plan.
MIX = {"register": 34, "prescribe": 25, "charge": 22, "dispense": 14, "price": 2, "patient": 3}
REMEMBERED = 500
COLLISIONS = ("40001", "40P01", "55P03")


@dataclass
class _Stage:
    """Who is on duty and which visits and papers of today's traffic are under way."""

    registrars: list[str]
    cashiers: list[str]
    doctors: list[str]
    pharmacists: list[str]
    slots: list[int]
    drugs: list[int]
    patients: list[int]
    waiting: list[int] = field(default_factory=list)
    unpaid: list[int] = field(default_factory=list)
    paid: list[int] = field(default_factory=list)


def play_day(
    url: str,
    rate: float,
    seconds: float | None = None,
    *,
    stop: Event | None = None,
    seed: int = 1,
    on_act: Callable[[str], None] | None = None,
) -> dict[str, int]:
    """Play ``rate`` acts a second until ``seconds`` are over or ``stop`` is set; returns how many of each were done.

    An act the house refuses (a book used up, say) is counted as ``refused``, one that collided with somebody else's and
    was rolled back as ``collided``. If the centre goes away the error of the driver is raised.
    """
    ended, rng, done = stop or Event(), random.Random(seed), Counter[str]()  # noqa: S311 - a play, not a secret
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            stage = _stage(connection, rng)
        begun = time.monotonic()
        number = 0
        while not ended.is_set() and (seconds is None or time.monotonic() - begun < seconds):
            name = _one_act(engine, stage, rng)
            done[name] += 1
            if on_act is not None:
                on_act(name)
            number += 1
            ended.wait(max(begun + number / rate - time.monotonic(), 0))
    finally:
        engine.dispose()
    return dict(done)


def _one_act(engine: Engine, stage: _Stage, rng: random.Random) -> str:
    name = rng.choices(list(MIX), list(MIX.values()))[0]
    queue = {"prescribe": stage.waiting, "charge": stage.unpaid, "dispense": stage.paid}.get(name)
    if queue is not None and not queue:
        name = "register"
    try:
        with engine.begin() as connection:
            _ACTS[name](connection, stage, rng)
    except acts.ActError:
        return "refused"
    except DBAPIError as error:
        if not _collided(error):
            raise
        return "collided"
    return name


def open_engine(url: str) -> Engine:
    """The centre's own way in. SQLite has one writer at a time: an act waits for the others, as at any centre."""
    return create_engine(url, connect_args={"timeout": 60} if url.startswith("sqlite") else {}, pool_pre_ping=True)


def _collided(error: DBAPIError) -> bool:
    """Whether the database chose this act as the victim of a deadlock, or it waited too long for a row."""
    cause = error.orig
    state = getattr(cause, "pgcode", None) or str((getattr(cause, "args", None) or ("",))[0])
    return state in COLLISIONS or any(f"({number})" in str(cause) for number in (1205, 1213))


def _register(connection: Connection, stage: _Stage, rng: random.Random) -> None:
    key = acts.register(
        connection, centre_now(), patient=rng.choice(stage.patients), schedule=rng.choice(stage.slots),
        operator=rng.choice(stage.registrars), method=rng.choice("1334"),
    )  # fmt: skip
    _remember(stage.waiting, key)


def _prescribe(connection: Connection, stage: _Stage, rng: random.Random) -> None:
    drugs = [(number, rng.randint(1, 3)) for number in rng.sample(stage.drugs, rng.randint(1, 4))]
    key = acts.prescribe(
        connection, centre_now(), registration=stage.waiting.pop(0), drugs=drugs, doctor=rng.choice(stage.doctors)
    )
    _remember(stage.unpaid, key)


def _charge(connection: Connection, stage: _Stage, rng: random.Random) -> None:
    paper = stage.unpaid.pop(0)
    acts.charge_prescription(
        connection, centre_now(), paper, rng.choice(stage.cashiers), method=rng.choice("1334")
    )  # fmt: skip
    _remember(stage.paid, paper)


def _dispense(connection: Connection, stage: _Stage, rng: random.Random) -> None:
    acts.dispense(connection, centre_now(), stage.paid.pop(0), rng.choice(stage.pharmacists))


def _price(connection: Connection, stage: _Stage, rng: random.Random) -> None:
    drug = rng.choice(stage.drugs)
    old = connection.execute(select(his.yp_xx.c.lsj).where(his.yp_xx.c.ypxh == drug)).scalar_one()
    new = max((Decimal(old) * Decimal(rng.choice(("0.95", "1.03", "1.10")))).quantize(CENT), CENT)
    acts.change_price(connection, centre_now(), drug, new, "CW01")


def _patient(connection: Connection, stage: _Stage, rng: random.Random) -> None:
    now = centre_now()
    name = rng.choice("王李张刘陈杨赵黄周吴") + rng.choice(("梓涵", "一诺", "浩宇", "欣怡", "子轩", "雨桐"))
    key = acts.create_patient(
        connection, now, name=name, sex=rng.choice("12"), birth=now - timedelta(days=rng.randint(1, 3000)),
        phone=f"154{rng.randrange(10**8):08d}",
    )  # fmt: skip
    stage.patients.append(key)


_ACTS: dict[str, Callable[[Connection, _Stage, random.Random], None]] = {
    "register": _register, "prescribe": _prescribe, "charge": _charge, "dispense": _dispense, "price": _price,
    "patient": _patient,
}  # fmt: skip


def _remember(queue: list[int], key: int) -> None:
    queue.append(key)
    del queue[:-REMEMBERED]


def _stage(connection: Connection, rng: random.Random) -> _Stage:
    drug, slot, person = his.yp_xx, his.gh_pb, his.br_da
    in_sale = select(drug.c.ypxh).where(
        or_(drug.c.tybz.is_(None), drug.c.tybz == "0"), or_(drug.c.zfpb.is_(None), drug.c.zfpb == 0),
        or_(drug.c.gzfl.is_(None), drug.c.gzfl == "0"), drug.c.lb == "1",
    )  # fmt: skip
    today = select(slot.c.pbxh).where(slot.c.pbrq == char8(centre_now()))
    first = rng.randint(1, 10_000)
    known = select(person.c.brxh).where(person.c.brxh >= first, or_(person.c.zfpb.is_(None), person.c.zfpb == 0))
    slots = list(connection.execute(today.order_by(slot.c.pbxh)).scalars())
    if not slots:
        raise acts.ActError("no schedule for today: the reference HIS was made for four days, create it again")
    return _Stage(
        operators_with(connection, "GHY"), operators_with(connection, "SFY"), operators_with(connection, "YS"),
        operators_with(connection, "YFY"), slots, list(connection.execute(in_sale.order_by(drug.c.ypxh)).scalars()),
        list(connection.execute(known.order_by(person.c.brxh).limit(5000)).scalars()),
    )  # fmt: skip


def operators_with(connection: Connection, role: str) -> list[str]:
    """Codes of the active operators with a role of the house, in order."""
    one, link = his.gy_czy, his.gy_czyjs
    query = (
        select(one.c.czydm)
        .join(link, link.c.czydm == one.c.czydm)
        .where(link.c.jsdm == role, or_(one.c.zfpb.is_(None), one.c.zfpb == 0))
        .order_by(one.c.czydm)
    )
    return [code.strip() for code in connection.execute(query).scalars()]
