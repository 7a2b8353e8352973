"""Small centres in the ledger modes without a table of ours: the tiny mapping with another proof, on real databases."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.contract.centres import (
    MAPPING,
    MAPPING_MARIADB,
    MAPPING_SQLITE,
    MariadbCentre,
    PostgresCentre,
    RealCentre,
    SqliteCentre,
)

_FOLDERS: Final = {"postgresql": MAPPING, "mariadb": MAPPING_MARIADB, "sqlite": MAPPING_SQLITE}
_FIND: Final = "SELECT nr AS central_key, total AS amount FROM bill WHERE yj_no = :yj_no"
_FIND_TAKEN: Final = "SELECT bill AS central_key, total AS amount FROM taken WHERE own = :yj_id"
_CODES: Final = "-- code 0 ok, 1 repeated, 5 busy, 7 receipt_no_used, else not_written"
_LINES: Final = (
    "-- step line\n-- each lines\n-- expect 1 else not_written\n"
    "INSERT INTO bill_line (bill, code, amount) VALUES (:central_key, :item_code, CAST(:amount AS decimal(14, 2)))\n"
)
_CALLS: Final = {
    "postgresql": f"-- step head\n{_CODES}\n-- returns code, central_key\n"
    "CALL p_bill(CAST(:yj_id AS varchar), CAST(:yj_no AS varchar), CAST(:receipt_no AS varchar),"
    f" CAST(:total AS numeric), NULL, NULL)\n{_LINES}",
    "mariadb": "-- step head\nCALL p_bill(:yj_id, :yj_no, :receipt_no, CAST(:total AS decimal(14, 2)), @code, @nr)\n"
    f"-- step answer\n{_CODES}\n-- returns code, central_key\nSELECT @code, @nr\n{_LINES}",
}
TAKEN: Final = "CREATE TABLE taken (own varchar(40) PRIMARY KEY, bill integer, total decimal(14, 2))"
# {first} and {last} are what a careless vendor adds at the beginning and the end.
PROCEDURES: Final = {
    "postgresql": """CREATE OR REPLACE PROCEDURE p_bill(
    p_own varchar, p_no varchar, p_receipt varchar, p_total numeric, INOUT p_code integer, INOUT p_nr integer)
LANGUAGE plpgsql AS $$
BEGIN
    {first}
    p_code := 0;
    INSERT INTO taken (own, total) VALUES (p_own, p_total) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT 1, bill INTO p_code, p_nr FROM taken WHERE own = p_own;
    ELSIF EXISTS (SELECT 1 FROM bill WHERE receipt_no = p_receipt) THEN
        p_code := 7;
    ELSE
        INSERT INTO bill (yj_no, receipt_no, total) VALUES (p_no, p_receipt, p_total) RETURNING nr INTO p_nr;
        UPDATE taken SET bill = p_nr WHERE own = p_own;
    END IF;
    {last}
END $$""",
    "mariadb": """CREATE OR REPLACE PROCEDURE p_bill(
    IN p_own varchar(40), IN p_no varchar(30), IN p_receipt varchar(20), IN p_total decimal(14, 2),
    OUT p_code integer, OUT p_nr integer)
BEGIN
    DECLARE CONTINUE HANDLER FOR 1062 SET p_code = 1;
    {first}
    SET p_code = 0, p_nr = NULL;
    INSERT INTO taken (own, total) VALUES (p_own, p_total);
    IF p_code = 1 THEN
        SELECT bill INTO p_nr FROM taken WHERE own = p_own;
    ELSEIF EXISTS (SELECT 1 FROM bill WHERE receipt_no = p_receipt) THEN
        SET p_code = 7;
    ELSE
        INSERT INTO bill (yj_no, receipt_no, total) VALUES (p_no, p_receipt, p_total);
        SET p_nr = last_insert_id();
        UPDATE taken SET bill = p_nr WHERE own = p_own;
    END IF;
    {last}
END""",
}


def mode_mapping(folder: Path, kind: str, mode: str, *, find: bool = True) -> Path:
    """The tiny mapping of this database, with another ledger mode."""
    own = folder / f"mapping-{kind}-{mode}"
    (own / "upload").mkdir(parents=True, exist_ok=True)
    columns = 'columns = { charge = "bill.yj_no" }\n' if mode == "unique_column" else ""
    (own / "mapping.toml").write_text(
        f'name = "{mode}"\ndialect = "{kind}"\nextends = "{_base(folder, kind)}"\n\n'
        f'[ledger]\nmode = "{mode}"\n{columns}',
        encoding="utf-8",
    )
    (own / "upload/find_charge.sql").write_text(_FIND_TAKEN if mode == "procedure" else _FIND, encoding="utf-8")
    if mode == "procedure":
        (own / "upload/charge.sql").write_text(_CALLS[kind], encoding="utf-8")
        if not find:
            (own / "upload/find_charge.sql").unlink()
    return own


def _base(folder: Path, kind: str) -> Path:
    """The tiny mapping as one folder without a question of its own: one of a base counts, too."""
    base = folder / f"base-{kind}"
    for file in [*_FOLDERS["postgresql"].rglob("*.*"), *_FOLDERS[kind].rglob("*.*")]:
        if file.name in ("mapping.toml", "find_charge.sql"):
            continue
        near = next(root for root in (_FOLDERS[kind], MAPPING) if root in file.parents)
        there = base / file.relative_to(near)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(file.read_text("utf-8"), encoding="utf-8")
    (base / "mapping.toml").write_text(
        f'name = "tiny"\ndialect = "{kind}"\n\n[time_formats]\nchar16 = "%Y%m%d%H:%M:%S"\n\n'
        '[tables]\ntouched = ["bill", "bill_line", "book"]\n',
        encoding="utf-8",
    )
    return base


def mode_centre(request: pytest.FixtureRequest, kind: str, mode: str, *, find: bool = True) -> RealCentre:
    """A real centre of this kind that offers what the mode needs."""
    mapping = mode_mapping(request.getfixturevalue("tmp_path"), kind, mode, find=find)
    centre: RealCentre
    if kind == "postgresql":
        centre = PostgresCentre(request.getfixturevalue("new_database")(), mapping)
    elif kind == "mariadb":
        server = request.getfixturevalue("mariadb_server")
        centre = MariadbCentre(server, request.getfixturevalue("new_mariadb")(), mapping)
    else:
        centre = SqliteCentre(request.getfixturevalue("tmp_path"), mapping)
    if mode == "procedure":
        centre.run(f"{TAKEN}{' ENGINE = InnoDB' if kind == 'mariadb' else ''}")
        vendor(centre)
    if mode == "unique_column":
        centre.run("CREATE UNIQUE INDEX ux_bill_yj_no ON bill (yj_no)")
    return centre


def vendor(centre: RealCentre, *, first: str = "", last: str = "") -> None:
    """Let the vendor make the procedure, or make it anew with statements it should not have."""
    kind = "mariadb" if isinstance(centre, MariadbCentre) else "postgresql"
    with centre.direct.begin() as connection:
        connection.exec_driver_sql(PROCEDURES[kind].format(first=first, last=last))
