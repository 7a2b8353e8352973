"""One folder per window, the same file names in each: rules, usecases, queries, api (those it needs)."""

from __future__ import annotations

from fallback_server.web.pages import Pages
from fallback_server.web.routes import Api


def all_windows() -> list[Api]:
    """The APIs of all windows; each window knows nothing of the others."""
    from fallback_server.windows.after.api import api as after
    from fallback_server.windows.billing.api import api as billing
    from fallback_server.windows.common.api import api as common
    from fallback_server.windows.console.api import api as console
    from fallback_server.windows.doctor.api import api as doctor
    from fallback_server.windows.pharmacy.api import api as pharmacy
    from fallback_server.windows.registration.api import api as registration
    from fallback_server.windows.triage.api import api as triage

    return [common, registration, doctor, billing, pharmacy, triage, after, console]


def all_pages() -> list[Pages]:
    """The pages of all windows, in the order in which the line of windows shows them."""
    from fallback_server.windows.after.pages import pages as after
    from fallback_server.windows.billing.pages import pages as billing
    from fallback_server.windows.common.pages import pages as common
    from fallback_server.windows.console.pages import pages as console
    from fallback_server.windows.doctor.pages import pages as doctor
    from fallback_server.windows.pharmacy.pages import pages as pharmacy
    from fallback_server.windows.registration.pages import pages as registration
    from fallback_server.windows.triage.pages import pages as triage

    return [common, registration, billing, pharmacy, triage, doctor, after, console]
