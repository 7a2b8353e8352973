"""The window server as a process: waitress around the application, stopped by SIGTERM or by its parent's end."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

from clients.console.context import Instance, NotInOrder
from clients.console.locks import only_one
from clients.console.output import Output

CONNECTIONS = 1000  # 60 windows with a few connections each, twice over; the library's 100 is reached by browsers alone
CHANNEL_SECONDS = 120
LOOPBACK = "127.0.0.1"

# Below the range from which outgoing connections take their ports: a port must still be free when a killed part is
# started again. The server behind the door takes its from the lower half, whoever wants one for a door from the upper.
INNER_PORTS = range(25_000, 29_000)
DOOR_PORTS = range(30_000, 32_700)


def serve(found: Instance, out: Output, *, host: str | None, port: int | None) -> None:
    """Answer until told to stop. The first line on standard output is the address, once the port is had.

    Without TLS, hence on the loopback unless `host` says otherwise: windows come by the front door.

    Raises NotInOrder if another server of this instance has the port, or another program.
    """
    import waitress

    from clients.console.fronting import address_file, authority_file, door_secret
    from clients.pages import PAGES_DIR
    from fallback_server.app import create_app
    from fallback_server.web.behind import behind_door

    settings = found.settings
    host, port = host or LOOPBACK, port or settings.server.inner_port or settings.server.port
    quiet_logs()
    with only_one(found.home, "serve"), found.store():
        app = create_app(
            settings, found.clock, PAGES_DIR, authority_file=authority_file(found), address_file=address_file(found)
        )
        secret = door_secret(found.home)
        try:
            server: Any = waitress.create_server(
                behind_door(app, secret), host=host, port=port, threads=settings.server.threads, asyncore_use_poll=True,
                connection_limit=CONNECTIONS, channel_timeout=CHANNEL_SECONDS, ident="his-yj",
                # Who speaks for others is looked at by `behind_door`, which lets nothing of it through unproved.
                clear_untrusted_proxy_headers=False,
                # The application refuses a large body in words; only what is absurd is cut off before.
                max_request_body_size=16 * max(settings.server.max_body_bytes, 1 << 20),
            )  # fmt: skip
        except OSError as error:
            raise _taken(host, port, error) from error
        stop_on_signals()
        announce(out, f"windows: {address(host, port)}")
        server.run()
        store = app.extensions["yj_store"]
        store.note_looks()
        store.close()


def announce(out: Output, text: str) -> None:
    """Say where it is reached; on a full disk, where its log takes nothing, it serves all the same."""
    with suppress(OSError):
        out.say(text)


def require_free(host: str, port: int) -> None:
    """Raises NotInOrder if somebody else listens there: better said at once than by a child that keeps dying."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if sys.platform != "win32":  # a port in its closing time is free for a server
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise _taken(host, port, error) from error


def free_port(ports: range) -> int:
    """One of `ports` that nobody has on the loopback now. Raises NotInOrder."""
    for _ in range(200):
        port = secrets.choice(ports)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise NotInOrder(f"no free TCP port between {ports.start} and {ports.stop} on {LOOPBACK}")


def _taken(host: str, port: int, error: OSError) -> NotInOrder:
    return NotInOrder(
        f"[server] port = {port}: {host}:{port} cannot be had ({error.strerror}); choose another with --port"
    )


def address(host: str, port: int, scheme: str = "http") -> str:
    """The address as a person types it; one that means every interface is shown as this machine."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
    return f"{scheme}://[{shown}]:{port}" if ":" in shown else f"{scheme}://{shown}:{port}"


def quiet_logs() -> None:
    """Warnings and errors to standard error; waitress's queue depth is not news under load."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def stop_on_signals() -> None:
    """SIGTERM and SIGINT end the main thread's loop as an exit, so that everything open is given back."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        # Once: a second signal while everything is being given back would tear that apart.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def follow_parent() -> None:
    """End this process when the one that started it is gone: its end of our standard input closes, however it died.

    Works the same on Windows, where there are no process groups to end.
    """

    def wait() -> None:
        try:
            while os.read(0, 1024):
                pass
        except OSError:
            pass
        if sys.platform == "win32":
            os._exit(0)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
