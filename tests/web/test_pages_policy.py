"""Every page, every PDF and every file, asked for by every role and by nobody: shown exactly to those it names."""

from __future__ import annotations

import re

import pytest

from clients.pages import PAGES_DIR
from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.domain.categories import ROLES, effective_roles
from fallback_server.domain.clock import SettableClock
from fallback_server.store.session import Store
from fallback_server.web.routes import READ_EVERYTHING
from fallback_server.windows import all_pages
from tests.fixtures_hospital import Hospital

PAGES = [page for group in all_pages() for page in group.pages]
SHOWN = [(page.path, page.roles) for page in PAGES]
SHOWN += [(f"{page.path}.pdf", page.roles) for page in PAGES if page.size is not None]
SHOWN += [(one.path, one.roles) for group in all_pages() for one in group.files]


@pytest.fixture
def hospital(sqlite_store_url: str, clock: SettableClock, hospital_settings: Settings) -> Hospital:
    store = Store(sqlite_store_url, clock, pool_size=4)
    return Hospital(sqlite_store_url, clock, store, create_app(hospital_settings, clock, PAGES_DIR, store=store))


def test_without_a_log_in_every_page_that_names_roles_asks_for_it(hospital: Hospital) -> None:
    with hospital.app.test_client() as client:
        for path, roles in SHOWN:
            answer = client.get(re.sub(r"{\w+}", "1", path))
            asked = answer.status_code == 302 and answer.headers["Location"].startswith("/login")
            assert asked is bool(roles), path


@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_page_and_file_is_shown_to_exactly_the_roles_it_names(hospital: Hospital, role: str) -> None:
    own = effective_roles(frozenset({role}))
    with hospital.app.test_client() as client:
        client.set_cookie("yj_session", hospital.window(role).token)
        for path, roles in SHOWN:
            answer = client.get(re.sub(r"{\w+}", "1", path))
            refused = "<code>forbidden</code>" in answer.get_data(as_text=True)
            assert refused is bool(roles and not own & (roles | READ_EVERYTHING)), (path, answer.status_code)
            assert (answer.status_code == 403) is refused and answer.status_code < 500, (path, answer.status_code)
            assert answer.headers.get("Location", "").split("?")[0] != "/login", path
