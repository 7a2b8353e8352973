"""How vendors let others write, besides rows in their tables: procedures only, or a unique column for foreign numbers.

A variant is added to the plain reference HIS; everything of that stays as it is.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine import Connection

PLAIN, PROCEDURES, UNIQUE_COLUMN = "plain", "procedures", "unique-column"
VARIANTS: Final = (PLAIN, PROCEDURES, UNIQUE_COLUMN)
NUMBERED: Final = ("br_da", "gh_mx", "cf_zb", "yj_sq", "sf_zb")
"""Tables that get WBDH, the number of another system."""

# A vendor's own key table: numbers of other systems that were taken, with the key each of them got.
_TAKEN: Final = "CREATE TABLE jk_sh (lsh varchar(40) PRIMARY KEY, lb varchar(30), zjz integer, je numeric(14, 2))"
# The number is entered before anything else: a second call waits for the first one's commit or rollback, and then is
# refused, or goes through.
_TAKE: Final = """CREATE PROCEDURE p_jk_sh(p_lsh text, p_lb text, p_bm text, INOUT p_code integer, INOUT p_key integer)
LANGUAGE plpgsql AS $$
BEGIN
    p_code := 0;
    INSERT INTO jk_sh (lsh, lb) VALUES (p_lsh, p_lb) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT 1, zjz INTO p_code, p_key FROM jk_sh WHERE lsh = p_lsh;
        RETURN;
    END IF;
    IF p_bm IS NOT NULL THEN
        UPDATE gy_xh SET dqz = dqz + 1 WHERE bm = p_bm RETURNING dqz INTO p_key;
        IF NOT FOUND THEN
            p_code := 9;
            RETURN;
        END IF;
        UPDATE jk_sh SET zjz = p_key WHERE lsh = p_lsh;
    END IF;
EXCEPTION WHEN lock_not_available THEN
    p_code := 5;
END $$"""
_CHARGE: Final = """CREATE PROCEDURE p_sf_xz(
    p_lsh text, p_sflb text, p_brxh integer, p_brxm text, p_ghxh integer, p_czydm text, p_sfrq text, p_zje numeric,
    p_fphm text, p_brxz text, p_ybkh text, p_ybqh text, p_lrrq text, p_yjlsh text,
    INOUT p_code integer, INOUT p_key integer, INOUT p_row integer)
LANGUAGE plpgsql AS $$
BEGIN
    CALL p_jk_sh(p_lsh, 'charge', 'SF_ZB', p_code, p_key);
    p_row := p_key;
    IF p_code <> 0 THEN
        RETURN;
    END IF;
    IF p_fphm IS NOT NULL AND (EXISTS (SELECT 1 FROM sf_zb WHERE fphm = p_fphm)
                               OR EXISTS (SELECT 1 FROM pj_zf WHERE fphm = p_fphm)) THEN
        p_code := 7;
        RETURN;
    END IF;
    IF p_brxh IS NOT NULL AND NOT EXISTS (SELECT 1 FROM br_da WHERE brxh = p_brxh AND coalesce(zfpb, 0) = 0) THEN
        p_code := 8;
        RETURN;
    END IF;
    UPDATE jk_sh SET je = p_zje WHERE lsh = p_lsh;
    INSERT INTO sf_zb (sfxh, sflb, brxh, brxm, ghxh, czydm, sfrq, zje, fphm, zt, brxz, ybkh, ybqh, lrrq, yjbz, yjlsh)
    VALUES (p_key, p_sflb, p_brxh, p_brxm, p_ghxh, p_czydm, p_sfrq, p_zje, p_fphm, '0', p_brxz, p_ybkh, p_ybqh, p_lrrq,
            '1', p_yjlsh);
END $$"""


def create_variant(connection: Connection, variant: str) -> None:
    """Add what the variant has besides the plain tables; the caller commits.

    Raises ValueError where this database's words for it are not written.
    """
    dialect = connection.dialect.name
    if variant == PROCEDURES and dialect != "postgresql":
        raise ValueError(f"the variant {PROCEDURES} is written for PostgreSQL only")
    statements = {PLAIN: [], PROCEDURES: [_TAKEN, _TAKE, _CHARGE], UNIQUE_COLUMN: _unique(dialect)}[variant]
    for statement in statements:
        connection.exec_driver_sql(statement)


def _unique(dialect: str) -> list[str]:
    # SQL Server counts two NULLs as the same; the others do not.
    where = " WHERE wbdh IS NOT NULL" if dialect == "mssql" else ""
    return [
        statement
        for table in NUMBERED
        for statement in (
            f"ALTER TABLE {table} ADD wbdh varchar(40)",
            f"CREATE UNIQUE INDEX ux_{table}_wbdh ON {table} (wbdh){where}",
        )
    ]
