"""Tables of the reference HIS, with the habits of real ones.

Names are pinyin initials, unquoted (lower case here means unquoted in SQLAlchemy, so ``SELECT * FROM YP_XX`` works on
every dialect). Codes are CHAR and come back padded, times are ``char(16)`` ``YYYYMMDDHH:MM:SS``, dates ``char(8)``, an
unknown time is ``1900010100:00:00`` and "for ever" is ``30000101``. A state digit may be NULL, which means the same as
'0'. Only keys are NOT NULL: other systems insert here with fewer columns than we know.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, Integer, MetaData, SmallInteger, Table
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine

from sync.reference_his.columns import char, number, words

SENTINEL_PAST = "1900010100:00:00"

metadata = MetaData()

MONEY = number(14, 2)
PRICE = number(12, 4)
MOMENT = char(16)
DAY = char(8)
# MariaDB servers are still installed with latin1: without these words a Chinese name is not storable.
_MARIADB = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_general_ci"}


def _key(name: str) -> Column[int]:
    return Column(name, Integer, primary_key=True, autoincrement=False)


def _text(name: str, length: int) -> Column[str]:
    return Column(name, words(length))


def _code(name: str, length: int, *, key: bool = False) -> Column[str]:
    return Column(name, char(length), primary_key=key, nullable=not key)


def _of(name: str, kind: TypeEngine[Any]) -> Column[Any]:
    return Column(name, kind)


def _yj_columns() -> tuple[Column[str], Column[str]]:
    """The mark and the number of our documents: a hospital adds these two columns and nothing else."""
    return _code("yjbz", 1), _text("yjlsh", 30)


# -- the key table: the only source of keys; a key is taken with UPDATE in the transaction that uses it ----------------
gy_xh = Table("gy_xh", metadata, Column("bm", words(20), primary_key=True), Column("dqz", Integer, nullable=False))

# -- dictionaries of the house -----------------------------------------------------------------------------------------
gy_ks = Table(
    "gy_ks", metadata, _code("ksdm", 10, key=True), _text("ksmc", 60), _code("kslb", 1), _text("wz", 60),
    _code("pym", 20), _of("zfpb", SmallInteger()),
)  # fmt: skip
gy_ry = Table(
    "gy_ry", metadata, _code("rydm", 10, key=True), _text("ryxm", 40), _code("xb", 1), _code("ksdm", 10),
    _text("zc", 30), _text("ybysbm", 30), _code("cfq", 1), _code("mzq", 1), _code("kjyw", 1), _code("pym", 20),
    _of("zfpb", SmallInteger()),
)  # fmt: skip
gy_czy = Table(
    "gy_czy", metadata, _code("czydm", 10, key=True), _text("czyxm", 40), _code("rydm", 10), _code("ksdm", 10),
    _text("mm", 200), _code("mmlb", 10), _of("zfpb", SmallInteger()),
)  # fmt: skip
gy_czyjs = Table("gy_czyjs", metadata, _code("czydm", 10, key=True), _code("jsdm", 10, key=True))
gy_zd = Table(
    "gy_zd", metadata, _code("zdlb", 20, key=True), _code("zddm", 20, key=True), _text("zdmc", 100), _text("kz", 100),
    _of("zfpb", SmallInteger()),
)  # fmt: skip
# The diagnosis code is not unique either: the list has 83 codes twice.
gy_jb = Table("gy_jb", metadata, _key("jbxh"), _text("icd", 20), _text("jbmc", 120), _code("pym", 60))

# -- drugs and fees ----------------------------------------------------------------------------------------------------
yp_xx = Table(
    "yp_xx", metadata, _key("ypxh"), _text("ypdm", 20), _text("ypmc", 120), _text("spm", 60), _text("gg", 80),
    _text("jx", 30), _text("hl", 40), _code("dw", 8), _code("zxdw", 8), _of("bzsl", Integer()),
    _of("lsj", PRICE), _text("cj", 80), _code("lb", 1), _code("yblb", 1), _text("ybbm", 40), _text("pzwh", 40),
    _code("gzfl", 1), _code("psbz", 1), _code("pym", 60), _code("tybz", 1), _of("zfpb", SmallInteger()),
)  # fmt: skip
yp_kc = Table(
    "yp_kc", metadata, _code("yfdm", 10, key=True), Column("ypxh", Integer, primary_key=True, autoincrement=False),
    _of("kcsl", number(12, 2)), _code("tybz", 1),
)  # fmt: skip
yp_tj = Table(
    "yp_tj", metadata, _key("tjxh"), Column("ypxh", Integer), _of("yjg", PRICE), _of("xjg", PRICE), _of("tjsj", MOMENT),
    _code("czydm", 10),
)  # fmt: skip
sf_xm = Table(
    "sf_xm", metadata, _code("xmdm", 20, key=True), _text("xmmc", 120), _code("dw", 10), _of("dj", PRICE),
    _code("fylb", 4), _code("zxks", 10), _code("yblb", 1), _text("ybbm", 40), _code("pym", 60), _code("mzbz", 1),
    _code("tybz", 1), _of("zfpb", SmallInteger()),
)  # fmt: skip

# -- patients ----------------------------------------------------------------------------------------------------------
br_da = Table(
    "br_da", metadata, _key("brxh"), _text("brxm", 60), _code("xb", 1), _of("csny", MOMENT), _code("zjlx", 2),
    _text("zjhm", 40), _text("lxdh", 40), _text("dz", 200), _text("jhrxm", 60), _text("jhrgx", 10), _text("jhrdh", 40),
    _code("brxz", 4), _text("ybkh", 40), _code("ybqh", 6), _text("gms", 200), _of("jdrq", MOMENT), _code("czydm", 10),
    _of("zfpb", SmallInteger()), _of("xgsj", MOMENT), *_yj_columns(),
)  # fmt: skip
br_kp = Table(
    "br_kp", metadata, _code("kh", 20, key=True), _code("klx", 2, key=True), Column("brxh", Integer), _code("ztbz", 1)
)

# -- registration ------------------------------------------------------------------------------------------------------
gh_lb = Table(
    "gh_lb", metadata, _code("lbdm", 10, key=True), _text("lbmc", 40), _of("ghf", MONEY), _of("zlf", MONEY),
    _of("yxts", Integer()), _of("zfpb", SmallInteger()),
)  # fmt: skip
gh_pb = Table(
    "gh_pb", metadata, _key("pbxh"), _of("pbrq", DAY), _code("sjd", 1), _code("ksdm", 10), _code("ysdm", 10),
    _code("lbdm", 10), _of("xhs", Integer()), _of("yghs", Integer()), _code("tzbz", 1),
)  # fmt: skip
gh_mx = Table(
    "gh_mx", metadata, _key("ghxh"), Column("brxh", Integer), _text("brxm", 60), _of("ghrq", MOMENT), _code("ghlb", 10),
    _code("ksdm", 10), _code("ysdm", 10), Column("pbxh", Integer), _code("sjd", 1), Column("jzxh", Integer),
    _code("zt", 1), _code("jzbz", 1), _code("fzjb", 1), _of("tz", number(6, 2)), _of("zje", MONEY),
    Column("sfxh", Integer), _of("yxrq", DAY), _of("thrq", MOMENT), _code("czydm", 10), _text("lsh", 30),
    _text("bz", 200), *_yj_columns(),
)  # fmt: skip

# -- prescriptions and orders ------------------------------------------------------------------------------------------
cf_zb = Table(
    "cf_zb", metadata, _key("cfxh"), Column("ghxh", Integer), Column("brxh", Integer), _code("cflb", 1),
    _text("zddm", 200), _code("ksdm", 10), _code("ysdm", 10), _code("yfdm", 10), _of("kfrq", MOMENT), _of("je", MONEY),
    _code("zt", 1), Column("sfxh", Integer), _of("fyrq", MOMENT), _code("fyczy", 10), _code("hdczy", 10),
    _text("bz", 200), *_yj_columns(),
)  # fmt: skip
cf_mx = Table(
    "cf_mx", metadata, Column("cfxh", Integer, primary_key=True, autoincrement=False),
    Column("xh", Integer, primary_key=True, autoincrement=False), Column("ypxh", Integer), _text("ypmc", 120),
    _text("gg", 80), _code("dw", 8), _of("dj", PRICE), _of("sl", number(10, 2)), _of("je", MONEY), _code("fylb", 4),
    _text("ycjl", 20), _text("jldw", 10), _code("yf", 20), _code("pl", 20), Column("ts", Integer), _text("bz", 200),
)  # fmt: skip
yj_sq = Table(
    "yj_sq", metadata, _key("sqxh"), Column("ghxh", Integer), Column("brxh", Integer), _code("ksdm", 10),
    _code("ysdm", 10), _of("sqrq", MOMENT), _of("je", MONEY), _code("zt", 1), Column("sfxh", Integer),
    _of("zxrq", MOMENT), _text("bz", 200), *_yj_columns(),
)  # fmt: skip
yj_sqmx = Table(
    "yj_sqmx", metadata, Column("sqxh", Integer, primary_key=True, autoincrement=False),
    Column("xh", Integer, primary_key=True, autoincrement=False), _code("xmdm", 20), _text("xmmc", 120),
    _code("dw", 10), _of("dj", PRICE), _of("sl", number(10, 2)), _of("je", MONEY), _code("fylb", 4), _code("zxks", 10),
)  # fmt: skip

# -- money -------------------------------------------------------------------------------------------------------------
pj_ly = Table(
    "pj_ly", metadata, _key("lyxh"), _code("czydm", 10), _code("pjlb", 1), _code("qz", 6), _code("qshm", 8),
    _code("jshm", 8), _code("dqhm", 8), _of("lyrq", DAY), _code("zt", 1),
)  # fmt: skip
pj_zf = Table(
    "pj_zf", metadata, Column("zfxh", Integer, primary_key=True, autoincrement=False),
    Column("fphm", words(20), primary_key=True), _text("xfphm", 20), Column("sfxh", Integer), _code("czydm", 10),
    _of("zfrq", MOMENT), _text("yy", 100), *_yj_columns(),
)  # fmt: skip
sf_zb = Table(
    "sf_zb", metadata, _key("sfxh"), _code("sflb", 1), Column("brxh", Integer), _text("brxm", 60),
    Column("ghxh", Integer), _code("czydm", 10), _of("sfrq", MOMENT), _of("zje", MONEY), _text("fphm", 20),
    _code("zt", 1), Column("tfxh", Integer), _text("yy", 200), _code("brxz", 4), _text("ybkh", 40), _code("ybqh", 6),
    _of("lrrq", MOMENT), _of("jzrq", DAY), Column("rjxh", Integer), *_yj_columns(),
)  # fmt: skip
# Day closings, one a cashier and day. JZRQ of a charge is its day of posting, RJXH the closing that took it.
sf_rj = Table(
    "sf_rj", metadata, _key("rjxh"), _code("czydm", 10), _of("rjrq", DAY), _of("rjsj", MOMENT), Column("bs", Integer),
    _of("je", MONEY),
)  # fmt: skip
# Lines and payments have no key at all, as in many old houses: only an index on the charge.
sf_mx = Table(
    "sf_mx", metadata, Column("sfxh", Integer, nullable=False), Column("xh", Integer), _code("xmdm", 20),
    _text("xmmc", 120), _code("dw", 10), _of("sl", number(10, 2)), _of("dj", PRICE), _of("je", MONEY),
    _code("fylb", 4), _code("ly", 1), _text("lyid", 40),
)  # fmt: skip
sf_zf = Table(
    "sf_zf", metadata, Column("sfxh", Integer, nullable=False), Column("xh", Integer), _code("zffs", 2),
    _of("je", MONEY), _text("ckh", 60), _code("zt", 1),
)  # fmt: skip
# Kept by the trigger on charges: takings per operator and day.
gy_sftj = Table(
    "gy_sftj", metadata, _code("czydm", 10, key=True), Column("rq", DAY, primary_key=True), Column("bs", Integer),
    _of("je", MONEY),
)  # fmt: skip

INDEXED: dict[Table, tuple[str, ...]] = {
    yp_xx: ("ypdm",), br_da: ("zjhm", "brxm", "yjlsh", "jdrq", "xgsj"), br_kp: ("brxh",), gh_pb: ("pbrq",),
    gh_mx: ("brxh", "ghrq", "yxrq", "yjlsh", "sfxh"), cf_zb: ("ghxh", "brxh", "kfrq", "sfxh", "yjlsh"),
    yj_sq: ("ghxh", "brxh", "sqrq", "sfxh", "yjlsh"), pj_ly: ("czydm",), pj_zf: ("fphm", "yjlsh"),
    sf_zb: ("fphm", "brxh", "ghxh", "sfrq", "tfxh", "yjlsh"), sf_mx: ("sfxh",), sf_zf: ("sfxh",), yp_tj: ("ypxh",),
    sf_rj: ("czydm",),
}  # fmt: skip
for _table in metadata.tables.values():
    _table.kwargs.update({f"{name}_{word}": value for name in ("mysql", "mariadb") for word, value in _MARIADB.items()})
for _table, _columns in INDEXED.items():
    for _column in _columns:
        Index(f"ix_{_table.name}_{_column}", _table.c[_column])

# Where each generated key is used: the name in gy_xh and the key column.
GENERATED_KEYS: dict[str, Column[int]] = {
    "BR_DA": br_da.c.brxh, "GH_MX": gh_mx.c.ghxh, "GH_PB": gh_pb.c.pbxh, "CF_ZB": cf_zb.c.cfxh, "YJ_SQ": yj_sq.c.sqxh,
    "SF_ZB": sf_zb.c.sfxh, "PJ_LY": pj_ly.c.lyxh, "PJ_ZF": pj_zf.c.zfxh, "YP_TJ": yp_tj.c.tjxh, "YP_XX": yp_xx.c.ypxh,
    "SF_RJ": sf_rj.c.rjxh,
}  # fmt: skip


def create_tables(connection: Connection) -> None:
    """Create all tables without their indexes, which are quicker made over filled tables; the caller commits."""
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table))


def create_indexes(connection: Connection) -> None:
    """Create all indexes; the caller commits."""
    for table in metadata.sorted_tables:
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            index.create(connection)
