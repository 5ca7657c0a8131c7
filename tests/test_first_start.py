"""The first start of `serve`, and the starts that it refuses (contract sections 2 and 9)."""

import json
import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx2
import pytest

from app.dialling.addresses import is_loopback
from tests.command_line import Call, caller, eventually, run, serving
from tests.databases import Databases

SECRETS = {"HOS_ADMIN_KEY": "k" * 32, "HOS_WEBHOOK_SECRETS": "t" * 32}


def pasted(line: str, cwd: Path) -> tuple[int, dict[str, object]]:
    """A line as somebody would paste it into a shell: the status of its request, and the answer."""
    done = subprocess.run(
        ["bash", "-c", line + " -w '\\n%{http_code}'"],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), json.loads(body)


def file_caller(directory: Path) -> Call:
    """Commands on the file that `serve` uses by default in a directory."""
    return caller(f"sqlite:///{directory}/data/hos.db")


def lines_with(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


def test_the_first_start_shows_credentials_once_and_lines_that_work(database_url: str, tmp_path: Path) -> None:
    with serving(cwd=tmp_path, HOS_DATABASE_URL=database_url) as served:
        (admin,) = re.findall(r"^Admin key .*: +(hos_key_\S+)$", served.greeting, re.MULTILINE)
        (token,) = re.findall(r"^Webhook token .*: +(hos_webhook_\S+)$", served.greeting, re.MULTILINE)
        assert f"{served.url}/" in served.greeting
        post, read = lines_with(served.greeting, "curl ")
        status, answer = pasted(post, tmp_path)
        assert status == 200
        assert answer["accepted"] == 1
        status, answer = pasted(read, tmp_path)
        assert status == 200
        assert [one["driverId"] for one in answer["data"]] == ["JDOE123"]  # type: ignore[attr-defined]
        status, answer = pasted(post, tmp_path)
        assert answer["results"][0]["outcome"] == "duplicate"  # type: ignore[index]
        assert served.stop() == 0
        assert admin not in served.log
        assert token not in served.log
    with serving(cwd=tmp_path, HOS_DATABASE_URL=database_url) as served:
        assert "shown once" not in served.greeting
        assert "curl" not in served.greeting
        assert "hos_" not in served.greeting
        headers = {"Authorization": f"Bearer {admin}"}
        with httpx2.Client(trust_env=False) as client:
            answer = client.get(f"{served.url}/v1/violations", headers=headers).json()
        assert len(answer["data"]) == 1
        assert served.stop(signal.SIGINT) == 0


def test_credentials_are_stored_as_hashes_only(tmp_path: Path) -> None:
    with serving(cwd=tmp_path) as served:
        secrets = re.findall(r"hos_(?:key|webhook)_[A-Za-z0-9_-]{43}", served.greeting)
        assert len(set(secrets)) == 2
        assert served.stop() == 0
    for file in (tmp_path / "data").iterdir():
        for secret in secrets:
            assert secret.encode() not in file.read_bytes()


def test_configured_credentials_are_not_shown_and_none_is_made(tmp_path: Path) -> None:
    with serving(cwd=tmp_path, **SECRETS) as served:
        for secret in SECRETS.values():
            assert secret not in served.greeting
        assert "shown once" not in served.greeting
        assert served.stop() == 0
        for secret in SECRETS.values():
            assert secret not in served.log
    assert file_caller(tmp_path)("keys", "list").stdout == ""


def test_only_what_is_missing_is_made(tmp_path: Path) -> None:
    with serving(cwd=tmp_path, HOS_ADMIN_KEY="k" * 32) as served:
        assert "Admin key" not in served.greeting
        assert "Webhook token (shown once)" in served.greeting
        (post,) = lines_with(served.greeting, "curl ")
        assert pasted(post, tmp_path)[0] == 200
        assert served.stop() == 0


def test_a_short_secret_and_a_slip_in_a_name_are_warned_of(tmp_path: Path) -> None:
    settings = {"HOS_ADMIN_KEY": "short", "HOS_WEBHOOK_SECRETS": "t" * 32, "HOS_PROT": "1"}
    with serving(cwd=tmp_path, **settings) as served:
        assert served.stop() == 0
        entries = [json.loads(line) for line in served.log.splitlines()]
    warnings = [(e["event"], e["name"]) for e in entries if e["level"] == "warning"]
    assert warnings == [("setting.too_short", "HOS_ADMIN_KEY"), ("setting.not_known", "HOS_PROT")]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_addresses_need_credentials_first(tmp_path: Path, host: str) -> None:
    refused = run("serve", "--host", host, "--port", "0", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert len(refused.stderr.splitlines()) == 1
    for said in (
        "HOS_ADMIN_KEY",
        "HOS_WEBHOOK_SECRETS",
        "hos-receiver keys create",
        "--scope admin",
        "--scope webhook",
    ):
        assert said in refused.stderr
    assert file_caller(tmp_path)("keys", "list").stdout == "", "a refused start makes no keys"


def test_other_addresses_are_served_once_what_the_refusals_propose_was_done(tmp_path: Path) -> None:
    call = file_caller(tmp_path)
    for scope in ("admin", "webhook"):
        refused = run("serve", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path)
        assert refused.returncode == 1
        proposed, *_ = re.findall(r"hos-receiver (keys create [\w -]+)", refused.stderr)
        assert proposed.endswith(f"--scope {scope}")
        assert call(*proposed.split()).exit_code == 0
    with serving("--host", "0.0.0.0", cwd=tmp_path) as served:
        assert "shown once" not in served.greeting
        assert served.stop() == 0


def test_a_second_server_on_one_file_is_refused_and_makes_nothing(tmp_path: Path) -> None:
    with serving(cwd=tmp_path) as served:
        before = file_caller(tmp_path)("keys", "list").stdout
        second = run("serve", "--port", "0", cwd=tmp_path)
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr.startswith("hos-receiver: data/hos.db is already served by process ")
        assert str(served.process.pid) in second.stderr
        assert len(second.stderr.splitlines()) == 1
        assert file_caller(tmp_path)("keys", "list").stdout == before
        with httpx2.Client(trust_env=False) as client:
            assert client.get(f"{served.url}/readyz").status_code == 200
        assert served.stop() == 0
    with serving(cwd=tmp_path) as served:
        assert served.stop() == 0


def test_commands_run_beside_a_server(database_url: str, tmp_path: Path) -> None:
    with serving(cwd=tmp_path, HOS_DATABASE_URL=database_url) as served, httpx2.Client(trust_env=False) as client:
        (post, _) = lines_with(served.greeting, "curl ")
        assert pasted(post, tmp_path)[0] == 200
        assert pasted(post.replace('"driverId":"JDOE123",', ""), tmp_path)[0] == 422
        call = caller(database_url)
        created = call("keys", "create", "reader", "--scope", "read")
        key = created.stdout.splitlines()[-1]
        for command in (
            ["keys", "list"],
            ["quarantine", "list"],
            ["quarantine", "show", "1"],
            ["rebuild", "--check"],
            ["export", "--what", "events"],
            ["purge", "--days", "200"],
            ["migrate"],
            ["doctor"],
        ):
            done = call(*command)
            assert (done.exit_code, done.stderr) == (0, ""), command
            assert done.stdout
        url = f"{served.url}/v1/violations"
        headers = {"Authorization": f"Bearer {key}"}
        wait_for_status(client, url, headers, 200)
        call("keys", "revoke", "reader")
        wait_for_status(client, url, headers, 401)
        assert served.stop() == 0


def wait_for_status(client: httpx2.Client, url: str, headers: dict[str, str], status: int) -> None:
    eventually(lambda: client.get(url, headers=headers).status_code == status, f"{url} answers {status}")


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        done = run("serve", "--port", str(port), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"hos-receiver: cannot listen on 127.0.0.1 port {port}: Address already in use;"
        " choose another with HOS_PORT or --port\n"
    )
    assert not (tmp_path / "data").exists()


def test_an_address_that_is_not_ours_is_one_line(tmp_path: Path) -> None:
    done = run("serve", "--host", "192.0.2.1", "--port", "0", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "hos-receiver: cannot listen on 192.0.2.1 port 0: Cannot assign requested address\n"


def test_sqlite_is_served_by_one_process(tmp_path: Path) -> None:
    done = run("serve", "--workers", "2", "--port", "0", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("hos-receiver: SQLite is served by one process")


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hos.db").write_bytes(b"not a database, but long enough to be looked at")
    done = run("serve", "--port", "0", cwd=tmp_path, HOS_DATABASE_URL="sqlite:///hos.db")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "hos-receiver: cannot open the SQLite file hos.db: file is not a database\n"


def test_postgresql_that_is_behind_is_refused(postgresql_databases: Databases, tmp_path: Path) -> None:
    with postgresql_databases.empty() as url:
        refused = run("serve", "--port", "0", cwd=tmp_path, HOS_DATABASE_URL=url)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == "hos-receiver: the PostgreSQL database is empty; run: hos-receiver migrate\n"
        assert caller(url)("migrate").exit_code == 0
        with serving(cwd=tmp_path, HOS_DATABASE_URL=url) as served:
            assert served.stop() == 0


def test_wrong_settings_are_a_line_each(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HOS_WORKERS=many\n")
    done = run("serve", cwd=tmp_path, HOS_PORT="x", HOS_DATABASE_URL="mysql://u:hunter2@h/d")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "hos-receiver: HOS_DATABASE_URL must begin with sqlite:/// or postgresql://",
        "hos-receiver: HOS_PORT must be a whole number from 0 to 65535 (it is 'x')",
        "hos-receiver: HOS_WORKERS must be a whole number from 1 to 64 (it is 'many')",
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LocalHost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "example.com", "", "127.0.0"])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)
