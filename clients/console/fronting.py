"""The front door as a process: what the instance says about it, put together; SIGTERM or its parent's end stops it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from clients.console import serving
from clients.console.context import Instance, NotInOrder
from clients.console.locks import holder, only_one
from clients.console.output import Output
from fallback_server.door import certificates
from fallback_server.door.certificates import CertificateTrouble


def open_door(found: Instance, out: Output, *, host: str | None, port: int | None, server_port: int) -> None:
    """Stand at the port windows use until told to stop; the first line on standard output is the address.

    Raises NotInOrder if the port is taken, another door of this instance runs, or the certificate cannot be used.
    """
    from clients.pages import PAGES_DIR
    from fallback_server.door.front import Front

    settings = found.settings.server
    host, port = host or settings.host, port or settings.port
    serving.quiet_logs()
    _raise_file_limit()
    with only_one(found.home, "door"):
        serving.require_free(host, port)
        certificate, key, keep = _certificates(found, host)
        front = Front(
            host, port, f"http://127.0.0.1:{server_port}", door_secret(found.home), PAGES_DIR, certificate, key,
            settings.threads, settings.max_body_bytes, frozenset(settings.proxies), settings.session_rate,
            settings.address_rate, keep,
        )  # fmt: skip
        try:
            asyncio.run(_stand(front, lambda: _opened(found, out, host, port)))
        except OSError as error:
            raise NotInOrder(f"the front door cannot open: {error}") from error
        finally:
            with suppress(OSError):
                address_file(found).unlink(missing_ok=True)


def _opened(found: Instance, out: Output, host: str, port: int) -> None:
    with suppress(OSError):  # a full disk keeps no door shut: codes then name the port of yj.toml
        where = from_elsewhere(found, host, port)
        address_file(found).write_text(where, encoding="ascii", errors="backslashreplace")
    serving.announce(out, f"door: {serving.address(host, port)}")


def address_file(found: Instance) -> Path:
    """Where a door that stands has written down how other machines reach it."""
    return found.home / "run" / "door.address"


def from_elsewhere(found: Instance, host: str, port: int) -> str:
    """The address of a door at this host and port, as other machines call it."""
    return serving.address(outside_name(found, host), port, "https" if found.settings.server.tls else "http")


def address_for_agents(found: Instance) -> str:
    """Where agents find the standby: the door that stands now, whatever port it was given; else as yj.toml says."""
    from fallback_server.web import authority

    server = found.settings.server
    standing = authority.address(address_file(found)) if holder(found.home, "door") else None
    return standing or from_elsewhere(found, server.host, server.port)


async def _stand(front: object, opened: Callable[[], None]) -> None:
    from fallback_server.door.front import Front, stand

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # by way of the loop: works on Windows too
        signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(stop.set))
    if isinstance(front, Front):
        await stand(front, stop, opened)


def door_secret(home: Path) -> str:
    """What the door shows the server, so that nobody else on this machine can speak for a window; made once."""
    path = home / "run" / "door.secret"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(32))
    for _ in range(50):
        if secret := path.read_text(encoding="ascii").strip():
            return secret
        time.sleep(0.02)  # the other process is between making and writing it
    raise NotInOrder(f"{path} is empty; remove it and start again")


def authority_file(found: Instance) -> Path | None:
    """The certificate of this instance's own authority; None without TLS, or where the hospital's own one signs."""
    server = found.settings.server
    return (
        found.home / certificates.FOLDER / certificates.CA_CERTIFICATE
        if server.tls and not server.certificate
        else None
    )


def names_of(found: Instance, host: str | None = None) -> tuple[str, ...]:
    """What the certificate must name: this machine, and what the hospital gave in [server] names."""
    server = found.settings.server
    return certificates.own_names(host or server.host, server.names)


def outside_name(found: Instance, host: str) -> str:
    """An address or name by which other machines reach this one, an address before a name; else `host`."""
    known = [name for name in names_of(found, host) if name not in ("127.0.0.1", "::1", "localhost")]
    return next((name for name in known if name.replace(".", "").isdigit()), known[0] if known else host)


def look_after(found: Instance, host: str | None = None) -> str | None:
    """Make or renew the instance's certificates where that is due; what was done, or None. Raises NotInOrder."""
    try:
        return certificates.ensure(
            found.home / certificates.FOLDER,
            names_of(found, host),
            found.clock.now(),
            found.settings.windows.hospital_name,
        )
    except CertificateTrouble as error:
        raise NotInOrder(str(error)) from error


def _certificates(found: Instance, host: str) -> tuple[Path | None, Path | None, certificates.Keeper | None]:
    settings, now = found.settings.server, found.clock.now
    if not settings.tls:
        return None, None, None
    if settings.certificate:
        theirs = found.home / settings.certificate
        return theirs, found.home / settings.certificate_key, lambda: certificates.require_time_left(theirs, now())
    look_after(found, host)
    folder = found.home / certificates.FOLDER
    names, hospital = names_of(found, host), found.settings.windows.hospital_name

    def keep() -> str | None:
        return certificates.ensure(folder, names, now(), hospital)

    return folder / certificates.CERTIFICATE, folder / certificates.KEY, keep


def _raise_file_limit() -> None:
    """As many connections as the system lets this process have; Windows has no such limit."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16_384 if hard == resource.RLIM_INFINITY else min(hard, 16_384)
    if soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
