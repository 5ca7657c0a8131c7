"""`python -m app`: the command `hos-receiver`."""

from app.cli import main

main()
