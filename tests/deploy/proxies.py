"""nginx and Caddy as processes of a test, with the configuration of `deploy/` and a certificate made for it.

Only what has to differ on a machine that runs tests is replaced: name, ports, certificate, and the processes behind.
"""

import datetime
import os
import re
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.command_line import ROOT, SECONDS, end, eventually, free_port, is_answered
from tests.programs import find_program

DEPLOY = ROOT / "deploy"
NAME = "localhost"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate for `localhost` that nobody trusts but who is given it."""

    file: Path
    key: Path

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.file))


def make_certificate(directory: Path) -> Certificate:
    """One that holds for an hour, in two files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(directory / "fullchain.pem", directory / "privkey.pem")
    made.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


def replace(text: str, pattern: str, by: str, times: int = 1) -> str:
    """Replaces a pattern that is there exactly so often: a test must not miss what it means to change."""
    replaced, count = re.subn(pattern, lambda _: by, text, flags=re.MULTILINE)
    assert count == times, f"{pattern!r} is there {count} times"
    return replaced


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy."""

    url: str
    plain_url: str | None
    certificate: Certificate

    def client(self, from_address: str = "127.0.0.1") -> httpx2.Client:
        """A client that trusts the proxy's certificate, and comes from an address of this machine."""
        transport = httpx2.HTTPTransport(verify=self.certificate.trusting(), local_address=from_address)
        return httpx2.Client(base_url=self.url, transport=transport, trust_env=False, timeout=SECONDS)


@contextmanager
def _running(command: Sequence[str | Path], proxy: Proxy, log: Path, environment: dict[str, str]) -> Iterator[Proxy]:
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    try:
        with proxy.client() as client:
            eventually(lambda: process.poll() is not None or is_answered(client, "/healthz"), "the proxy answers")
        assert process.poll() is None, log.read_text()
        yield proxy
    finally:
        end(process)


def nginx_configuration(directory: Path, ports: Sequence[int], port: int, plain_port: int, made: Certificate) -> Path:
    """An nginx.conf around `deploy/nginx/hos-receiver.conf`."""
    site = (DEPLOY / "nginx" / "hos-receiver.conf").read_text(encoding="utf-8")
    servers = "\n".join(f"    server 127.0.0.1:{one} max_fails=2 fail_timeout=5s;" for one in ports)
    site = replace(site, r"(^ +server 127\.0\.0\.1:\d+ max_fails=2 fail_timeout=5s;\n?)+", servers + "\n")
    site = replace(site, r"^ +listen \[::\].*\n", "", 2)
    site = replace(site, r"listen 80;", f"listen 127.0.0.1:{plain_port};")
    site = replace(site, r"listen 443 ", f"listen 127.0.0.1:{port} ")
    site = replace(site, r"server_name hos\.example\.com;", f"server_name {NAME};", 2)
    site = replace(site, r"/etc/ssl/hos-receiver/fullchain\.pem", str(made.file))
    site = replace(site, r"/etc/ssl/hos-receiver/privkey\.pem", str(made.key))
    (directory / "site.conf").write_text(site)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "\n".join(f"    {kind}_temp_path {directory / kind};" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    main = directory / "nginx.conf"
    main.write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {directory / 'nginx.pid'};\nerror_log stderr;\n"
        f"events {{ worker_connections 256; }}\nhttp {{\n    access_log off;\n{places}\n    include site.conf;\n}}\n"
    )
    return main


@contextmanager
def running_nginx(directory: Path, ports: Sequence[int]) -> Iterator[Proxy]:
    """nginx before processes of `serve` on these ports."""
    program = find_program("nginx", "nginx-light")
    made, port, plain_port = make_certificate(directory), free_port(), free_port()
    main = nginx_configuration(directory, ports, port, plain_port, made)
    command: list[str | Path] = [program, "-p", f"{directory}/", "-e", "stderr", "-c", main]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr, checked.stderr
    proxy = Proxy(f"https://{NAME}:{port}", f"http://{NAME}:{plain_port}", made)
    with _running(command, proxy, directory / "nginx.log", dict(os.environ)) as running:
        yield running


@contextmanager
def running_caddy(directory: Path, ports: Sequence[int]) -> Iterator[Proxy]:
    """Caddy before processes of `serve` on these ports."""
    program = find_program("caddy")
    made, port = make_certificate(directory), free_port()
    text = (DEPLOY / "caddy" / "Caddyfile").read_text(encoding="utf-8")
    text = replace(text, r"^hos\.example\.com \{", f"https://{NAME}:{port} {{\n\ttls {made.file} {made.key}")
    servers = " ".join(f"127.0.0.1:{one}" for one in ports)
    text = replace(text, r"reverse_proxy 127\.0\.0\.1:8000 127\.0\.0\.1:8001 ", f"reverse_proxy {servers} ")
    file = directory / "Caddyfile"
    file.write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n\n" + text)
    environment = {**os.environ, "HOME": str(directory), "XDG_DATA_HOME": str(directory)}
    command: list[str | Path] = [program, "run", "--adapter", "caddyfile", "--config", file]
    proxy = Proxy(f"https://{NAME}:{port}", None, made)
    with _running(command, proxy, directory / "caddy.log", environment) as running:
        yield running


RUNNING = {"nginx": running_nginx, "caddy": running_caddy}
