"""The nginx configuration of the manual: its words are accepted, and a window gets through it, stream included."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.door.test_door import get
from tests.fixtures_browser import free_port
from tests.fixtures_door import DoorThread, Inner, until
from tests.house.tree import ROOT

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx here")


@pytest.fixture
def door(inner: Inner, tmp_path: Path) -> Iterator[DoorThread]:
    """A door without TLS that believes nginx; `folder` has a certificate for nginx."""
    here = DoorThread(
        inner.url, tmp_path / "certificates", certificate=None, key=None, proxies=frozenset({"127.0.0.1"})
    ).open()
    yield here
    here.close()


@pytest.fixture
def nginx(door: DoorThread, tmp_path: Path) -> Iterator[str]:
    """The published configuration with other ports and paths; yields its address."""
    safe, plain = free_port(), free_port()
    site = (ROOT / "config/nginx/yj.conf").read_text(encoding="utf-8")
    for old, new in {
        "server 127.0.0.1:8765;": f"server 127.0.0.1:{door.front.port};",
        "listen 443 ssl;": f"listen 127.0.0.1:{safe} ssl;",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "/etc/nginx/yj/": f"{door.folder}/",
    }.items():
        assert old in site
        site = site.replace(old, new)
    (tmp_path / "site.conf").write_text(site, encoding="utf-8")
    folders = "".join(
        f"{kind}_temp_path {tmp_path / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"daemon off;\nmaster_process off;\npid {tmp_path / 'pid'};\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{folders}include {tmp_path / 'site.conf'};\n}}\n",
        encoding="utf-8",
    )
    command = [str(NGINX), "-p", str(tmp_path), "-c", str(main)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False, timeout=60)
    assert checked.returncode == 0, checked.stderr
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(f"http://127.0.0.1:{plain}/"))
        yield f"https://127.0.0.1:{safe}"
    finally:
        child.terminate()
        child.wait(30)


def _answers(where: str) -> bool:
    try:
        return get(where).status_code == 307
    except httpx.HTTPError:
        return False


def test_a_window_gets_through_nginx_with_its_address_and_its_stream(
    nginx: str, door: DoorThread, inner: Inner
) -> None:
    told = get(nginx + "/a%2Fb?q=1", door.ca, headers={"X-Forwarded-For": "10.9.9.9"}).json()
    assert (told["REMOTE_ADDR"], told["wsgi.url_scheme"], told["HTTP_HOST"]) == ("127.0.0.1", "https", nginx[8:])
    trust = ssl.create_default_context(cafile=str(door.ca))
    with (
        httpx.Client(verify=trust, trust_env=False, timeout=30) as window,
        window.stream("GET", nginx + "/api/v1/mode/events") as stream,
    ):
        lines = (line for line in stream.iter_lines() if line.startswith("data: "))
        assert json.loads(next(lines)[6:])["epoch"] == 1
        inner.mode = {**inner.mode, "epoch": 2}
        assert json.loads(next(lines)[6:])["epoch"] == 2
