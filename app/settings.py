"""Every setting, read once from the environment or `.env`, checked, typed and frozen.

Only the roof (`cli.py`, `main.py`, `commands/`) reads settings and hands plain values down. A wrong setting stops the
start with its name and what is allowed; its value is shown only when it is no secret. Contract section 3;
`.env.example` explains each.
"""

import ipaddress
import os
from typing import Annotated, Literal, Self, get_args
from urllib.parse import urlsplit

from annotated_types import Ge, Le
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.secret_files import SecretFiles, WrongSecretFile

PREFIX = "HOS_"

SHORT_SECRET = 16
"""Characters below which a key or token is warned of: what people make up by hand can be guessed."""


class WrongSetting(Exception):
    """Settings cannot be used. Says which, and what is allowed, one line for each."""


class Settings(BaseSettings):
    """What an operator may set. Names here are the environment's without `HOS_`, in lower case."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        assert isinstance(env_settings, EnvSettingsSource)
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        named = {**dotenv_settings.env_vars, **env_settings.env_vars}
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls, SECRETS, named)

    database_url: SecretStr = SecretStr("sqlite:///data/hos.db")
    database_read_url: SecretStr | None = None
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=64)
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    admin_key: SecretStr | None = None
    max_body_bytes: int = Field(4_194_304, ge=1024, le=268_435_456)
    max_batch_events: int = Field(1000, ge=1, le=100_000)
    invalid_status: Literal[422, 202] = 422
    maven_api_key: SecretStr | None = None
    maven_url: str = "https://integrations.mavenmachines.com"
    maven_poll_seconds: float = Field(30.0, ge=0.1, le=3600)
    maven_overlap_seconds: float = Field(300.0, ge=0, le=86_400)
    maven_reconcile_hours: float = Field(24.0, ge=0, le=720)
    maven_reconcile_days: int = Field(3, ge=1, le=30)
    hook_allowed_networks: Annotated[tuple[str, ...], NoDecode] = ()
    hook_retention_days: int = Field(90, ge=1, le=36_500)
    secret_key: SecretStr | None = None
    public_url: str | None = None
    terminal_zones: Annotated[tuple[tuple[str, str], ...], NoDecode] = ()
    session_idle_minutes: int = Field(720, ge=1, le=43_200)
    session_hours: int = Field(168, ge=1, le=8760)
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_scopes: str = "openid profile email"
    oidc_groups_claim: str = "groups"
    oidc_groups: str | None = None
    retention_days: int = Field(0, ge=0, le=36_500)
    log_strict: bool = False
    log_account_id: int = Field(1, ge=0, le=2**63 - 1)
    queue_events: int = Field(20_000, ge=1, le=10_000_000)
    request_seconds: float = Field(10.0, ge=1, le=60)
    database_pool: int = Field(8, ge=1, le=200)
    forwarded_allow_ips: str = ""
    metrics_token: SecretStr | None = None
    simulate_token: SecretStr | None = None
    log_format: Literal["json", "console"] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("database_url", "database_read_url")
    @classmethod
    def _known_database(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        from app.db.errors import DatabaseUnusable
        from app.db.postgresql_url import connect_arguments
        from app.db.statements import Dialect
        from app.db.urls import dialect_of, sqlite_path

        text = url.get_secret_value()
        try:
            match dialect_of(text):
                case Dialect.SQLITE:
                    sqlite_path(text)
                case Dialect.POSTGRESQL:
                    connect_arguments(text)
        except DatabaseUnusable as error:
            raise ValueError(str(error).replace(f"{PREFIX}DATABASE_URL must", "must")) from None
        return url

    @field_validator("host")
    @classmethod
    def _printable_host(cls, host: str) -> str:
        if not host.isprintable() or not host.isascii() or " " in host:
            raise ValueError("must be an address or a host name, such as 127.0.0.1, 0.0.0.0 or ::")
        return host

    @field_validator("maven_api_key")
    @classmethod
    def _sendable_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None:
            return None
        text = key.get_secret_value().strip()
        if not (text.isascii() and text.isprintable()):
            raise ValueError("must be printable ASCII, as it is sent in a header")
        return SecretStr(text)

    @field_validator("hook_allowed_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        from app.dialling.addresses import read_networks

        return tuple(str(network) for network in read_networks(value))

    @field_validator("terminal_zones", mode="before")
    @classmethod
    def _split_zones(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        from app.maven.checks import zone_names

        zones: dict[str, str] = {}
        for part in filter(None, (part.strip() for part in value.split(","))):
            terminal, equals, zone = (word.strip() for word in part.partition("="))
            if not equals or not terminal or zone not in zone_names():
                raise ValueError("must be terminal codes with time zones, such as PGH=America/New_York,DEN=US/Mountain")
            if zones.setdefault(terminal, zone) != zone:
                raise ValueError(f"has two time zones for the terminal {terminal}")
        return tuple(zones.items())

    @field_validator("secret_key")
    @classmethod
    def _usable_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            from app.dialling.sealing import read_keys

            read_keys(key.get_secret_value())
        return key

    @field_validator("oidc_issuer")
    @classmethod
    def _known_issuer(cls, issuer: str | None) -> str | None:
        if issuer is None:
            return None
        from app.sign_on.discovery import read_issuer

        return read_issuer(issuer)

    @field_validator("oidc_client_id")
    @classmethod
    def _sendable_client(cls, client_id: str | None) -> str | None:
        if client_id is not None and not (client_id.isascii() and client_id.isprintable()):
            raise ValueError("must be the client's id at the identity provider, in printable ASCII")
        return client_id

    @field_validator("oidc_client_secret")
    @classmethod
    def _sendable_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        text = "" if secret is None else secret.get_secret_value()
        if not (text.isascii() and text.isprintable()):
            raise ValueError("must be printable ASCII")
        return secret

    @field_validator("oidc_scopes")
    @classmethod
    def _openid_scopes(cls, scopes: str) -> str:
        words = scopes.split()
        if "openid" not in words or not (scopes.isascii() and scopes.isprintable()) or set(scopes) & set('"\\'):
            raise ValueError("must be words apart by spaces, openid among them, such as openid profile email")
        return " ".join(words)

    @field_validator("oidc_groups_claim")
    @classmethod
    def _named_claim(cls, claim: str) -> str:
        if not claim.strip() or not claim.isprintable():
            raise ValueError("must be the name of a claim, such as groups or roles")
        return claim

    @field_validator("oidc_groups")
    @classmethod
    def _known_groups(cls, groups: str | None) -> str | None:
        if groups is not None:
            from app.sign_on.grants import read_groups

            read_groups(groups)
        return groups

    @model_validator(mode="after")
    def _whole_sign_on(self) -> Self:
        needed = {"issuer": self.oidc_issuer, "client_id": self.oidc_client_id, "groups": self.oidc_groups}
        missing = [f"{PREFIX}OIDC_{name.upper()}" for name, value in needed.items() if value is None]
        if 0 < len(missing) < len(needed):
            lacking = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set"
            first, second, third = (f"{PREFIX}OIDC_{name.upper()}" for name in needed)
            raise ValueError(f"{first}, {second} and {third} go together, and {lacking}")
        return self

    @model_validator(mode="after")
    def _standby_of_postgresql(self) -> Self:
        from app.db.statements import Dialect
        from app.db.urls import dialect_of

        urls = [url.get_secret_value() for url in (self.database_url, self.database_read_url) if url is not None]
        if len(urls) > 1 and any(dialect_of(url) is Dialect.SQLITE for url in urls):
            raise ValueError(f"{PREFIX}DATABASE_READ_URL is for a standby of PostgreSQL; SQLite has none")
        return self

    @field_validator("maven_url", "public_url")
    @classmethod
    def _http_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        wrong = ValueError("must be an http:// or https:// address without user, query or fragment")
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            raise wrong from None
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise wrong
        if parts.query or parts.fragment or not value.isascii() or not value.isprintable() or " " in value:
            raise wrong
        return value

    @field_validator(
        *("admin_key", "metrics_token", "simulate_token", "maven_api_key", "secret_key", "public_url"),
        *("database_read_url", "oidc_issuer", "oidc_client_id", "oidc_client_secret", "oidc_groups"),
        mode="before",
    )
    @classmethod
    def _blank_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("webhook_secrets", mode="before")
    @classmethod
    def _split_secrets(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("webhook_secrets")
    @classmethod
    def _readable_secrets(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in secrets:
            text = secret.get_secret_value()
            if text.startswith("whsec_"):
                from app.ingest.signature import signing_key

                signing_key(text)
        return secrets

    @field_validator("invalid_status", mode="before")
    @classmethod
    def _status_number(cls, value: object) -> object:
        # The environment has only strings, and a Literal takes none for a number.
        return int(value) if isinstance(value, str) and value.strip() in ("422", "202") else value

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for part in filter(None, (part.strip() for part in value.split(","))):
            try:
                _ = part == "*" or ipaddress.ip_network(part, strict=False)
            except ValueError:
                raise ValueError("must be addresses or networks of proxies, separated by commas, or *") from None
        return value


SECRETS = frozenset(
    {
        "database_url",
        "database_read_url",
        "webhook_secrets",
        "admin_key",
        "maven_api_key",
        "metrics_token",
        "simulate_token",
        "secret_key",
        "oidc_client_secret",
    }
)
"""Settings whose values are never shown."""

UNSHOWN = SECRETS | {"maven_url", "public_url", "oidc_issuer"}
"""Those, and what is no secret when it is right: a wrong address may have a password in it."""


def read_settings(**given: object) -> Settings:
    """The settings of this process; `given` ones win. Raises `WrongSetting` with one line per wrong setting."""
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        lines: dict[str, str] = {}
        for item in error.errors(include_url=False, include_context=False):
            if not item["loc"]:
                # Of several settings, which the message names.
                lines.setdefault("", item["msg"].removeprefix("Value error, "))
                continue
            name = str(item["loc"][0])
            shown = "" if name in UNSHOWN else f" (it is {str(item['input'])[:60]!r})"
            allowed = _allowed(name, item["msg"])
            colon = "" if allowed.startswith("must ") else ":"
            lines.setdefault(name, f"{PREFIX}{name.upper()}{colon} {allowed}{shown}")
        raise WrongSetting("\n".join(lines.values())) from None
    except WrongSecretFile as error:
        raise WrongSetting(str(error)) from None
    except (OSError, UnicodeError) as error:
        raise WrongSetting(f"the file .env cannot be read: {error}") from None


def _allowed(name: str, message: str) -> str:
    """What a setting must be: from its own limits where it has some, else what its check said."""
    field = Settings.model_fields.get(name)
    if field is None:
        return message
    least = next((limit.ge for limit in field.metadata if isinstance(limit, Ge)), None)
    most = next((limit.le for limit in field.metadata if isinstance(limit, Le)), None)
    if least is not None and most is not None:
        return f"must be a {'whole number' if field.annotation is int else 'number'} from {least} to {most}"
    words = [word for part in (field.annotation, *get_args(field.annotation)) for word in get_args(part)]
    words = [word for word in words if isinstance(word, str | int)]
    if words:
        return f"must be {', '.join(map(str, words[:-1]))} or {words[-1]}"
    return message.removeprefix("Value error, ").replace("Input should be", "must be")


def short_secrets(settings: Settings) -> list[str]:
    """Names of settings that hold a key or token of less than 16 characters."""
    tokens = [s for s in settings.webhook_secrets if not s.get_secret_value().startswith("whsec_")]
    held: dict[str, list[SecretStr | None]] = {
        "ADMIN_KEY": [settings.admin_key],
        "WEBHOOK_SECRETS": [*tokens],
        "METRICS_TOKEN": [settings.metrics_token],
    }
    return [
        PREFIX + name
        for name, secrets in held.items()
        if any(s is not None and len(s.get_secret_value()) < SHORT_SECRET for s in secrets)
    ]


def unknown_settings() -> list[str]:
    """Names that begin with `HOS_` in the environment or `.env` but are no setting: most likely a slip of the pen.
    Those of the test suite, `HOS_TEST_…`, are left out."""
    named = {name.upper() for name in (*os.environ, *DotEnvSettingsSource(Settings).env_vars)}
    known = {PREFIX + name.upper() for name in (*Settings.model_fields, *(f"{secret}_file" for secret in SECRETS))}
    return sorted(n for n in named - known if n.startswith(PREFIX) and not n.startswith(f"{PREFIX}TEST_"))
