"""Cells of the lines with tabs that commands print: whatever a value has in it, it stays in its cell."""


def cell(value: object) -> str:
    """A value without what moves the cursor or ends a cell; a hyphen for none."""
    text = "-" if value is None else str(value)
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
