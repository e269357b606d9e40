"""From pydantic's complaints to one numbered error for a person: file, section, key, what is wrong, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from treadctl.config.toml_file import join_place
from treadctl.config.unit_names import advice, is_quantity_text, other_unit_of, unit_words
from treadctl.errors import TreadctlError

Model = TypeVar("Model", bound=BaseModel)
DEMANDS: Final = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be a text in quotes",
    "list_type": "must be a list in [ ]",
    "tuple_type": "must be a list in [ ]",
    "dict_type": "must be a section",
    "model_type": "must be a section",
    "model_attributes_type": "must be a section",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "too_short": "needs at least {min_length}",
    "too_long": "allows at most {max_length}",
    "string_too_short": "must not be empty",
    "finite_number": "must be a finite number",
    "union_tag_invalid": "kind must be one of {expected_tags}",
}


class Strict(BaseModel):
    """The base of every section: unknown keys refused, no conversion of types, no NaN or infinity, frozen."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


def complaint(key: str, sentence: str, *, error: str = "bad_value") -> PydanticCustomError:
    """What a validator of ours raises: names the key it is about and the row of the error table it belongs to."""
    return PydanticCustomError("treadctl", "{sentence}", {"sentence": sentence, "key": key, "error": error})


def validate(model: type[Model], table: Mapping[str, Any], place: str, *where: str | int) -> Model:
    """Check `table` against `model`, or raise the TreadctlError of the most telling complaint. `where` leads to the table inside the file."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise first_problem(error, model, table, place, where) from error


def first_problem(error: ValidationError, model: type[BaseModel], table: Mapping[str, Any], place: str, where: Sequence[str | int] = ()) -> TreadctlError:
    """The one error worth showing first.

    A key that is not known comes before one that is missing: a misspelt key is both, and its spelling is what helps.
    """
    details = sorted(error.errors(include_url=False), key=_rank)
    return _problem(details[0], model, table, place, where)


def all_problems(error: ValidationError, model: type[BaseModel], table: Mapping[str, Any], place: str) -> tuple[TreadctlError, ...]:
    """Every complaint as an error of ours, the most telling first: for an editor, which shows each where it belongs."""
    found = error.errors(include_url=False)
    # A list whose entries are all wrong is called too short as well, which nobody could make sense of.
    details = sorted((one for one in found if not (one["type"] == "too_short" and any(_within(other["loc"], one["loc"]) for other in found))), key=_rank)
    return tuple(_problem(detail, model, table, place, ()) for detail in details)


def _within(inner: tuple[str | int, ...], outer: tuple[str | int, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _rank(detail: ErrorDetails) -> int:
    return {"extra_forbidden": 0, "missing": 2}.get(detail["type"], 1)


def _problem(detail: ErrorDetails, model: type[BaseModel], table: Mapping[str, Any], place: str, where: Sequence[str | int]) -> TreadctlError:
    path, models = _walk(model, table, detail["loc"])
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "treadctl":
        key = (context["key"],) if context["key"] else ()
        return TreadctlError(context["error"], join_place(place, *where, *path, *key), context["sentence"])
    here = join_place(place, *where, *path)
    key_name = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        return _unknown(here, key_name, detail["input"], _keys(models))
    if kind == "missing":
        return TreadctlError("missing_key", here, _description(models, key_name))
    if kind in {"float_type", "int_type"} and is_quantity_text(detail["input"]) and unit_words(key_name):
        return TreadctlError("wrong_unit", here, f"{detail['input']!r} is a text; write a plain number in {unit_words(key_name)}")
    return TreadctlError("bad_value", here, _sentence(detail, models, key_name))


def _unknown(here: str, key: str, value: object, known: frozenset[str]) -> TreadctlError:
    wanted = other_unit_of(key, known)
    if wanted is not None:
        return TreadctlError("wrong_unit", here, advice(key, wanted, value))
    close = difflib.get_close_matches(key, sorted(known), n=1)
    return TreadctlError("unknown_key", here, f"did you mean {close[0]}?" if close else f"known here: {', '.join(sorted(known))}")


def _sentence(detail: ErrorDetails, models: Iterable[type[BaseModel]], key: str) -> str:
    pattern = DEMANDS.get(detail["type"])
    demand = pattern.format(**detail.get("ctx", {})) if pattern else detail["msg"].removeprefix("Value error, ")
    given = detail["input"]
    shown = f", the file has {given!r}" if isinstance(given, str | int | float | bool) else ""
    about = _description(models, key)
    return f"{demand}{shown}" + (f"; it is {about}" if about else "")


def _description(models: Iterable[type[BaseModel]], key: str) -> str:
    for model in models:
        field = _fields(model).get(key)
        if field is not None and field.description:
            return field.description.rstrip(".")
    return ""


def _keys(models: Iterable[type[BaseModel]]) -> frozenset[str]:
    return frozenset(name for model in models for name in _fields(model))


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the name they have in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _walk(model: type[BaseModel], table: object, location: Sequence[str | int]) -> tuple[list[str | int], list[type[BaseModel]]]:
    """Follow pydantic's location through the file. Gives the path as written there and the models the last key may belong to.

    A location also holds names of union branches; a person never wrote those, so what is neither a key nor a position is dropped.
    """
    path: list[str | int] = []
    models = [model]
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if isinstance(part, int):
            path.append(part)
            table = table[part] if isinstance(table, list) and part < len(table) else None
            continue
        present = isinstance(table, dict) and part in table
        if not present and not (last and part in _keys(models)):
            models = [m for m in models if part in _tags_of(m)] or models
            continue
        path.append(part)
        table = table[part] if isinstance(table, dict) and present else None
        if not last:
            models = [inner for m in models for inner in _models_in(_fields(m)[part].annotation if part in _fields(m) else None)] or models
    return path, models


def _tags_of(model: type[BaseModel]) -> tuple[object, ...]:
    """The names under which a union knows a model: the values its `kind` may have."""
    field = model.model_fields.get("kind")
    return get_args(field.annotation) if field is not None else ()


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]
