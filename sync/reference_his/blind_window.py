"""What the centre does in the blind window, on purpose: each call makes one conflict for a returning document."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import or_, select
from sqlalchemy.engine import Connection, Engine

from sync.reference_his import acts
from sync.reference_his import schema as his
from sync.reference_his.moments import HOSPITAL_ZONE, centre_now
from sync.reference_his.traffic import open_engine, operators_with

SEX = {"M": "1", "F": "2"}


class BlindWindow:
    """The centre's own hands between the last mirror and the upload; every call is one transaction of the centre."""

    def __init__(self, url: str) -> None:
        self._engine: Engine = open_engine(url)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def charge_prescription(self, prescription_key: str | int, *, operator: str | None = None) -> str:
        """The centre takes the money for a prescription too; returns the charge's key."""
        with self._engine.begin() as connection:
            hand = operator or _cashier(connection)
            return str(acts.charge_prescription(connection, centre_now(), int(prescription_key), hand))

    def use_receipt_number(self, receipt_no: str, *, patient_no: str | int, operator: str | None = None) -> str:
        """The centre charges a fee item under a receipt number that a window of ours used; returns the charge's key."""
        with self._engine.begin() as connection:
            hand = operator or _cashier(connection)
            item = _cheap_item(connection)
            return str(acts.charge_fee(connection, centre_now(), int(patient_no), item, hand, receipt=receipt_no))

    def create_patient(
        self, *, name: str, sex: str, birth_date: str | None, id_no: str | None, phone: str | None = None
    ) -> str:
        """The centre too opens an archive for a person; ``sex`` M/F, birth ISO. Returns the patient number."""
        birth = datetime.fromisoformat(birth_date).replace(tzinfo=HOSPITAL_ZONE) if birth_date else None
        with self._engine.begin() as connection:
            key = acts.create_patient(
                connection, centre_now(), name=name, sex=SEX.get(sex, "9"), birth=birth, id_no=id_no, phone=phone
            )
        return str(key)

    def change_price(self, drug_code: str | int, price: Decimal, *, operator: str = "CW01") -> None:
        """The centre changes a drug's price."""
        with self._engine.begin() as connection:
            acts.change_price(connection, centre_now(), int(drug_code), price, operator)

    def stop_drug(self, drug_code: str | int, *, stopped: bool = True) -> None:
        """The centre takes a drug out of sale (``stopped=False``: puts it back)."""
        with self._engine.begin() as connection:
            acts.stop_drug(connection, int(drug_code), stopped=stopped)

    def cancel_registration(self, registration_key: str | int, *, operator: str | None = None) -> None:
        """The centre gives a registration back and refunds its fee."""
        with self._engine.begin() as connection:
            hand = operator or operators_with(connection, "GHY")[0]
            acts.cancel_registration(connection, centre_now(), int(registration_key), hand)


def _cashier(connection: Connection) -> str:
    return operators_with(connection, "SFY")[0]


def _cheap_item(connection: Connection) -> str:
    fee = his.sf_xm
    query = select(fee.c.xmdm).where(fee.c.dj > 0, fee.c.dj < 50, or_(fee.c.tybz.is_(None), fee.c.tybz == "0"))
    return str(connection.execute(query.order_by(fee.c.xmdm).limit(1)).scalar_one()).strip()
