"""Creates a certificate authority with openssl, which signs a server and a client certificate."""

import ssl
import subprocess
from pathlib import Path


def make_authority(directory: Path) -> None:
    """Writes ca.pem, cert.pem and key.pem for DOCKER_CERT_PATH, and server.pem for 127.0.0.1."""
    directory.mkdir(parents=True, exist_ok=True)
    _openssl(directory, "req", "-x509", *_new_key("ca-key.pem"), "-subj", "/CN=ca", "-out", "ca.pem")
    _sign(directory, "server", "subjectAltName=IP:127.0.0.1")
    _sign(directory, "cert", "extendedKeyUsage=clientAuth")
    (directory / "cert-key.pem").rename(directory / "key.pem")


def server_context(directory: Path) -> ssl.SSLContext:
    """Accepts only clients whose certificate the authority signed."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(directory / "ca.pem"))
    context.load_cert_chain(str(directory / "server.pem"), str(directory / "server-key.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _sign(directory: Path, name: str, extension: str) -> None:
    signer = ("-CA", "ca.pem", "-CAkey", "ca-key.pem")
    options = (*_new_key(f"{name}-key.pem"), "-subj", f"/CN={name}", "-addext", extension)
    _openssl(directory, "req", "-x509", *signer, *options, "-out", f"{name}.pem")


def _new_key(path: str) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path)


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True, timeout=30)
