"""The centre's own side: an ordinary day, the paper in the printers, and what it does in the blind window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from clients.console.context import NotInOrder


def play(url: str, seconds: float, rate: float, seed: int, on_act: Callable[[str], None]) -> dict[str, int]:
    """Ordinary traffic at the centre for some seconds."""
    from sync.reference_his.acts import ActError
    from sync.reference_his.traffic import play_day

    try:
        return play_day(url, rate, seconds, seed=seed, on_act=on_act)
    except ActError as error:
        raise NotInOrder(f"the reference centre: {error}") from error


def paper_in_printers(url: str) -> dict[str, str]:
    """Operator → the next receipt number lying in their printer, prefix and number: what a cashier sees."""
    from sqlalchemy import create_engine, text

    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            rows = connection.execute(
                text("SELECT czydm, qz, dqhm FROM pj_ly WHERE zt = '1' AND dqhm <= jshm ORDER BY lyxh DESC")
            )
            return {row.czydm.strip(): f"{row.qz.strip()}{row.dqhm.strip()}" for row in rows}
    finally:
        engine.dispose()


@dataclass
class Meddling:
    """What the centre did while the windows were in YJ, on purpose; `done` says it in words."""

    done: list[str] = field(default_factory=list)


def meddle(
    url: str, *, paid_here: list[str], receipts_used: list[tuple[str, str]], persons: list[dict[str, Any]]
) -> Meddling:
    """Make conflicts: charge what was charged here, use a number used here, open an archive for a person made here.

    `paid_here`: the centre's keys of prescriptions charged here; `receipts_used`: number, and anybody's patient number;
    `persons`: patients created here: the first gets the same archive at the centre, the second another name.
    """
    from sync.reference_his.acts import ActError
    from sync.reference_his.blind_window import BlindWindow

    centre, story = BlindWindow(url), Meddling()
    try:
        for key in paid_here:
            try:
                centre.charge_prescription(key)
            except ActError:
                continue  # paid or cancelled there before the outage already
            story.done.append(f"处方 {key} 在中心也收了费 · prescription {key} was charged at the centre too")
        for number, patient in receipts_used:
            centre.use_receipt_number(number, patient_no=patient)
            story.done.append(f"票据 {number} 在中心也用了 · receipt {number} was used at the centre too")
        for index, person in enumerate(persons[:2]):
            same = index == 0
            centre.create_patient(
                name=person["name"] if same else f"{person['name'][0]}某", sex=person["sex"],
                birth_date=person["birth_date"], id_no=person["id_no"], phone=person["phone"],
            )  # fmt: skip
            story.done.append(
                "同一病人在中心也建了档 · the same patient was created at the centre too"
                if same
                else "同一证件、另一姓名在中心建了档 · the same id number under another name at the centre"
            )
    finally:
        centre.close()
    return story
