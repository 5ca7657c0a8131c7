"""Settings: what is taken, what is refused and how that reads, and that `.env.example` names them all."""

import os
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings import SECRETS, Settings, WrongSetting, read_settings, short_secrets, unknown_settings

EXAMPLE = Path(__file__).parent.parent / ".env.example"

ENTRY = re.compile(r"((?:^#.+\n)+)^(HOS_[A-Z_]+)=(.*)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine that runs the tests, and no `.env`."""
    for name in os.environ:
        if name.upper().startswith("HOS_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def example_entries() -> dict[str, tuple[str, str]]:
    """Name to explanation and value."""
    return {name: (comment, value) for comment, name, value in ENTRY.findall(EXAMPLE.read_text())}


def plain(value: object) -> str:
    """A default as one would write it into the file."""
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def test_the_example_file_names_every_setting_and_no_other() -> None:
    lines = [line.split("=")[0] for line in EXAMPLE.read_text().splitlines() if line.startswith("HOS_")]
    assert sorted(lines) == sorted(f"HOS_{name.upper()}" for name in Settings.model_fields)
    assert sorted(example_entries()) == sorted(lines), "each has lines of its own that explain it"


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_example_file_shows_the_default(name: str) -> None:
    comment, value = example_entries()[f"HOS_{name.upper()}"]
    assert value == plain(Settings.model_fields[name].default)
    assert len(comment) > 30


def test_the_example_file_as_it_stands_is_the_defaults(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(EXAMPLE.read_text())
    assert read_settings() == Settings.model_construct()
    assert unknown_settings() == []


@pytest.mark.parametrize(
    "name,value,expected",
    [
        ("HOS_PORT", "0", 0),
        ("HOS_INVALID_STATUS", "202", 202),
        ("HOS_INVALID_STATUS", "422", 422),
        ("HOS_RETENTION_DAYS", "365", 365),
        ("HOS_REQUEST_SECONDS", "2.5", 2.5),
        ("HOS_LOG_FORMAT", "console", "console"),
        ("HOS_FORWARDED_ALLOW_IPS", "10.0.0.0/8, ::1", "10.0.0.0/8, ::1"),
        ("HOS_FORWARDED_ALLOW_IPS", "*", "*"),
        ("HOS_HOST", "::", "::"),
        ("HOS_HOOK_ALLOWED_NETWORKS", "10.0.0.0/8, ::1,192.168.1.7", ("10.0.0.0/8", "::1/128", "192.168.1.7/32")),
        ("HOS_PUBLIC_URL", "https://hos.example.com/eld", "https://hos.example.com/eld"),
        ("HOS_PUBLIC_URL", " ", None),
        ("HOS_MAX_BODY_BYTES", "", 4_194_304),
        ("hos_workers", "3", 3),
    ],
)
def test_a_setting_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: object) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(read_settings(), name.upper().removeprefix("HOS_").lower()) == expected


def test_webhook_secrets_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOS_WEBHOOK_SECRETS", " x , whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ,, schlüssel wort ")
    secrets = [secret.get_secret_value() for secret in read_settings().webhook_secrets]
    assert secrets == ["x", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "schlüssel wort"]


@pytest.mark.parametrize(
    "name,value,line",
    [
        ("HOS_PORT", "abc", "HOS_PORT must be a whole number from 0 to 65535 (it is 'abc')"),
        ("HOS_PORT", "65536", "HOS_PORT must be a whole number from 0 to 65535 (it is '65536')"),
        ("HOS_WORKERS", "0", "HOS_WORKERS must be a whole number from 1 to 64 (it is '0')"),
        ("HOS_RETENTION_DAYS", "-1", "HOS_RETENTION_DAYS must be a whole number from 0 to 36500 (it is '-1')"),
        ("HOS_REQUEST_SECONDS", "nan", "HOS_REQUEST_SECONDS must be a number from 1 to 60 (it is 'nan')"),
        ("HOS_INVALID_STATUS", "500", "HOS_INVALID_STATUS must be 422 or 202 (it is '500')"),
        ("HOS_LOG_FORMAT", "xml", "HOS_LOG_FORMAT must be json or console (it is 'xml')"),
        (
            "HOS_HOOK_ALLOWED_NETWORKS",
            "10.0.0.0/8,intranet",
            (
                "HOS_HOOK_ALLOWED_NETWORKS: 'intranet' is no network; write it like 10.0.0.0/8 or fd12:3456::/32"
                " (it is '10.0.0.0/8,intranet')"
            ),
        ),
        (
            "HOS_HOOK_ALLOWED_NETWORKS",
            "10.1.2.3/8",
            (
                "HOS_HOOK_ALLOWED_NETWORKS: '10.1.2.3/8' has bits set right of its prefix; did you mean 10.0.0.0/8?"
                " (it is '10.1.2.3/8')"
            ),
        ),
        (
            "HOS_HOOK_RETENTION_DAYS",
            "0",
            "HOS_HOOK_RETENTION_DAYS must be a whole number from 1 to 36500 (it is '0')",
        ),
        ("HOS_LOG_LEVEL", "loud", "HOS_LOG_LEVEL must be debug, info, warning or error (it is 'loud')"),
        (
            "HOS_HOST",
            "a b",
            "HOS_HOST must be an address or a host name, such as 127.0.0.1, 0.0.0.0 or :: (it is 'a b')",
        ),
        (
            "HOS_FORWARDED_ALLOW_IPS",
            "proxy",
            (
                "HOS_FORWARDED_ALLOW_IPS must be addresses or networks of proxies, separated by commas, or *"
                " (it is 'proxy')"
            ),
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSetting) as caught:
        read_settings()
    assert str(caught.value) == line


@pytest.mark.parametrize(
    "name,value,line",
    [
        ("HOS_DATABASE_URL", "mysql://u:hunter2@h/d", "HOS_DATABASE_URL must begin with sqlite:/// or postgresql://"),
        ("HOS_DATABASE_URL", "sqlite://hunter2.db", "HOS_DATABASE_URL must name a file: sqlite:///data/hos.db"),
        (
            "HOS_DATABASE_URL",
            "postgresql://u:hunter2@a,b/d?target_session_attrs=standby",
            "HOS_DATABASE_URL: target_session_attrs",
        ),
        ("HOS_WEBHOOK_SECRETS", "x,whsec_hunter2hunter2!", "HOS_WEBHOOK_SECRETS: what follows whsec_ must be base64"),
        ("HOS_WEBHOOK_SECRETS", "whsec_hunter2=", "HOS_WEBHOOK_SECRETS: "),
        ("HOS_SECRET_KEY", "hunter2", "HOS_SECRET_KEY: key 1 has 7 characters; a key has 16 at least"),
        ("HOS_SECRET_KEY", f"{'k' * 16},hunter2", "HOS_SECRET_KEY: key 2 has 7 characters; a key has 16 at least"),
        ("HOS_SECRET_KEY", ",", "HOS_SECRET_KEY: there is no key in it"),
        ("HOS_PUBLIC_URL", "hos.example.com/hunter2", "HOS_PUBLIC_URL must be an http:// or https:// address"),
        (
            "HOS_PUBLIC_URL",
            "https://u:hunter2@hos.example.com",
            "HOS_PUBLIC_URL must be an http:// or https:// address",
        ),
        ("HOS_PUBLIC_URL", "https://hos.example.com/?hunter2", "HOS_PUBLIC_URL must be an http:// or https:// address"),
        ("HOS_PUBLIC_URL", "https://hos.example.com:hunter2", "HOS_PUBLIC_URL must be an http:// or https:// address"),
    ],
)
def test_a_wrong_secret_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSetting) as caught:
        read_settings()
    assert str(caught.value).startswith(line)
    assert "hunter2" not in str(caught.value)


def test_every_wrong_setting_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOS_PORT", "HOS_LOG_LEVEL", "HOS_DATABASE_URL"):
        monkeypatch.setenv(name, "wrong")
    with pytest.raises(WrongSetting) as caught:
        read_settings()
    assert [line.split()[0] for line in str(caught.value).splitlines()] == [
        "HOS_DATABASE_URL",
        "HOS_PORT",
        "HOS_LOG_LEVEL",
    ]


def test_an_unreadable_file_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"HOS_HOST=\xff\xfe\n")
    with pytest.raises(WrongSetting, match=r"the file \.env cannot be read"):
        read_settings()


def test_what_is_given_wins_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("HOS_PORT=1\nHOS_HOST=127.0.0.2\nHOS_WORKERS=2\n")
    monkeypatch.setenv("HOS_HOST", "127.0.0.3")
    monkeypatch.setenv("HOS_PORT", "3")
    settings = read_settings(port=4)
    assert (settings.port, settings.host, settings.workers) == (4, "127.0.0.3", 2)


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(f"HOS_{name.upper()}", "hunter2hunter2hunter2")
    for name in ("HOS_DATABASE_URL", "HOS_DATABASE_READ_URL"):
        monkeypatch.setenv(name, "postgresql://u:hunter2@h/d")
    settings = read_settings()
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_short_secrets_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOS_ADMIN_KEY", "k" * 15)
    monkeypatch.setenv("HOS_WEBHOOK_SECRETS", f"{'t' * 16},short")
    monkeypatch.setenv("HOS_METRICS_TOKEN", "m" * 16)
    assert short_secrets(read_settings()) == ["HOS_ADMIN_KEY", "HOS_WEBHOOK_SECRETS"]
    monkeypatch.setenv("HOS_WEBHOOK_SECRETS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    monkeypatch.setenv("HOS_ADMIN_KEY", "k" * 16)
    assert short_secrets(read_settings()) == []


def test_names_that_are_no_setting_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOS_DATABSE_URL", "x")
    monkeypatch.setenv("HOS_TEST_DATABASE_URL", "x")
    (tmp_path / ".env").write_text("HOS_WEBHOOK_SECRET=x\nHOS_PORT=1\nOTHER=1\n")
    assert unknown_settings() == ["HOS_DATABSE_URL", "HOS_WEBHOOK_SECRET"]


SECRET_TEXT = {
    "database_url": "postgresql://hos:of-a-file@db.example/hos",
    "webhook_secrets": "a-shared-token-of-a-file",
    "secret_key": "0123456789abcdef-of-a-file",
}


@pytest.mark.parametrize("name", sorted(SECRETS - {"database_read_url"}))
def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    text = SECRET_TEXT.get(name, "a-secret-of-a-file")
    (tmp_path / "secret").write_text(f"{text}\n")
    monkeypatch.setenv(f"HOS_{name.upper()}_FILE", str(tmp_path / "secret"))
    value = getattr(read_settings(), name)
    assert [one.get_secret_value() for one in (value if isinstance(value, tuple) else [value])] == [text]
    assert unknown_settings() == []


def test_a_file_of_several_secrets_has_them_by_comma_or_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("first-of-a-file,second-of-a-file\nthird-of-a-file\n")
    (tmp_path / ".env").write_text("HOS_WEBHOOK_SECRETS_FILE=secrets\n")
    read = [secret.get_secret_value() for secret in read_settings().webhook_secrets]
    assert read == ["first-of-a-file", "second-of-a-file", "third-of-a-file"]


@pytest.mark.parametrize(
    "content, reason",
    [(None, "cannot read secret: No such file"), (b" \n", "secret is empty"), (b"\xff", "it is not UTF-8")],
)
def test_a_wrong_file_is_named(monkeypatch: pytest.MonkeyPatch, content: bytes | None, reason: str) -> None:
    if content is not None:
        Path("secret").write_bytes(content)
    monkeypatch.setenv("HOS_ADMIN_KEY_FILE", "secret")
    with pytest.raises(WrongSetting, match=f"^HOS_ADMIN_KEY_FILE: .*{reason}"):
        read_settings()


def test_a_secret_and_its_file_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("secret").write_text("of-the-file")
    monkeypatch.setenv("HOS_ADMIN_KEY_FILE", "secret")
    monkeypatch.setenv("HOS_ADMIN_KEY", "of-the-environment")
    with pytest.raises(WrongSetting, match="HOS_ADMIN_KEY and HOS_ADMIN_KEY_FILE are both set") as caught:
        read_settings()
    assert "of-the" not in str(caught.value)


def test_what_is_no_secret_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOS_PORT_FILE", "port")
    assert read_settings().port == 8000
    assert unknown_settings() == ["HOS_PORT_FILE"]


@pytest.mark.parametrize(
    "first, second", [("sqlite:///a.db", "postgresql://h/d"), ("postgresql://h/d", "sqlite:///a.db")]
)
def test_only_postgresql_has_a_standby(monkeypatch: pytest.MonkeyPatch, first: str, second: str) -> None:
    monkeypatch.setenv("HOS_DATABASE_URL", first)
    monkeypatch.setenv("HOS_DATABASE_READ_URL", second)
    with pytest.raises(WrongSetting, match="HOS_DATABASE_READ_URL is for a standby of PostgreSQL"):
        read_settings()
    monkeypatch.setenv("HOS_DATABASE_READ_URL", " ")
    assert read_settings().database_read_url is None


def test_both_urls_may_lie_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "DATABASE_READ_URL"):
        Path(name).write_text(f"postgresql://h/{name}")
        monkeypatch.setenv(f"HOS_{name}_FILE", name)
    settings = read_settings()
    assert settings.database_read_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://h/DATABASE_URL"
    assert settings.database_read_url.get_secret_value() == "postgresql://h/DATABASE_READ_URL"
