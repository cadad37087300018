"""PUBHandler: a logging handler that publishes each record as two frames, topic and text.

The topic is ``root.LEVEL.subtopic``: the handler's root topic, the record's level, and what its message has before a first "::".
What is empty is left out.
"""

from __future__ import annotations

import copy
import logging
from typing import Any

from .._core.socket import Socket as _Socket
from ..constants import SocketType
from ..sync import Context

__all__ = ["TOPIC_DELIM", "PUBHandler", "TopicLogger"]

TOPIC_DELIM = "::"

_WITH_PLACE = "%(levelname)s %(filename)s:%(lineno)d - %(message)s\n"
_FORMATS = {
    logging.DEBUG: _WITH_PLACE,
    logging.INFO: "%(message)s\n",
    logging.WARNING: _WITH_PLACE,
    logging.ERROR: "%(levelname)s %(filename)s:%(lineno)d - %(message)s - %(exc_info)s\n",
    logging.CRITICAL: _WITH_PLACE,
}

#: Milliseconds that close() gives to the last records of a socket that the handler has made.
_LAST_WORDS = 1000


class PUBHandler(logging.Handler):
    """A logging handler that publishes records.

    Args:
        interface_or_socket: address (str) to bind a PUB socket to, or a socket of one's own.
        context: Context for that socket; default a new one.
        root_topic: str or bytes, the first part of every topic.
    Raises:
        ZMQError: the address cannot be bound.

    close() closes what the handler has made, socket and context, and leaves a given socket open. `formatters` has one
    logging.Formatter for each of the five levels; a level between takes that of the one below.
    """

    socket: Any
    ctx: Any
    formatters: dict[int, logging.Formatter]

    def __init__(self, interface_or_socket: str | Any, context: Any = None, root_topic: str | bytes = "") -> None:
        super().__init__()
        # not by the property: subclasses have one that cannot be set
        self._root_topic = _as_text(root_topic)
        self.formatters = {level: logging.Formatter(text) for level, text in _FORMATS.items()}
        self._made_socket = isinstance(interface_or_socket, str)
        self._made_context = self._made_socket and not context
        if isinstance(interface_or_socket, _Socket):
            self.socket = interface_or_socket
            self.ctx = self.socket.context
            return
        if not isinstance(interface_or_socket, str):
            raise TypeError(f"a PUBHandler needs an address (str) or a socket, not {interface_or_socket!r}")
        self.ctx = context or Context()
        self.socket = self.ctx.socket(SocketType.PUB)
        try:
            self.socket.bind(interface_or_socket)
        except BaseException:
            self.close()
            raise

    @property
    def root_topic(self) -> str:
        """The first part of every topic; it can be assigned, str or bytes."""
        return self._root_topic

    @root_topic.setter
    def root_topic(self, value: str | bytes) -> None:
        self.setRootTopic(value)

    def setRootTopic(self, root_topic: str | bytes) -> None:  # noqa: N802  # in the manner of logging
        """Set the first part of every topic.

        Args:
            root_topic: str, or bytes in utf-8; empty: none.
        """
        self._root_topic = _as_text(root_topic)

    def setFormatter(  # noqa: N802  # overrides logging's
        self, fmt: logging.Formatter | None, level: int = logging.NOTSET
    ) -> None:
        """Set the formatter of one level, or of all.

        Args:
            fmt: logging.Formatter; None: logging's plain one. level: logging.INFO, ...; default all.
        """
        chosen = fmt or logging.Formatter()
        for known in list(self.formatters) if level == logging.NOTSET else [level]:
            self.formatters[known] = chosen

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text, by its level's formatter.

        Args:
            record: a logging.LogRecord.
        """
        below = [level for level in self.formatters if level <= record.levelno] or [min(self.formatters)]
        return self.formatters[max(below)].format(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Publish a record; what goes wrong is handed to logging's handleError().

        Args:
            record: a logging.LogRecord.
        """
        try:
            subtopic, delimiter, message = str(record.msg).partition(TOPIC_DELIM)
            if delimiter:
                record = copy.copy(record)  # other handlers get it too
                record.msg = message
            parts = (self.root_topic, record.levelname, subtopic if delimiter else "")
            topic = ".".join(_as_text(part) for part in parts if part)
            self.socket.send_multipart([topic.encode(), self.format(record).encode()])
        except Exception:  # noqa: BLE001  # whatever it is: a program must not fail for its log
            self.handleError(record)

    def close(self) -> None:
        """Close the socket and the context that the handler has made; waits at most a second for their last records."""
        super().close()
        if self._made_context:
            self.ctx.destroy(linger=_LAST_WORDS)
        elif self._made_socket:
            self.socket.close()


class TopicLogger(logging.Logger):
    """A logger whose methods take a topic first, for a PUBHandler.

    Args:
        name: of the logger. level: as for logging.Logger.
    """

    def log(self, level: int, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log a message with a topic.

        Args:
            level: logging.INFO, ... topic: str. msg, *args, **kwargs: as for logging.Logger.log.
        """
        super().log(level, _with_topic(topic, msg), *args, **_from_caller(kwargs))

    def debug(self, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log at level DEBUG with a topic; see log()."""
        super().debug(_with_topic(topic, msg), *args, **_from_caller(kwargs))

    def info(self, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log at level INFO with a topic; see log()."""
        super().info(_with_topic(topic, msg), *args, **_from_caller(kwargs))

    def warning(self, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log at level WARNING with a topic; see log()."""
        super().warning(_with_topic(topic, msg), *args, **_from_caller(kwargs))

    def error(self, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log at level ERROR with a topic; see log()."""
        super().error(_with_topic(topic, msg), *args, **_from_caller(kwargs))

    def critical(self, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log at level CRITICAL with a topic; see log()."""
        super().critical(_with_topic(topic, msg), *args, **_from_caller(kwargs))

    def exception(self, topic: str, msg: object, *args: Any, exc_info: Any = True, **kwargs: Any) -> None:  # type: ignore[override]
        """Log at level ERROR with a topic and the exception that is being handled; see log()."""
        super().error(_with_topic(topic, msg), *args, exc_info=exc_info, **_from_caller(kwargs))

    warn = warning  # type: ignore[assignment]
    fatal = critical  # type: ignore[assignment]


def _with_topic(topic: str, msg: object) -> str:
    return f"{topic}{TOPIC_DELIM}{msg}"


def _from_caller(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Have the record name the caller's line, not the one here."""
    return {**kwargs, "stacklevel": kwargs.get("stacklevel", 1) + 1}


def _as_text(topic: str | bytes) -> str:
    return topic.decode("utf-8") if isinstance(topic, bytes) else topic
