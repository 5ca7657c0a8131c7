"""Every setting, read once from the environment or `.env`, checked, typed and frozen.

Only the roof (`cli.py`, `main.py`) reads settings and hands plain values down. A wrong setting stops the start with its
name and what is allowed; its value is shown only when it is no secret. Contract section 3; `.env.example` explains
each.
"""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class WrongSetting(Exception):
    """A setting cannot be used. Says which, and what is allowed."""


class Settings(BaseSettings):
    """What an operator may set. Names here are the environment's without `HOS_`, in lower case."""

    model_config = SettingsConfigDict(
        env_prefix="HOS_",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
    )

    database_url: SecretStr = SecretStr("sqlite:///data/hos.db")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=64)
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    admin_key: SecretStr | None = None
    max_body_bytes: int = Field(4_194_304, ge=1024, le=268_435_456)
    max_batch_events: int = Field(1000, ge=1, le=100_000)
    invalid_status: Literal[422, 202] = 422
    queue_events: int = Field(20_000, ge=1, le=10_000_000)
    request_seconds: float = Field(10.0, ge=1, le=60)
    database_pool: int = Field(8, ge=1, le=200)
    forwarded_allow_ips: str = ""
    metrics_token: SecretStr | None = None
    log_format: Literal["json", "console"] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

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


SECRETS = frozenset({"database_url", "webhook_secrets", "admin_key", "metrics_token"})
"""Settings whose values are never shown."""


def read_settings(**given: object) -> Settings:
    """The settings of this process; `given` ones win. Raises `WrongSetting` with one line per wrong setting."""
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = []
        for item in error.errors(include_url=False, include_context=False):
            name = str(item["loc"][0]) if item["loc"] else "settings"
            shown = "" if name in SECRETS else f" (it is {str(item['input'])[:60]!r})"
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"HOS_{name.upper()}: {message[0].lower()}{message[1:]}{shown}")
        raise WrongSetting("\n".join(lines)) from None
