"""What a command complains of on standard error, without the lines of progress that work shows on a slow machine."""


def complaints(errors: str) -> str:
    """The lines that are no progress."""
    progress = ("backup: ", "check: ", "copy: ", "export: ", "import: ", "purge: ")
    return "".join(line for line in errors.splitlines(keepends=True) if not line.startswith(progress))
