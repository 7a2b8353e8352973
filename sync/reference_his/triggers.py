"""Triggers of the reference HIS, one spelling a dialect: takings per operator and day, and when a patient changed.

They are the house's own: the takings because many houses keep sums by trigger, the change time because a column that is
only kept by the programs that know of it cannot be depended on.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

_POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION fn_sf_zb_tj() RETURNS trigger AS $$
BEGIN
    INSERT INTO gy_sftj (czydm, rq, bs, je)
    VALUES (NEW.czydm, substr(NEW.sfrq, 1, 8), 1, NEW.zje)
    ON CONFLICT (czydm, rq) DO UPDATE SET bs = gy_sftj.bs + 1, je = gy_sftj.je + excluded.je;
    RETURN NULL;
END $$ LANGUAGE plpgsql""",
    "CREATE TRIGGER tr_sf_zb_tj AFTER INSERT ON sf_zb FOR EACH ROW "
    "WHEN (NEW.czydm IS NOT NULL AND NEW.sfrq IS NOT NULL) EXECUTE FUNCTION fn_sf_zb_tj()",
    """CREATE OR REPLACE FUNCTION fn_br_da_xg() RETURNS trigger AS $$
BEGIN
    NEW.xgsj = to_char(clock_timestamp() AT TIME ZONE 'Asia/Shanghai', 'YYYYMMDDHH24:MI:SS');
    RETURN NEW;
END $$ LANGUAGE plpgsql""",
    "CREATE TRIGGER tr_br_da_xg BEFORE INSERT OR UPDATE ON br_da FOR EACH ROW EXECUTE FUNCTION fn_br_da_xg()",
)
_SQLITE = (
    """CREATE TRIGGER tr_sf_zb_tj AFTER INSERT ON sf_zb
WHEN NEW.czydm IS NOT NULL AND NEW.sfrq IS NOT NULL
BEGIN
    INSERT INTO gy_sftj (czydm, rq, bs, je) VALUES (NEW.czydm, substr(NEW.sfrq, 1, 8), 1, NEW.zje)
    ON CONFLICT (czydm, rq) DO UPDATE SET bs = bs + 1, je = round(je + excluded.je, 2);
END""",
    """CREATE TRIGGER tr_br_da_xz AFTER INSERT ON br_da
BEGIN
    UPDATE br_da SET xgsj = strftime('%Y%m%d%H:%M:%S', 'now', '+8 hours') WHERE brxh = NEW.brxh;
END""",
    """CREATE TRIGGER tr_br_da_xg AFTER UPDATE ON br_da WHEN NEW.xgsj IS OLD.xgsj
BEGIN
    UPDATE br_da SET xgsj = strftime('%Y%m%d%H:%M:%S', 'now', '+8 hours') WHERE brxh = NEW.brxh;
END""",
)
_MYSQL = (
    # One row of gy_xh makes the INSERT conditional: a trigger here has no WHEN.
    """CREATE TRIGGER tr_sf_zb_tj AFTER INSERT ON sf_zb FOR EACH ROW
    INSERT INTO gy_sftj (czydm, rq, bs, je)
    SELECT NEW.czydm, substr(NEW.sfrq, 1, 8), 1, NEW.zje FROM gy_xh
    WHERE gy_xh.bm = 'SF_ZB' AND NEW.czydm IS NOT NULL AND NEW.sfrq IS NOT NULL
    ON DUPLICATE KEY UPDATE bs = gy_sftj.bs + 1, je = gy_sftj.je + NEW.zje""",
    """CREATE TRIGGER tr_br_da_xz BEFORE INSERT ON br_da FOR EACH ROW
    SET NEW.xgsj = date_format(convert_tz(utc_timestamp(), '+00:00', '+08:00'), '%Y%m%d%H:%i:%s')""",
    """CREATE TRIGGER tr_br_da_xg BEFORE UPDATE ON br_da FOR EACH ROW
    SET NEW.xgsj = date_format(convert_tz(utc_timestamp(), '+00:00', '+08:00'), '%Y%m%d%H:%i:%s')""",
)
_MSSQL = (
    """CREATE TRIGGER tr_sf_zb_tj ON sf_zb AFTER INSERT AS
BEGIN
    SET NOCOUNT ON;
    MERGE gy_sftj WITH (HOLDLOCK) AS t
    USING (SELECT czydm, substring(sfrq, 1, 8) AS rq, count(*) AS bs, sum(zje) AS je FROM inserted
           WHERE czydm IS NOT NULL AND sfrq IS NOT NULL GROUP BY czydm, substring(sfrq, 1, 8)) AS n
    ON t.czydm = n.czydm AND t.rq = n.rq
    WHEN MATCHED THEN UPDATE SET bs = t.bs + n.bs, je = t.je + n.je
    WHEN NOT MATCHED THEN INSERT (czydm, rq, bs, je) VALUES (n.czydm, n.rq, n.bs, n.je);
END""",
    """CREATE TRIGGER tr_br_da_xg ON br_da AFTER INSERT, UPDATE AS
BEGIN
    SET NOCOUNT ON;
    UPDATE b SET xgsj = CONVERT(char(8), DATEADD(hour, 8, GETUTCDATE()), 112)
                      + CONVERT(char(8), DATEADD(hour, 8, GETUTCDATE()), 108)
    FROM br_da b JOIN inserted i ON i.brxh = b.brxh;
END""",
)
TRIGGERS: dict[str, tuple[str, ...]] = {
    "postgresql": _POSTGRESQL, "sqlite": _SQLITE, "mysql": _MYSQL, "mariadb": _MYSQL, "mssql": _MSSQL,
}  # fmt: skip


def create_triggers(connection: Connection) -> None:
    """Create the triggers in the connection's dialect; KeyError for a dialect without them."""
    for statement in TRIGGERS[connection.dialect.name]:
        connection.exec_driver_sql(statement)
