"""Secrets that lie in files, as containers and systemd hand them out: a source of settings beside the environment.

Which settings are secrets, and what is right for each, is `settings`.
"""

from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource


class WrongSecretFile(Exception):
    """A secret cannot be had from its file. Says which setting it is, and why."""


class SecretFiles(PydanticBaseSettingsSource):
    """`HOS_ADMIN_KEY_FILE` names the file that holds what `HOS_ADMIN_KEY` would. Lines of the file of several secrets
    are secrets apart.
    """

    def __init__(self, settings_class: type[BaseSettings], secrets: Set[str], named: Mapping[str, str | None]) -> None:
        super().__init__(settings_class)
        self._secrets = secrets
        self._named = named
        """Settings by name as the environment and `.env` have them, in lower case."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = str(self.config.get("env_prefix", "")).lower() + field_name
        path = (self._named.get(f"{name}_file") or "").strip()
        if field_name not in self._secrets or not path:
            return None, field_name, False
        if (self._named.get(name) or "").strip():
            raise WrongSecretFile(f"{name.upper()} and {name.upper()}_FILE are both set; set one of them")
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise WrongSecretFile(f"{name.upper()}_FILE: cannot read {path}: {reason}") from None
        if not text:
            raise WrongSecretFile(f"{name.upper()}_FILE: {path} is empty")
        return ",".join(text.splitlines()), field_name, False

    def __call__(self) -> dict[str, Any]:
        read = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in read.items() if value is not None}
