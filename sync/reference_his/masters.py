"""The master lists of the reference HIS from the CSV files in ``data`` (LICENSES.md there): real names and codes."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files

from sync.reference_his.bulk import Row

PHARMACIES = (("MZXYF", "门诊西药房"), ("MZZYF", "门诊中药房"), ("JZYF", "急诊药房"))
KIND_CODES = {"西药": "1", "中成药": "2", "中草药": "3"}
# The drug's kind digit to the fee category of its charge line.
KIND_CATEGORY = {"1": "09", "2": "11", "3": "10"}
INSURANCE_LEVEL = {"甲": "1", "乙": "2", "甲类": "1", "乙类": "2", "丙类": "3"}
_NAMED_CATEGORY = {"检查费": "03", "检验费": "04", "处置费": "05"}
_CONTROLLED = (
    ("1", ("吗啡", "哌替啶", "芬太尼", "羟考酮", "可待因")),
    ("2", ("氯胺酮", "三唑仑", "哌甲酯", "司可巴比妥")),
    ("3", ("地西泮", "咪达唑仑", "阿普唑仑", "艾司唑仑", "唑吡坦", "苯巴比妥", "氯硝西泮", "曲马多")),
    ("4", ("生马钱子", "生川乌", "生草乌", "雄黄", "洋地黄毒苷", "砒")),
)
_SKIN_TEST = ("青霉素", "链霉素", "破伤风抗毒素", "普鲁卡因")


def read_csv(name: str) -> Iterator[dict[str, str]]:
    """Rows of one data file as dicts; values exactly as stored, blanks included."""
    with (files("sync.reference_his") / "data" / f"{name}.csv").open(encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


@dataclass(frozen=True)
class Drug:
    """What the rest of the generator needs to know of a drug that can be sold."""

    ypxh: int
    name: str
    spec: str
    unit: str
    price: Decimal
    kind: str


@dataclass(frozen=True)
class Fee:
    """What the rest of the generator needs to know of a fee item that can be charged."""

    code: str
    name: str
    unit: str
    price: Decimal
    category: str
    exec_department: str | None


DRUG_COLUMNS = (
    "ypxh", "ypdm", "ypmc", "spm", "gg", "jx", "hl", "dw", "zxdw", "bzsl", "lsj", "cj", "lb", "yblb", "ybbm", "pzwh",
    "gzfl", "psbz", "pym", "tybz", "zfpb",
)  # fmt: skip


def drugs(rng: random.Random) -> Iterator[tuple[Row, Drug | None]]:
    """Every drug of the list as a row, and the drug itself where it may be prescribed (active, not controlled)."""
    for raw in read_csv("drug_catalog_hospital"):
        number = int(raw["drug_id"])
        kind = KIND_CODES[raw["drug_class"]]
        name, unit = raw["name_raw"], "g" if kind == "3" else raw["pack_unit"]
        control = _match(name, _CONTROLLED)
        stopped, deleted = rng.random() < 0.02, rng.random() < 0.01
        price = Decimal(raw["retail_price_pack_synth"])
        row: Row = (
            number, raw["source_drug_code"], name, raw["trade_name"] or None, raw["spec_raw"], raw["dosage_form"],
            raw["strength_parsed"] or None, unit, raw["min_unit_parsed"] or None, raw["pack_qty_parsed"] or None, price,
            raw["manufacturer_raw"] or None, kind, INSURANCE_LEVEL.get(raw["insurance_class_matched"]),
            raw["nhsa_drug_code_example"] or None, raw["approval_no_synth"] or None, control,
            "1" if any(word in name for word in _SKIN_TEST) else rng.choice((None, "0")),
            raw["mnemonic"] if rng.random() < 0.95 else None,
            "1" if stopped else rng.choice((None, "0")), 1 if deleted else rng.choice((None, 0)),
        )  # fmt: skip
        sold = not (stopped or deleted or control)
        yield row, Drug(number, name.strip(), raw["spec_raw"].strip(), unit, price, kind) if sold else None


def _match(name: str, classes: tuple[tuple[str, tuple[str, ...]], ...]) -> str | None:
    return next((code for code, words in classes if any(word in name for word in words)), None)


STOCK_COLUMNS = ("yfdm", "ypxh", "kcsl", "tybz")


def stock(sold: list[Drug], rng: random.Random) -> Iterator[Row]:
    """Stock per pharmacy: everything in its main one, a third also in the emergency one; some of it empty."""
    for drug in sold:
        yield "MZZYF" if drug.kind == "3" else "MZXYF", drug.ypxh, _quantity(rng), rng.choice((None, "0", "0"))
        if drug.kind != "3" and rng.random() < 0.35:
            yield "JZYF", drug.ypxh, _quantity(rng), "1" if rng.random() < 0.02 else None


def _quantity(rng: random.Random) -> int:
    return 0 if rng.random() < 0.03 else rng.randint(5, 3000)


FEE_COLUMNS = ("xmdm", "xmmc", "dw", "dj", "fylb", "zxks", "yblb", "ybbm", "pym", "mzbz", "tybz", "zfpb")
_EXECUTES = {"03": ("FSK", "CSZDK", "XDTK", "GNJCK"), "04": ("JYK", "BLK")}


def fees(rng: random.Random) -> Iterator[tuple[Row, Fee | None]]:
    """Every fee item as a row, and the item itself where an outpatient may be charged it."""
    for raw in read_csv("fee_items"):
        category = _NAMED_CATEGORY.get(raw["charge_category"]) or raw["charge_category"].split(" ")[0]
        category = "".join(character for character in category if character.isdigit())
        department = rng.choice(_EXECUTES[category]) if category in _EXECUTES else None
        stopped = rng.random() < 0.02
        price = Decimal(raw["price"])
        row: Row = (
            raw["item_code"], raw["item_name"], raw["unit"], price, category, department,
            INSURANCE_LEVEL.get(raw["insurance_level"]), raw["item_code"], raw["mnemonic"] or None,
            raw["outpatient_flag"], "1" if stopped else rng.choice((None, "0")), rng.choice((None, 0)),
        )  # fmt: skip
        usable = not stopped and raw["outpatient_flag"] == "1" and category in ("03", "04", "05", "12") and price < 500
        fee = Fee(raw["item_code"], raw["item_name"], raw["unit"], price, category, department)
        yield row, fee if usable else None


DIAGNOSIS_COLUMNS = ("jbxh", "icd", "jbmc", "pym")


def diagnoses() -> Iterator[Row]:
    """Every diagnosis; the ICD code is not unique, the row number is."""
    for raw in read_csv("icd10_zh"):
        yield int(raw["source_row"]), raw["icd_code"], raw["name"], raw["mnemonic"] or None


DEPARTMENT_COLUMNS = ("ksdm", "ksmc", "kslb", "wz", "pym", "zfpb")


def departments(rng: random.Random) -> Iterator[Row]:
    """Departments and the three pharmacies, with the house's own kind digit."""
    for number, raw in enumerate(read_csv("departments")):
        place = f"门诊楼{1 + number // 20}层{1 + number % 20:02d}区" if raw["outpatient_flag"] == "1" else None
        yield raw["dept_code"], raw["dept_name"], department_kind(raw), place, raw["dept_code"], rng.choice((None, 0))
    for code, name in PHARMACIES:
        yield code, name, "3", "门诊楼1层", code, 0


def department_kind(raw: dict[str, str]) -> str:
    """1 outpatient, 2 emergency, 3 pharmacy, 4 examination, 9 other."""
    if "急诊" in raw["dept_name"]:
        return "2"
    if raw["dept_name"] == "药剂科":
        return "3"
    if raw["outpatient_flag"] == "1":
        return "1"
    return "4" if raw["dept_type"] == "医技科室" or raw["category_name"] == "医学影像学" else "9"


REGISTER_TYPE_COLUMNS = ("lbdm", "lbmc", "ghf", "zlf", "yxts", "zfpb")


def register_types() -> Iterator[Row]:
    """Registration types; the surcharge rule of the list is no type of its own and comes soft-deleted."""
    for raw in read_csv("registration_types"):
        days = {"HLJ-ZM": 3, "HLJ-HL": None}.get(raw["reg_type_code"], 1)
        fee, consult = raw["registration_fee"] or "0", raw["consult_fee"] or "0"
        yield raw["reg_type_code"], raw["reg_type_name"], fee, consult, days, 0 if raw["consult_fee"] else 1


DICTIONARY_COLUMNS = ("zdlb", "zddm", "zdmc", "kz", "zfpb")
_DICTIONARIES: dict[str, tuple[tuple[str, str], ...]] = {
    "BRXZ": (("00", "自费"), ("310", "职工医保"), ("340", "离休"), ("390", "居民医保")),
    "ZJLX": (
        ("01", "居民身份证"), ("03", "护照"), ("06", "港澳通行证"), ("07", "台湾通行证"), ("08", "外国人居留证"),
        ("99", "无证件"),
    ),
    "ZFFS": (("1", "现金"), ("2", "银行卡"), ("3", "微信"), ("4", "支付宝"), ("5", "医保"), ("9", "其他")),
    "KPLX": (("01", "就诊卡"), ("02", "社保卡"), ("03", "电子健康卡")),
    "FYLB": (
        ("01", "床位费"), ("02", "诊察费"), ("03", "检查费"), ("04", "化验费"), ("05", "治疗费"), ("06", "手术费"),
        ("07", "护理费"), ("08", "卫生材料费"), ("09", "西药费"), ("10", "中药饮片费"), ("11", "中成药费"),
        ("12", "一般诊疗费"), ("13", "挂号费"), ("14", "其他费"), ("1411", "输氧费"), ("1413", "麻醉费"),
    ),
}  # fmt: skip


def dictionaries() -> Iterator[Row]:
    """Small code lists: usage, frequency (with times a day), insurance, identity papers, payment, cards, categories."""
    for raw in read_csv("usage_routes"):
        yield "YF", raw["route_code"], raw["route_name"], raw["abbr"] or None, None
    for raw in read_csv("frequencies"):
        yield "PL", raw["freq_code"], raw["freq_name"], raw["times_per_day"] or None, 0
    for kind, entries in _DICTIONARIES.items():
        for code, name in entries:
            yield kind, code, name, None, None
