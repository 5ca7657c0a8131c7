"""What an identity provider says of itself: its discovery document, read strictly. Pure.

Owns which issuers and endpoints may be used: https, or plain http on loopback, for trying it out. Private addresses are
allowed, for the operator chose the issuer; the issuer vouches for its endpoints. Asking for the document is left to
`provider`. OpenID Connect Discovery 1.0, section 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.dialling.addresses import is_loopback
from app.dialling.urls import Target, read_target
from app.sign_on.errors import SignOnFailed
from app.violations.telling import one_line

WELL_KNOWN = "/.well-known/openid-configuration"
ALGORITHMS = frozenset(
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
)
"""Of signatures that are believed, where the provider lists them: all by a key that only the provider has. An HMAC is
by one that we have too, and `none` by nobody's."""
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Discovery:
    """A provider's endpoints and what they take."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    algorithms: frozenset[str]
    """That ID tokens may be signed by; never empty."""
    token_auth_methods: frozenset[str]
    names_itself: bool
    """Whether every answer has the issuer in it (RFC 9207)."""


def read_issuer(text: str) -> str:
    """The issuer as it is written, for it is compared to the letter. Raises ValueError when it can be none."""
    try:
        target = read_target(text)
    except ValueError as error:
        raise ValueError(f"must be the issuer's URL. {str(error).rstrip('.')}") from None
    if "?" in text:
        raise ValueError("must be the issuer's URL without a query")
    if not _is_private_enough(target):
        raise ValueError("must begin with https://; http:// is for a provider on loopback only")
    return text


def discovery_url(issuer: str) -> str:
    """Where the provider's document is."""
    return issuer.rstrip("/") + WELL_KNOWN


def read_discovery(document: Mapping[str, object], issuer: str) -> Discovery:
    """A provider's document. Raises `SignOnFailed` when it is another's, or names nothing that may be used."""
    said = document.get("issuer")
    if said != issuer:
        named = one_line(said, _SHOWN) if isinstance(said, str) else None
        message = f"The identity provider calls itself {named or 'nothing'}, and HOS_OIDC_ISSUER is {issuer}"
        raise SignOnFailed("issuer", f"{message}: they must be the same to the letter")
    plain = read_target(issuer).scheme == "http"
    algorithms = _words(document, "id_token_signing_alg_values_supported", "RS256") & ALGORITHMS
    if not algorithms:
        raise SignOnFailed("unsupported", "The identity provider signs by no algorithm that is believed, such as RS256")
    userinfo = document.get("userinfo_endpoint")
    return Discovery(
        authorization_endpoint=_endpoint(document, "authorization_endpoint", plain),
        token_endpoint=_endpoint(document, "token_endpoint", plain),
        jwks_uri=_endpoint(document, "jwks_uri", plain),
        userinfo_endpoint=None if userinfo is None else _endpoint(document, "userinfo_endpoint", plain),
        algorithms=algorithms,
        token_auth_methods=_words(document, "token_endpoint_auth_methods_supported", "client_secret_basic"),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(document: Mapping[str, object], name: str, plain: bool) -> str:
    url = document.get(name)
    if not isinstance(url, str):
        raise SignOnFailed("document", f"The identity provider does not say what its {name} is")
    try:
        target = read_target(url)
    except ValueError:
        raise SignOnFailed("document", f"The identity provider's {name} is no URL that can be used") from None
    if target.scheme == "http" and not (plain and _is_private_enough(target)):
        raise SignOnFailed("document", f"The identity provider's {name} is not under https://")
    return url


def _words(document: Mapping[str, object], name: str, otherwise: str) -> frozenset[str]:
    listed = document.get(name)
    if listed is None:
        return frozenset([otherwise])
    if not isinstance(listed, list):
        raise SignOnFailed("document", f"The identity provider's {name} is no list")
    return frozenset(word for word in listed if isinstance(word, str))


def _is_private_enough(target: Target) -> bool:
    """Whether nobody on the way can read along."""
    return target.scheme == "https" or is_loopback(target.host)
