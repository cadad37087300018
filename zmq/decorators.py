"""Decorators that give a function a Context or a Socket for the length of a call.

    @context()
    @socket(zmq.PUB)
    @socket("sub", zmq.SUB)
    def work(ctx, pub, sub): ...

They apply from the top down: the first one's object is the first argument that they add.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction

from .sync import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    _F = TypeVar("_F", bound=Callable[..., Any])

__all__ = ["context", "socket"]


class _Decorator:
    """Calls a function with an object of its own, which is made by `target` and closed when the call ends."""

    def __init__(self, target: Any = None) -> None:
        self._target = target

    def get_target(self, *args: Any, **kwargs: Any) -> Any:
        """Return what makes the object, called as the decorator was: here the class that the constructor got.

        Args:
            *args, **kwargs: of the call of the decorated function.
        """
        return self._target

    def process_decorator_args(self, *args: Any, **kwargs: Any) -> tuple[str | None, tuple[Any, ...], dict[str, Any]]:
        """Return the name of the keyword to pass the object as, or None, and the arguments left for the target.

        Args:
            *args, **kwargs: of the decorator; the name is the keyword `name`, or a str in the first place.
        """
        if args and isinstance(args[0], str):
            return args[0], args[1:], kwargs
        return kwargs.pop("name", None), args, kwargs

    def __call__(self, *dec_args: Any, **dec_kwargs: Any) -> Callable[[_F], _F]:
        name, target_args, target_kwargs = self.process_decorator_args(*dec_args, **dec_kwargs)

        @contextmanager
        def completed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
            if name is not None and name in kwargs:
                raise TypeError(f"the call gives {name!r} itself, and so does the decorator: drop one of them")
            with self.get_target(*args, **kwargs)(*target_args, **target_kwargs) as made:
                yield ((*args, made), kwargs) if name is None else (args, {**kwargs, name: made})

        def decorate(function: Any) -> Any:
            if iscoroutinefunction(function):

                @wraps(function)
                async def wrapper(*args: Any, **kwargs: Any) -> Any:
                    with completed(args, kwargs) as (all_args, all_kwargs):
                        return await function(*all_args, **all_kwargs)
            else:

                @wraps(function)
                def wrapper(*args: Any, **kwargs: Any) -> Any:
                    with completed(args, kwargs) as (all_args, all_kwargs):
                        return function(*all_args, **all_kwargs)

            return wrapper

        return decorate


class _ContextDecorator(_Decorator):
    def __init__(self) -> None:
        super().__init__(Context)


class _SocketDecorator(_Decorator):
    context_name = "context"

    def process_decorator_args(self, *args: Any, **kwargs: Any) -> tuple[str | None, tuple[Any, ...], dict[str, Any]]:
        """Return the same as for any object; the keyword `context_name` says which keyword of a call holds the Context.

        Args:
            *args, **kwargs: of the decorator.
        """
        self.context_name = kwargs.pop("context_name", "context")
        return super().process_decorator_args(*args, **kwargs)

    def get_target(self, *args: Any, **kwargs: Any) -> Any:
        """Return the method `socket` of the call's Context, or of the process-wide one.

        Args:
            *args, **kwargs: of the call of the decorated function.
        """
        for given in (kwargs.get(self.context_name), *args):
            if isinstance(given, Context):
                return given.socket
        return Context.instance().socket


def context(*args: Any, **kwargs: Any) -> Callable[[_F], _F]:
    """Give the decorated function a Context of its own, which is destroyed when the call ends.

    Args:
        name: keyword to pass it as (first argument, or `name=`); without it becomes the last positional argument.
        *args, **kwargs: for Context().
    Raises:
        TypeError: at the call, when it gives that keyword itself.
    """
    return _ContextDecorator()(*args, **kwargs)


def socket(*args: Any, **kwargs: Any) -> Callable[[_F], _F]:
    """Give the decorated function a socket of its own, which is closed when the call ends.

    Args:
        name: keyword to pass it as (first argument, or `name=`); without it becomes the last positional argument.
        context_name: keyword of the call that holds the Context (default "context"); else the call's first positional Context
            is taken, else Context.instance().
        *args, **kwargs: for Context.socket(), above all the socket's type.
    Raises:
        TypeError: at the call, when it gives that keyword itself, or when the decorator has no socket type.
    """
    return _SocketDecorator()(*args, **kwargs)
