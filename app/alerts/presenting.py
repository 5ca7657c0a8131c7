"""How a provider's credentials are presented."""

import base64
from collections.abc import Mapping


def header_of(credentials: Mapping[str, str]) -> dict[str, str]:
    """The header for credentials as they are kept: `type` is bearer, basic or header."""
    match credentials["type"]:
        case "bearer":
            return {"authorization": f"Bearer {credentials['token']}"}
        case "basic":
            named = f"{credentials['username']}:{credentials['password']}".encode()
            return {"authorization": f"Basic {base64.b64encode(named).decode()}"}
        case _:
            return {credentials["name"]: credentials["value"]}
