"""The service of the standby starts what the page on operating says, on the instance that the page names."""

from __future__ import annotations

import configparser

from clients.console import instance
from tests.house.tree import ROOT


def test_the_service_and_the_page_name_one_program_one_account_and_one_instance() -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.read(ROOT / "config/standby/his-yj.service", encoding="utf-8")
    service = unit["Service"]
    program, verb = service["ExecStart"].split()
    assert callable(getattr(instance, verb))
    page = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    assert f"sudo -u {service['User']} {service['Environment']} {program} " in page
    assert f"install -d -o {service['User']} -m 700 {service['Environment'].removeprefix('YJ_HOME=')}\n" in page
