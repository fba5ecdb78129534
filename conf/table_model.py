"""Models of settings with a field per row of the table in `conf.operations`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, create_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Model = TypeVar("Model", bound=BaseModel)


def with_field_per(rows: Iterable[str], kind: type[BaseModel]) -> Callable[[type[Model]], type[Model]]:
    """Give a model a field of *kind* for each of *rows*; a file need not have it, and then it is None."""
    fields: dict[str, Any] = {str(row): (kind | None, None) for row in rows}

    def extend(model: type[Model]) -> type[Model]:
        return create_model(
            model.__name__, __base__=model, __doc__=model.__doc__, __module__=model.__module__, **fields
        )

    return extend
