"""The settings of single sign-on: all or none of them, what is refused, how that reads, and that no secret is shown."""

import os
from pathlib import Path

import pytest

from app.settings import WrongSetting, read_settings

WHOLE = {
    "HOS_OIDC_ISSUER": "https://id.example.com/realms/fleet/",
    "HOS_OIDC_CLIENT_ID": "hos",
    "HOS_OIDC_GROUPS": "CN=Safety,OU=Fleet=read,review;yard=read@PGH,CLE;it=admin",
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine that runs the tests, and no `.env`."""
    for name in os.environ:
        if name.upper().startswith("HOS_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_a_file_with_all_of_them_is_read(tmp_path: Path) -> None:
    lines = [f"{name}={value}" for name, value in WHOLE.items()]
    (tmp_path / ".env").write_text("\n".join([*lines, "HOS_OIDC_SCOPES= openid  groups ", "HOS_OIDC_CLIENT_SECRET=s"]))
    settings = read_settings()
    assert settings.oidc_issuer == WHOLE["HOS_OIDC_ISSUER"]
    assert settings.oidc_groups == WHOLE["HOS_OIDC_GROUPS"]
    assert settings.oidc_scopes == "openid groups"
    assert settings.oidc_client_secret is not None


def test_none_of_them_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WHOLE:
        monkeypatch.setenv(name, " ")
    monkeypatch.setenv("HOS_OIDC_CLIENT_SECRET", "left over")
    assert read_settings().oidc_issuer is None


@pytest.mark.parametrize(
    "left_out,line",
    [
        (["HOS_OIDC_GROUPS"], "HOS_OIDC_GROUPS is not set"),
        (["HOS_OIDC_ISSUER"], "HOS_OIDC_ISSUER is not set"),
        (["HOS_OIDC_CLIENT_ID", "HOS_OIDC_GROUPS"], "HOS_OIDC_CLIENT_ID and HOS_OIDC_GROUPS are not set"),
    ],
)
def test_some_of_them_stop_the_start(monkeypatch: pytest.MonkeyPatch, left_out: list[str], line: str) -> None:
    for name, value in WHOLE.items():
        if name not in left_out:
            monkeypatch.setenv(name, value)
    with pytest.raises(WrongSetting) as caught:
        read_settings()
    assert str(caught.value) == f"HOS_OIDC_ISSUER, HOS_OIDC_CLIENT_ID and HOS_OIDC_GROUPS go together, and {line}"


@pytest.mark.parametrize(
    "name,value,line",
    [
        (
            "HOS_OIDC_ISSUER",
            "http://id.example.com",
            "HOS_OIDC_ISSUER must begin with https://; http:// is for a provider on loopback only",
        ),
        (
            "HOS_OIDC_ISSUER",
            "https://u:hunter2@id.example.com",
            "HOS_OIDC_ISSUER must be the issuer's URL. The URL must not have a user name or password in it",
        ),
        (
            "HOS_OIDC_CLIENT_ID",
            "hös",
            "HOS_OIDC_CLIENT_ID must be the client's id at the identity provider, in printable ASCII (it is 'hös')",
        ),
        ("HOS_OIDC_CLIENT_SECRET", "hunter2é", "HOS_OIDC_CLIENT_SECRET must be printable ASCII"),
        (
            "HOS_OIDC_SCOPES",
            "profile",
            (
                "HOS_OIDC_SCOPES must be words apart by spaces, openid among them, such as openid profile email"
                " (it is 'profile')"
            ),
        ),
        (
            "HOS_OIDC_GROUPS_CLAIM",
            " ",
            "HOS_OIDC_GROUPS_CLAIM must be the name of a claim, such as groups or roles (it is ' ')",
        ),
        (
            "HOS_OIDC_GROUPS",
            "it=root",
            (
                "HOS_OIDC_GROUPS: the scopes of the group 'it' have 'root', which is none;"
                " there are read, log:read, dvir:read, review, admin (it is 'it=root')"
            ),
        ),
    ],
)
def test_a_wrong_one_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str) -> None:
    for other, sound in (WHOLE | {name: value}).items():
        monkeypatch.setenv(other, sound)
    with pytest.raises(WrongSetting) as caught:
        read_settings()
    assert str(caught.value) == line
