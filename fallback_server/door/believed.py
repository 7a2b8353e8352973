"""Whether browsers will believe the front door: days left on its certificate and on the authority behind it, that both
have begun by this machine's clock, and that it names this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from fallback_server.domain.readiness import Finding, MachineLook
from fallback_server.door import certificates

LEAST_DAYS: Final = 30  # a door that runs renews its own two months before: less than one left means that it could not
LAST_DAYS: Final = 3  # fewer: it may end before anybody is at work again, and then no window is believed
LIMIT: Final = f"≥ {LEAST_DAYS} d"
# Nobody renews an authority: every window has to trust the next one. A year to plan that, and a certificate made before
# it does not outlive it.
AUTHORITY_DAYS: Final = 400
AUTHORITY_LIMIT: Final = f"≥ {AUTHORITY_DAYS} d"


def own(folder: Path, names: Callable[[], tuple[str, ...]]) -> MachineLook:
    """A look at the certificate that the standby made for itself and renews."""
    # The machine's own name is asked of the system, which may ask a name server that is away: once.
    wanted = cache(names)

    def look(now: datetime) -> Iterator[Finding]:
        try:
            shown = certificates.look(folder)
        except certificates.CertificateTrouble as error:
            yield Finding(
                "certificate", False, "certificate_trouble", {"why": str(error).replace(f"{folder}/", "")}, limit=LIMIT
            )
            return
        yield _judged(shown.issued_at, shown.expires_at, now, shown.due(now, wanted()))
        yield _authority(shown.authority_issued_at, shown.authority_expires_at, now)

    return look


def bought(path: Path) -> MachineLook:
    """A look at a certificate that the hospital brought: nobody here renews it."""

    def look(now: datetime) -> Iterator[Finding]:
        try:
            begins, ends = certificates.validity(path)
        except certificates.CertificateTrouble as error:
            yield Finding("certificate", False, "certificate_trouble", {"why": str(error)}, limit=LIMIT)
            return
        yield _judged(begins, ends, now, None, "certificate_bought")

    return look


def off(now: datetime) -> Iterator[Finding]:
    """There is no TLS: passwords and patients go over the wire as they are."""
    yield Finding("certificate", None, "certificate_off")


def _judged(
    begins: datetime, ends: datetime, now: datetime, due: str | None, whose: str = "certificate"
) -> Finding:  # fmt: skip
    if now < begins:
        return Finding("certificate", False, f"{whose}_not_yet", {"begins": f"{begins:%Y-%m-%d}"}, limit=LIMIT)
    days = (ends - now) // timedelta(days=1)
    if days > LEAST_DAYS and due is None:
        return Finding("certificate", True, "certificate_fine", {"days": days}, limit=LIMIT)
    values = {"days": days, "why": due or f"it ends on {ends:%Y-%m-%d}"}
    return Finding("certificate", False if days < LAST_DAYS else None, f"{whose}_due", values, limit=LIMIT)


def _authority(begins: datetime, ends: datetime, now: datetime) -> Finding:
    if now < begins:
        told = {"begins": f"{begins:%Y-%m-%d}"}
        return Finding("certificate", False, "authority_not_yet", told, "authority", limit=AUTHORITY_LIMIT)
    days, age = (ends - now) // timedelta(days=1), int((now - begins).total_seconds())
    ok = True if days > AUTHORITY_DAYS else False if days < LAST_DAYS else None
    values = {"days": days, "ends": f"{ends:%Y-%m-%d}"}
    code = "authority_fine" if ok else "authority_due"
    return Finding("certificate", ok, code, values, "authority", age, AUTHORITY_LIMIT)
