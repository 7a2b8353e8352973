"""Whether browsers will believe the front door: days left on its certificate, and that it names this machine."""

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
        yield _judged(shown.expires_at, now, shown.due(now, wanted()))

    return look


def bought(path: Path) -> MachineLook:
    """A look at a certificate that the hospital brought: nobody here renews it."""

    def look(now: datetime) -> Iterator[Finding]:
        try:
            expires = certificates.expiry(path)
        except certificates.CertificateTrouble as error:
            yield Finding("certificate", False, "certificate_trouble", {"why": str(error)}, limit=LIMIT)
            return
        yield _judged(expires, now, None)

    return look


def off(now: datetime) -> Iterator[Finding]:
    """There is no TLS: passwords and patients go over the wire as they are."""
    yield Finding("certificate", None, "certificate_off")


def _judged(expires: datetime, now: datetime, due: str | None) -> Finding:
    days = (expires - now) // timedelta(days=1)
    if days > LEAST_DAYS and due is None:
        return Finding("certificate", True, "certificate_fine", {"days": days}, limit=LIMIT)
    values = {"days": days, "why": due or f"it ends on {expires:%Y-%m-%d}"}
    return Finding("certificate", False if days < LAST_DAYS else None, "certificate_due", values, limit=LIMIT)
