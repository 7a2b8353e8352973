"""What a hospital decides: the settings that acts and windows need, handed in by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal

from fallback_server.domain import grades
from fallback_server.domain.categories import PAYMENT_METHODS
from fallback_server.domain.detection import Switching
from fallback_server.domain.incident_record import Timer, timers
from fallback_server.domain.places import Place
from fallback_server.domain.readiness import Standards
from fallback_server.domain.two_persons import ACTS


@dataclass(frozen=True)
class Policy:
    """One immutable object per process. Times in seconds unless named otherwise."""

    hospital_name: str = ""
    receipt_preprinted: bool = True
    payment_methods: frozenset[str] = frozenset(PAYMENT_METHODS)
    grace_seconds: int = 120
    return_hold_seconds: int = 600
    session_hours: int = 12
    confirm_within_minutes: int = 60
    refund_approval_above: Decimal = Decimal("200.00")
    supply_days: int = 7
    supply_days_emergency: int = 3
    stale_warn_minutes: int = 45
    stale_fail_minutes: int = 90
    open_work_stale_warn_minutes: int = 10
    open_work_stale_fail_minutes: int = 20
    login_attempts: int = 5
    lockout_minutes: int = 15
    address_attempts: int = 50
    idle_lock_minutes: int = 10
    password_min_length: int = 8
    password_history: int = 5
    password_max_age_days: int = 0
    weak_mirrored: str = "accept"
    activation_hours: int = 24
    approval_minutes: int = 10
    approval_sheet_hours: int = 72
    two_persons: frozenset[str] = frozenset(ACTS)
    alone_acts: frozenset[str] = frozenset(name for name, act in ACTS.items() if act.alone)
    countersign_by: time = time(12)
    void_approval_above: int = 20
    night_roles: tuple[str, ...] = ("duty", "registrar", "cashier", "doctor", "pharmacist")
    max_body_bytes: int = 1_048_576
    standards: Standards = field(default_factory=Standards)
    grade_minutes: tuple[int, ...] = grades.MINUTES
    tell: tuple[Timer, ...] = timers()
    report_days: int = 2
    switching: Switching = field(default_factory=Switching)
    windows_knock: Place | None = None  # where agents try whether they reach the centre
    backup_daily_at: str = "01:30"
    backup_places: tuple[str, ...] = ()
    backup_key: str = ""
