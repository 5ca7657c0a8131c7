"""The Compose files: valid by Compose's own schema, shut but for one port, with secrets that a service takes."""

import json
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest

from tests.command_line import serving
from tests.deploy.reading import DEPLOY, KNOWN_SETTINGS, document
from tests.maven.examples import as_bytes, flat_event

COMPOSE = DEPLOY / "compose"
FILES = sorted(COMPOSE.glob("*.yaml"))


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = document(COMPOSE / "compose.yaml")["services"]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_a_compose_file(path: Path) -> None:
    text = files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text("utf-8")
    schema = json.loads(text)
    jsonschema.validators.validator_for(schema)(schema).validate(document(path))


@pytest.mark.parametrize("name", sorted(services()))
def test_a_service_has_no_rights_that_it_does_not_need(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert service["mem_limit"]
    assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")
    assert ":latest" not in service["image"]
    assert service["image"].rstrip("}").rpartition(":")[2][:1] in "0123456789v"


def test_only_the_receiver_is_published_and_on_this_machine_alone() -> None:
    assert {name: service["ports"] for name, service in services().items() if "ports" in service} == {
        "receiver": ["127.0.0.1:${HOS_PUBLISHED_PORT:-8000}:8000"]
    }
    for path in FILES:
        for service in document(path)["services"].values():
            assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_networks_are_apart() -> None:
    networks = document(COMPOSE / "compose.yaml")["networks"]
    assert {name for name, network in networks.items() if network.get("internal")} == {"data", "watch"}
    on = {name: {one for one, s in services().items() if name in s["networks"]} for name in networks}
    assert on["data"] == {"postgres", "migrate", "receiver"}
    assert on["front"] == {"receiver"}
    assert "postgres" not in on["watch"] | on["out"]
    gateway = networks["front"]["ipam"]["config"][0]["gateway"]
    assert services()["receiver"]["environment"]["HOS_FORWARDED_ALLOW_IPS"] == gateway


def test_what_is_mounted_is_there() -> None:
    for service in services().values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (COMPOSE / source).exists(), source


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_settings_are_those_that_there_are(path: Path) -> None:
    for service in document(path)["services"].values():
        names = {name for name in service.get("environment", {}) if name.startswith("HOS_")}
        assert names <= KNOWN_SETTINGS
        named = {value for name, value in service.get("environment", {}).items() if name.endswith("_FILE")}
        given = [secret if isinstance(secret, str) else secret["source"] for secret in service.get("secrets", [])]
        assert {Path(one).name for one in named} <= set(given)


def make_secrets(directory: Path) -> dict[str, str]:
    subprocess.run([COMPOSE / "make-secrets", directory], check=True, capture_output=True, timeout=30)
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_secrets_are_made_once(tmp_path: Path) -> None:
    made = make_secrets(tmp_path / "secrets")
    assert set(made) == set(document(COMPOSE / "compose.yaml")["secrets"])
    assert len(set(made.values())) == len(made)
    assert made["postgres_password"].strip() in made["database_url"]
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    (tmp_path / "secrets" / "admin_key").unlink()
    again = make_secrets(tmp_path / "secrets")
    assert {name for name in made if made[name] != again[name]} == {"admin_key"}


def test_a_service_starts_with_the_secrets_and_takes_them(tmp_path: Path, sqlite_url: str) -> None:
    directory = tmp_path / "secrets"
    made = make_secrets(directory)
    declared = services()["receiver"]["environment"]
    named = {name: str(directory / Path(value).name) for name, value in declared.items() if name.endswith("_FILE")}
    del named["HOS_DATABASE_URL_FILE"]
    with (
        serving(cwd=tmp_path, HOS_DATABASE_URL=sqlite_url, **named) as served,
        httpx2.Client(base_url=served.url, trust_env=False) as client,
    ):

        def bearer(name: str) -> dict[str, str]:
            return {"authorization": f"Bearer {made[name].strip()}"}

        body = as_bytes(flat_event())
        assert client.post("/webhooks/maven", headers=bearer("webhook_secrets"), content=body).status_code == 200
        assert client.get("/v1/violations", headers=bearer("admin_key")).status_code == 200
        assert client.get("/metrics", headers=bearer("metrics_token")).status_code == 200
        assert client.get("/metrics").status_code == 401
        assert "setting.too_short" not in served.log
