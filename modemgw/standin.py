"""Standing in for providers whose hosts a client has built in: their names, a local CA and what it signs.

Owns which names, and making the files; all but the CA's certificate are 0600. Installs nothing and touches no system
setting; certificates need the extra `standin`.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modemgw.errors import ModemgwError
from modemgw.installation import how_to_add

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

#: Browsers and libraries refuse longer ones.
LEAF_DAYS, CA_DAYS = 397, 3_650


class StandInError(ModemgwError):
    """The certificates cannot be made or read."""


_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where the files are. `made` tells that the CA is new and must be trusted by the client."""

    ca: Path
    chain: Path
    key: Path
    hosts: tuple[str, ...]
    made: bool


def providers() -> dict[str, tuple[str, ...]]:
    """What may be asked for, each with the provider's names: a dialect, by its name and by its title."""
    from modemgw.dialects import ALL

    found: dict[str, tuple[str, ...]] = {}
    for dialect in ALL:
        if dialect.hosts:
            found[dialect.title.lower() if "." in dialect.title else dialect.name] = dialect.hosts
    return found


def hosts_of(provider: str) -> tuple[str, ...]:
    """The names a provider is known by; any other host name stands for itself. Raises StandInError."""
    key = provider.strip().lower()
    known = providers()
    for name, hosts in known.items():
        if key in {name, name.partition(".")[0], *hosts}:
            return hosts
    if not is_host(key):
        raise StandInError(f"{provider!r} is neither a host name nor a provider; providers are {', '.join(known)}.")
    return (key,)


def choose_hosts(names: Sequence[str], only: Sequence[str]) -> tuple[str, ...]:
    """The hosts of all the providers in `names`; with `only`, no others than those, which must be among them where a
    provider is given. Raises StandInError."""
    hosts = tuple(dict.fromkeys(host for name in names for host in hosts_of(name)))
    if not only:
        if not hosts:
            raise StandInError(f"Which provider? One or more of {', '.join(providers())}, or host names.")
        return hosts
    wanted = tuple(dict.fromkeys(name.strip().lower() for name in only))
    for name in wanted:
        if not is_host(name):
            raise StandInError(f"--only {name}: not a host name.")
        if hosts and name not in hosts:
            raise StandInError(f"--only {name}: not a name of {', '.join(names)}; those are {', '.join(hosts)}.")
    return wanted


def is_host(name: str) -> bool:
    """True for what may be a host name with a dot in it."""
    labels = name.split(".")
    return len(name) <= 253 and len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)


def make_certificates(directory: Path, hosts: tuple[str, ...]) -> Certificates:
    """A CA in `directory` (made once) and a fresh certificate for `hosts`. Raises StandInError."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID
    except ImportError as error:
        raise StandInError(f"stand-in needs the extra: {how_to_add('standin')}") from error
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        ca_key, ca, made = _authority(directory)
        now = datetime.datetime.now(datetime.UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (
            x509.CertificateBuilder()
            .subject_name(_name(hosts[0]))
            .issuer_name(ca.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=LEAF_DAYS))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        chain, key_path = directory / "server.crt", directory / "server.key"
        _write(chain, leaf.public_bytes(pem) + ca.public_bytes(pem))
        _write(
            key_path,
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        )
    except OSError as error:
        raise StandInError(f"The certificates cannot be written to {directory}: {error.strerror}.") from error
    except ValueError as error:
        raise StandInError(
            f"The CA in {directory} cannot be read ({error}). Move that directory away to have a new one made."
        ) from error
    return Certificates(directory / "ca.crt", chain, key_path, hosts, made)


def _authority(directory: Path) -> tuple[EllipticCurvePrivateKey, x509.Certificate, bool]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key_path, path = directory / "ca.key", directory / "ca.crt"
    if key_path.exists() and path.exists():
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("its key is of another kind")
        return key, x509.load_pem_x509_certificate(path.read_bytes()), False
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    name = _name("modemgw stand-in CA of this machine")
    ca = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    _write(key_path, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    _write(path, ca.public_bytes(pem), 0o644)  # no secret: copies of it must be readable for every client
    return key, ca, True


def _name(common_name: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _write(path: Path, data: bytes, mode: int = 0o600) -> None:
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)  # whatever the umask is
        file.write(data)
    os.replace(draft, path)
