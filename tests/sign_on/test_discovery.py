"""What a provider's document may say, and which issuers there may be."""

import pytest

from app.sign_on.discovery import discovery_url, read_discovery, read_issuer
from app.sign_on.errors import SignOnFailed

ISSUER = "https://id.example.com/realms/fleet"
LOCAL = "http://127.0.0.1:8080"


def document(issuer: str = ISSUER, **changes: object) -> dict[str, object]:
    return {
        "issuer": issuer,
        "authorization_endpoint": "https://id.example.com/authorize",
        "token_endpoint": "https://id.example.com/token",
        "jwks_uri": "https://keys.example.net/jwks",
        **changes,
    }


@pytest.mark.parametrize(
    "issuer,url",
    [
        (ISSUER, f"{ISSUER}/.well-known/openid-configuration"),
        ("https://id.example.com/", "https://id.example.com/.well-known/openid-configuration"),
        ("https://10.1.2.3:8443", "https://10.1.2.3:8443/.well-known/openid-configuration"),
        ("http://[::1]:80", "http://[::1]:80/.well-known/openid-configuration"),
        ("http://localhost:9400", "http://localhost:9400/.well-known/openid-configuration"),
    ],
)
def test_issuers(issuer: str, url: str) -> None:
    assert read_issuer(issuer) == issuer
    assert discovery_url(issuer) == url


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "id.example.com",
        "ftp://id.example.com",
        "http://id.example.com",
        "http://10.1.2.3",
        "http://localhost.example.com",
        "https://u:hunter2@id.example.com",
        "https://id.example.com/?hunter2",
        "https://id.example.com/#hunter2",
        "https://id.example.com/ ",
    ],
)
def test_what_is_no_issuer(issuer: str) -> None:
    with pytest.raises(ValueError, match=r"^must (be the issuer's URL|begin with https://)") as caught:
        read_issuer(issuer)
    assert "hunter2" not in str(caught.value)


def test_what_is_left_out_is_what_the_standard_says() -> None:
    discovery = read_discovery(document(), ISSUER)
    assert discovery.algorithms == {"RS256"}
    assert discovery.token_auth_methods == {"client_secret_basic"}
    assert discovery.userinfo_endpoint is None
    assert not discovery.names_itself


@pytest.mark.parametrize("issuer", [f"{ISSUER}/", "https://ID.example.com/realms/fleet", "", None, 7])
def test_another_issuer(issuer: object) -> None:
    with pytest.raises(SignOnFailed, match="same to the letter") as failed:
        read_discovery(document() | {"issuer": issuer}, ISSUER)
    assert failed.value.reason == "issuer"


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"])
@pytest.mark.parametrize(
    "url", ["", 7, "http://id.example.com/x", "http://127.0.0.1/x", "javascript:alert(1)", "https://u:p@id.example.com"]
)
def test_endpoints_that_are_not_used(name: str, url: object) -> None:
    with pytest.raises(SignOnFailed, match=name) as failed:
        read_discovery(document() | {name: url}, ISSUER)
    assert failed.value.reason == "document"


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_endpoints_that_are_missing(name: str) -> None:
    with pytest.raises(SignOnFailed, match=f"does not say what its {name} is"):
        read_discovery(document() | {name: None}, ISSUER)


def test_plain_http_is_for_loopback_all_the_way() -> None:
    assert read_discovery(document(LOCAL, token_endpoint=f"{LOCAL}/token"), LOCAL).token_endpoint == f"{LOCAL}/token"
    with pytest.raises(SignOnFailed, match="token_endpoint is not under https://"):
        read_discovery(document(LOCAL, token_endpoint="http://id.example.com/token"), LOCAL)


@pytest.mark.parametrize("listed", [[], ["none", "HS256"], [7, None]], ids=str)
def test_a_provider_whose_signatures_are_not_believed(listed: list[object]) -> None:
    with pytest.raises(SignOnFailed) as failed:
        read_discovery(document(id_token_signing_alg_values_supported=listed), ISSUER)
    assert failed.value.reason == "unsupported"


def test_lists_are_lists() -> None:
    with pytest.raises(SignOnFailed, match="is no list"):
        read_discovery(document(id_token_signing_alg_values_supported="RS256"), ISSUER)
