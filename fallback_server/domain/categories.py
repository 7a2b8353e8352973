"""Our code sets, fixed for every hospital; mappings translate the centre's codes into these."""

from __future__ import annotations

from typing import Final

# The national order of the 2019 outpatient receipt; sums by category are always printed in it.
RECEIPT_CATEGORIES: Final[dict[str, tuple[str, str]]] = {
    "consultation": ("诊察费", "Consultation"),
    "examination": ("检查费", "Examination"),
    "laboratory": ("化验费", "Laboratory"),
    "treatment": ("治疗费", "Treatment"),
    "surgery": ("手术费", "Surgery"),
    "material": ("卫生材料费", "Material"),
    "western": ("西药费", "Western drugs"),
    "herbal": ("中药饮片", "Herbal drugs"),
    "patent": ("中成药费", "Patent drugs"),
    "general": ("一般诊疗费", "General care"),
    "registration": ("挂号费", "Registration"),
    "other": ("其他", "Other"),
}

PAYMENT_METHODS: Final[dict[str, tuple[str, str]]] = {
    "cash": ("现金", "Cash"),
    "bank_card": ("银行卡", "Bank card"),
    "wechat": ("微信", "WeChat"),
    "alipay": ("支付宝", "Alipay"),
    "other": ("其他", "Other"),
}
# Rounding (抹零) and arrears (欠费) are payment lines of their own: payments still equal lines to the cent.
ADJUSTING_METHODS: Final = ("rounding", "arrears")
ADJUSTING_NAMES: Final[dict[str, tuple[str, str]]] = {
    "rounding": ("抹零", "Rounding"),
    "arrears": ("欠费", "Arrears"),
}
METHOD_NAMES: Final[dict[str, tuple[str, str]]] = {**PAYMENT_METHODS, **ADJUSTING_NAMES}
SCAN_METHODS: Final = ("wechat", "alipay")  # ask for the voucher number of the platform

# These need the special red paper form and are refused in YJ mode.
PAPER_ONLY_CONTROL_CLASSES: Final = ("narcotic", "psychotropic1")

CAUSE_NAMES: Final[dict[str, tuple[str, str]]] = {
    "server": ("服务器故障", "Server"),
    "storage": ("存储故障", "Storage"),
    "network": ("网络故障", "Network"),
    "software": ("软件故障", "Software"),
    "database": ("数据库故障", "Database"),
    "maintenance": ("计划停机维护", "Planned maintenance"),
    "other": ("其他", "Other"),
}
CAUSES: Final = tuple(CAUSE_NAMES)

ROLES: Final = (
    "registrar", "cashier", "doctor", "pharmacist", "triage", "supervisor", "duty", "admin", "auditor",
)  # fmt: skip
SECOND_PERSON_ROLES: Final = ("supervisor", "duty", "admin")
# Roles that may do what another may: a cashier is also a registrar, a supervisor also a cashier.
ROLE_INCLUDES: Final[dict[str, tuple[str, ...]]] = {
    "cashier": ("registrar",),
    "supervisor": ("cashier", "registrar"),
}


def effective_roles(roles: frozenset[str]) -> frozenset[str]:
    """The roles a person acts with: their own and those that these include."""
    included = {inner for role in roles for inner in ROLE_INCLUDES.get(role, ())}
    return roles | included


def by_category(sums: dict[str, str]) -> list[dict[str, str]]:
    """Sums in the national order, with both names; categories without a sum are left out."""
    return [
        {"category": code, "name": names[0], "name_en": names[1], "amount": sums[code]}
        for code, names in RECEIPT_CATEGORIES.items()
        if code in sums
    ]
