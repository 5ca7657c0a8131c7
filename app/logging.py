"""How the program logs: structlog, one event per outcome that matters, to standard error.

JSON lines for machines, a readable console for people. Events are named `noun.past_verb` with ids as fields; no
personal data beyond ids at info level, and no secrets at any.
"""

import logging
import sys
from typing import Literal

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from app.web.middleware import add_request_id

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logging(log_format: Literal["json", "console"] | None, level: str = "info") -> None:
    """Sets up logging for this process. Without a format: console on a terminal, JSON otherwise."""
    is_console = sys.stderr.isatty() if log_format is None else log_format == "console"
    processors: list[structlog.typing.Processor] = [
        add_request_id,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if is_console:
        plain = structlog.dev.plain_traceback  # the rich one shows local variables, and those hold secrets
        processors.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain))
    else:
        trace = ExceptionDictTransformer(show_locals=False, max_frames=20)  # local variables hold secrets
        processors += [structlog.processors.ExceptionRenderer(trace), structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(level)


def _route_standard_logging(level: str) -> None:
    """Libraries that log through the standard library come out in the same form; only their warnings are of
    interest.
    """
    handler = _ToStructlog()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING if level != "debug" else logging.INFO)


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(record.name)
        logger.log(
            max(record.levelno, logging.DEBUG), "library.logged", logger=record.name, message=record.getMessage()
        )
