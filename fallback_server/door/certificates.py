"""The hospital's own authority for this standby, and the certificate the door shows: made, looked at, renewed.

Four files in one folder, the keys readable by their owner alone: `ca.crt` (to be trusted by browsers and pinned by
agents), `ca.key`, `server.crt`, `server.key`. The authority lives twenty years and may sign nothing but servers; the
server's certificate carries the addresses and names under which windows reach the standby and is renewed by itself.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cryptography import x509

FOLDER: Final = "certificates"  # in the instance
CA_CERTIFICATE: Final = "ca.crt"
CA_KEY: Final = "ca.key"
CERTIFICATE: Final = "server.crt"
KEY: Final = "server.key"

AUTHORITY_DAYS: Final = 20 * 365
SERVER_DAYS: Final = 397  # what browsers accept of any authority
RENEW_DAYS: Final = 60
WARN_DAYS: Final = 30  # of a certificate that the hospital renews
CLOCKS_APART: Final = timedelta(days=2)  # window PCs without a time server

_SIOCGIFADDR: Final = 0x8915  # Linux, netdevice(7): the address of an interface


class CertificateTrouble(Exception):
    """The files are not what they should be; the message says which and what to do."""


@dataclass(frozen=True)
class Shown:
    """What the files in a folder are. `fingerprint` is the SHA-256 of the authority, to compare by eye."""

    names: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    authority: str
    authority_issued_at: datetime
    authority_expires_at: datetime
    fingerprint: str

    def due(self, now: datetime, names: Iterable[str]) -> str | None:
        """Why it should be renewed, or None."""
        if self.expires_at - now < timedelta(days=RENEW_DAYS):
            return f"it ends on {self.expires_at:%Y-%m-%d}"
        # Made while the clock was ahead. Before the authority began, it is the clock of now that is wrong.
        if self.authority_issued_at <= now < self.issued_at:
            return f"it begins on {self.issued_at:%Y-%m-%d}"
        missing = [name for name in names if name not in self.names]
        return f"it does not name {', '.join(missing)}" if missing else None


def ensure(folder: Path, names: Iterable[str], now: datetime, hospital: str) -> str | None:
    """Make what is missing and renew what is due; what was done in a sentence, or None.

    Raises CertificateTrouble if the authority is broken or has only one half: it is never replaced by itself, for
    windows trust the old one.
    """
    wanted = tuple(dict.fromkeys(names))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / CA_CERTIFICATE).exists() and not (folder / CA_KEY).exists():
        _make_authority(folder, now, hospital)
        _make_server(folder, wanted, now)
        return "a new authority and a certificate of it"
    if not (folder / CERTIFICATE).exists() or not (folder / KEY).exists():
        _make_server(folder, wanted, now)
        return "a new certificate"
    reason = look(folder).due(now, wanted)
    if reason is None:
        return None
    renew(folder, wanted, now)
    return f"the certificate was renewed: {reason}"


def renew(folder: Path, names: Iterable[str], now: datetime) -> None:
    """A new certificate with a new key from the same authority. Raises CertificateTrouble."""
    _make_server(folder, tuple(dict.fromkeys(names)), now)


def look(folder: Path) -> Shown:
    """What is there. Raises CertificateTrouble."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    authority, mine = _read(folder / CA_CERTIFICATE), _read(folder / CERTIFICATE)
    common = authority.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Shown(
        names=tuple(_names_of(mine)),
        issued_at=mine.not_valid_before_utc,
        expires_at=mine.not_valid_after_utc,
        authority=str(common[0].value) if common else "",
        authority_issued_at=authority.not_valid_before_utc,
        authority_expires_at=authority.not_valid_after_utc,
        fingerprint=authority.fingerprint(hashes.SHA256()).hex(":").upper(),
    )


def validity(path: Path) -> tuple[datetime, datetime]:
    """From when until when a certificate that somebody else made is valid. Raises CertificateTrouble."""
    made = _read(path)
    return made.not_valid_before_utc, made.not_valid_after_utc


def require_time_left(path: Path, now: datetime) -> None:
    """Raises CertificateTrouble, with the cure, where a certificate that somebody else made is over or soon will be."""
    _, ends = validity(path)
    if ends - now < timedelta(days=WARN_DAYS):
        said = "is over since" if ends <= now else "ends on"
        raise CertificateTrouble(
            f"{path} {said} {ends:%Y-%m-%d}: put a new one of the hospital's authority in its place ([server]"
            " certificate, certificate_key), it is shown without a restart; or leave both empty for one of our own"
        )


def own_names(host: str, more: Iterable[str] = ()) -> tuple[str, ...]:
    """The names and addresses of this machine as far as it knows them, with `more` that the hospital gave."""
    found = ["127.0.0.1", "::1", "localhost"]
    with suppress(ValueError):
        if not ipaddress.ip_address(host).is_unspecified:
            found.append(host)
    name = socket.gethostname()
    if _is_name(name):
        found.append(name.lower())
    with suppress(OSError):
        found += [str(address[4][0]).partition("%")[0] for address in socket.getaddrinfo(name, None)]
    found += _of_interfaces()
    return tuple(dict.fromkeys([*found, *(one.strip() for one in more if one.strip())]))


def _of_interfaces() -> list[str]:
    """IPv4 addresses of the network cards. On Windows the machine's own name has led to them already."""
    if sys.platform != "linux":
        return []
    import fcntl

    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # a card without an address
                answer = fcntl.ioctl(asking.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                found.append(socket.inet_ntoa(answer[20:24]))
    return found


def _is_name(text: str) -> bool:
    return bool(text) and all(c.isascii() and (c.isalnum() or c in "-.") for c in text)


def _names_of(certificate: x509.Certificate) -> list[str]:
    from cryptography import x509

    try:
        said = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*map(str, said.get_values_for_type(x509.IPAddress)), *said.get_values_for_type(x509.DNSName)]


def _read(path: Path) -> x509.Certificate:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise CertificateTrouble(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise CertificateTrouble(f"{path}: is no certificate ({error})") from error


def _authority(folder: Path) -> tuple[x509.Certificate, Any]:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    certificate, path = _read(folder / CA_CERTIFICATE), folder / CA_KEY
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise CertificateTrouble(
            f"{path}: cannot be read ({error.strerror}); bring it back from where it is kept, or remove"
            f" {CA_CERTIFICATE} too and trust the new authority on every window"
        ) from error
    except (ValueError, TypeError) as error:
        raise CertificateTrouble(f"{path}: is no key ({error})") from error
    if key.public_key() != certificate.public_key():
        raise CertificateTrouble(f"{path}: does not belong to {CA_CERTIFICATE}")
    return certificate, key


def _make_authority(folder: Path, now: datetime, hospital: str) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"HIS-YJ {socket.gethostname()} {now:%Y-%m-%d}"[:64], hospital)
    usage = _usage(key_cert_sign=True, crl_sign=True)
    made = (
        _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _keep_key(folder / CA_KEY, key)
    _keep_certificate(folder / CA_CERTIFICATE, made)


def _make_server(folder: Path, names: tuple[str, ...], now: datetime) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    authority, authority_key = _authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    alternative = x509.SubjectAlternativeName([_general(one) for one in names])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    made = (
        _builder(_name("HIS-YJ standby", None), authority.subject, key.public_key(), now, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(alternative, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    # A door that reads between the two finds halves that do not fit, keeps what it shows, and looks again.
    _keep_key(folder / KEY, key)
    _keep_certificate(folder / CERTIFICATE, made)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: Any, now: datetime, days: int
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_APART)
        .not_valid_after(now + timedelta(days=days))
    )


def _name(common: str, organisation: str | None) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organisation:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64]))
    return x509.Name(parts)


def _general(text: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    if not _is_name(text):
        raise CertificateTrouble(f"[server] names: {text} is neither an address nor a name of a machine")
    return x509.DNSName(text)


def _usage(**given: bool) -> x509.KeyUsage:
    from cryptography import x509

    nothing = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    return x509.KeyUsage(**{**nothing, **given})


def _keep_key(path: Path, key: Any) -> None:
    from cryptography.hazmat.primitives import serialization as form

    packed = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    _write(path, packed, 0o600)


def _keep_certificate(path: Path, certificate: x509.Certificate) -> None:
    from cryptography.hazmat.primitives import serialization as form

    _write(path, certificate.public_bytes(form.Encoding.PEM), 0o644)


def _write(path: Path, content: bytes, mode: int) -> None:
    """The file is either the old one or the new one, whatever happens meanwhile, and never readable by others."""
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)


Keeper = Callable[[], str | None]
"""Looks after the files once; what was done, or None."""
