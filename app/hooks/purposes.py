"""What the sealed parts of a hook are bound to."""


def url_purpose(hook_id: str) -> str:
    """What a hook's sealed URL is bound to."""
    return f"hook-url:{hook_id}"


def secret_purpose(hook_id: str) -> str:
    """What a hook's sealed secrets are bound to."""
    return f"hook-secret:{hook_id}"
