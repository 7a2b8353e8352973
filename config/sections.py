"""The tables of yj.toml: every key with its type, limits and default, and the rules between keys of one table."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.kinds import (
    AloneAct,
    CentreUrl,
    DaySpan,
    Knock,
    Money,
    Network,
    PaymentMethod,
    Percent,
    Positive,
    Role,
    StoreUrl,
    SyslogAddress,
    TellTimer,
    TimeOfDay,
    TwoPersonAct,
    WebAddress,
)


class Section(BaseModel):
    """A table of yj.toml: unknown keys are mistakes, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Database(Section):
    """The standby's own store."""

    # repr=False: addresses may carry a password and settings are logged at start.
    url: StoreUrl = Field(default="sqlite:///{home}/yj.db", repr=False)


class Central(Section):
    """The hospital's centre; an empty address means that there is none yet."""

    url: CentreUrl = Field(default="", repr=False)
    read_url: CentreUrl = Field(default="", repr=False)
    mapping: str = Field(default="reference", min_length=1)
    rehearsal_url: CentreUrl = Field(default="", repr=False)


class Mirror(Section):
    """When the mirror runs, how far back it looks and what it refuses to publish."""

    interval_minutes: Positive = 30
    open_work_interval_minutes: Positive = 5
    stale_warn_minutes: Positive = 45
    stale_fail_minutes: Positive = 90
    open_work_stale_warn_minutes: Positive = 10
    open_work_stale_fail_minutes: Positive = 20
    registration_horizon_days: Positive = 3
    prescription_horizon_days: Positive = 3
    order_horizon_days: Positive = 30
    guard_shrink_percent: Percent = 5
    guard_patient_shrink_percent: Percent = 1
    guard_changed_percent: Percent = 20
    guard_price_factor: Annotated[int, Field(ge=2)] = 10
    guard_price_rows: Annotated[int, Field(ge=0)] = 5
    generations_kept: Annotated[int, Field(ge=2)] = 48
    sweep_hours: list[DaySpan] = Field(default=["22:00-06:00"])
    sweep_budget_minutes: Positive = 30

    @model_validator(mode="after")
    def _warn_comes_first(self) -> Mirror:
        for kind in ("", "open_work_"):
            warn, fail = getattr(self, f"{kind}stale_warn_minutes"), getattr(self, f"{kind}stale_fail_minutes")
            if fail <= warn:
                raise ValueError(f"{kind}stale_fail_minutes ({fail}) must be greater than …warn_minutes ({warn})")
        return self


class Server(Section):
    """Where windows reach the standby."""

    # Every window of the hospital must reach it in the worst minute of the year, without an edit of a file first.
    host: str = Field(default="0.0.0.0", min_length=1)  # noqa: S104
    port: Annotated[int, Field(ge=1, le=65535)] = 8765
    tls: bool = True
    names: list[str] = Field(default=[])
    certificate: str = ""
    certificate_key: str = ""
    proxies: list[str] = Field(default=[])
    inner_port: Annotated[int, Field(ge=0, le=65535)] = 0
    threads: Annotated[int, Field(ge=1, le=256)] = 16
    max_body_bytes: Annotated[int, Field(ge=4096)] = 1_048_576
    session_rate: Annotated[int, Field(ge=0, le=10_000)] = 30
    address_rate: Annotated[int, Field(ge=0, le=100_000)] = 600

    @model_validator(mode="after")
    def _fits(self) -> Server:
        if bool(self.certificate) != bool(self.certificate_key):
            raise ValueError("certificate and certificate_key belong together: give both, or neither")
        if self.inner_port == self.port:
            raise ValueError("inner_port must differ from port: the door and the server need one each")
        return self


class Detection(Section):
    """How it is noticed that the centre is gone, and whether the standby switches by itself then."""

    windows_address: Knock = ""
    windows_percent: Annotated[int, Field(ge=1, le=100)] = 50
    switch_by_itself: bool = False
    switch_after_seconds: Annotated[int, Field(ge=60, le=7200)] = 300
    least_windows: Annotated[int, Field(ge=2)] = 3
    rest_minutes: Positive = 60


class Windows(Section):
    """What windows show and offer."""

    hospital_name: str = Field(default="医院名称未设置", min_length=1)
    receipt: Literal["preprinted", "plain"] = "preprinted"
    payment_methods: list[PaymentMethod] = Field(
        default=["cash", "bank_card", "wechat", "alipay", "other"], min_length=1
    )


class Rules(Section):
    """Timers and limits of the hospital."""

    grace_seconds: Annotated[int, Field(ge=0, le=3600)] = 120
    session_hours: Annotated[int, Field(ge=1, le=72)] = 12
    confirm_within_minutes: Positive = 60
    refund_approval_above: Money = Decimal("200.00")
    void_approval_above: Annotated[int, Field(ge=0)] = 20
    supply_days: Positive = 7
    supply_days_emergency: Positive = 3


class Incident(Section):
    """How an outage is graded, who is told when, and by when its report is due."""

    grade_minutes: Annotated[list[Positive], Field(min_length=3, max_length=3)] = [30, 180, 360]
    tell: list[TellTimer] = Field(
        default=[
            "10 总值班 / duty director",
            "30 分管院领导 / hospital leader",
            "60 卫生健康主管部门 / health authority",
        ]
    )
    report_days: Positive = 2

    @model_validator(mode="after")
    def _in_order(self) -> Incident:
        if sorted(set(self.grade_minutes)) != self.grade_minutes:
            raise ValueError("grade_minutes must grow: minutes that lead to level III, II and I")
        names = [text.split(maxsplit=1)[1].split("/")[0].strip() for text in self.tell]
        if len(set(names)) != len(names):
            raise ValueError("tell names somebody twice: a note that they were told ticks one timer")
        return self


class Upload(Section):
    """How documents return to the centre."""

    max_rate: Annotated[int, Field(ge=0)] = 0
    rehearse_first: bool = True
    return_hold: Annotated[int, Field(ge=0)] = 600
    lease_seconds: Positive = 300
    heartbeat_seconds: Positive = 30
    transient_retries: Annotated[int, Field(ge=0)] = 8
    retry_first_seconds: Positive = 5
    retry_max_seconds: Positive = 300

    @model_validator(mode="after")
    def _lease_outlives_heartbeats(self) -> Upload:
        if self.lease_seconds < 3 * self.heartbeat_seconds:
            raise ValueError(
                "lease_seconds must be at least three times heartbeat_seconds, or claims die while at work"
            )
        if self.retry_max_seconds < self.retry_first_seconds:
            raise ValueError("retry_max_seconds must not be less than retry_first_seconds")
        return self


class Security(Section):
    """Log-in, passwords, one-time codes, and which acts need two persons."""

    password_min_length: Annotated[int, Field(ge=8, le=128)] = 8
    password_history: Annotated[int, Field(ge=0, le=24)] = 5
    password_max_age_days: Annotated[int, Field(ge=0, le=3650)] = 0
    weak_mirrored: Literal["accept", "change"] = "accept"
    login_attempts: Positive = 5
    address_attempts: Positive = 50
    lockout_minutes: Positive = 15
    idle_lock_minutes: Annotated[int, Field(ge=0, le=480)] = 10
    activation_hours: Annotated[int, Field(ge=1, le=168)] = 24
    approval_minutes: Annotated[int, Field(ge=1, le=120)] = 10
    approval_sheet_hours: Annotated[int, Field(ge=1, le=744)] = 72
    two_persons: list[TwoPersonAct] = Field(
        default=[
            "mode_normal", "drill_end", "upload", "refund", "void", "conflict", "price_override", "rewound",
            "wipe", "restore", "seal",
        ]
    )  # fmt: skip
    alone_acts: list[AloneAct] = Field(default=["mode_normal", "drill_end", "upload", "wipe", "restore", "seal"])
    countersign_by: TimeOfDay = "12:00"
    night_roles: list[Role] = Field(default=["duty", "registrar", "cashier", "doctor", "pharmacist"])


class Backup(Section):
    """Copies of the standby's own store."""

    directory: str = Field(default="{home}/backups", min_length=1)
    second_directory: str = ""
    key: str = Field(default="{home}/backup.key", min_length=1)
    daily_at: TimeOfDay = "01:30"
    emergency_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    keep_hours: Positive = 48
    keep_days: Positive = 30
    keep_months: Positive = 12
    spare_mb: Annotated[int, Field(ge=0)] = 500
    rehearsal_days: Positive = 31

    @model_validator(mode="after")
    def _key_is_kept_apart(self) -> Backup:
        for place in (self.directory, self.second_directory):
            if place and Path(self.key).parent == Path(place):
                raise ValueError("key must not lie in a folder of the backups: who takes the folder would have both")
        return self


class Drill(Section):
    """Drills, and the weekly unattended self-test."""

    self_test_day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "never"] = "sun"
    self_test_at: TimeOfDay = "03:30"
    self_test_minutes: Annotated[int, Field(ge=1, le=240)] = 30
    drill_days: Positive = 92


class Alerts(Section):
    """From where on `yj ready` and the console warn or say no, who may read that, and where alarms are sent."""

    clock_warn_seconds: Positive = 30
    clock_fail_seconds: Positive = 300
    disk_free_percent: Percent = 20
    networks: list[Network] = Field(default=[])
    language: Literal["zh", "en"] = "zh"
    least: Literal["info", "warning", "critical"] = "warning"
    quiet_minutes: Positive = 5
    repeat_minutes: Annotated[int, Field(ge=0)] = 60
    per_hour: Positive = 20
    digest_over: Positive = 3
    # repr=False: the addresses of robots are keys, and settings are logged at start.
    wecom_url: WebAddress = Field(default="", repr=False)
    dingtalk_url: WebAddress = Field(default="", repr=False)
    dingtalk_secret: str = Field(default="", repr=False)
    webhook_url: WebAddress = Field(default="", repr=False)
    webhook_token: str = Field(default="", repr=False)
    mail_host: str = ""
    mail_port: Annotated[int, Field(ge=1, le=65535)] = 587
    mail_security: Literal["starttls", "tls", "none"] = "starttls"
    mail_user: str = ""
    mail_password: str = Field(default="", repr=False)
    mail_from: str = ""
    mail_to: list[str] = Field(default=[])
    syslog: SyslogAddress = ""
    ca_file: str = ""

    @model_validator(mode="after")
    def _warn_comes_first(self) -> Alerts:
        if self.clock_fail_seconds <= self.clock_warn_seconds:
            raise ValueError("clock_fail_seconds must be greater than clock_warn_seconds")
        if self.mail_host and not (self.mail_from and self.mail_to):
            raise ValueError("mail_host needs mail_from and mail_to: who writes, and to whom")
        return self
