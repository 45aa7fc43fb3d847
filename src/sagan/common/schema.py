"""Base class of configuration models, their error messages, and nested settings.

Each package keeps its models in its `config.py`. A Kedro node's type hint names one of them, so
that Kedro converts `params:<pipeline>` to the model before any node runs.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

Settings = dict[str, Any]
Effect = Literal["weights", "measurement", "nothing"]
T = TypeVar("T")


@dataclass(frozen=True)
class Affects:
    """Mark of a field: what its value affects, of a run of training or of an evaluation."""

    what: Effect
    may_change: bool = False
    """Whether a run may be continued under another value."""


AffectsWeights = Annotated[T, Affects("weights")]
AffectsMeasurement = Annotated[T, Affects("measurement")]
AffectsNothing = Annotated[T, Affects("nothing")]


Seed = Annotated[int, Field(ge=0, lt=2**64)]
"""A seed: 64 bits, as torch and NumPy's Philox take them."""


def require_device_name(name: str) -> str:
    """The name of a device, checked: auto, cpu, cuda, or one of several GPUs, such as cuda:1.

    Raises:
        ValueError: for another name.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ValueError(f"expected auto, cpu, cuda or cuda:1 and so on, got '{name}'")
    return name


DeviceName = Annotated[str, AfterValidator(require_device_name)]
"""Where something is computed; auto: CUDA if available."""


def mark_of(field: FieldInfo) -> Affects | None:
    """A field's mark; None where it has none."""
    return next((mark for mark in field.metadata if isinstance(mark, Affects)), None)


class ClearError(Exception):
    """Mixin of errors whose message is shown to the user as it is: what is wrong, what to do."""


class Config(BaseModel):
    """Base of all configuration models.

    Raises:
        pydantic.ValidationError: on unknown keys (all of them at once, each with the nearest known
            name), wrong types, NaN and infinity.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=()
    )
    RENAMED: ClassVar[dict[str, str]] = {}
    """Former names of fields -> their names now; a former name is refused with the new one."""

    @model_validator(mode="wrap")
    @classmethod
    def _name_wrong_keys(
        cls,
        values: Any,  # noqa: ANN401 - raw input of any shape
        validate: ModelWrapValidatorHandler[Self],
        info: ValidationInfo,
    ) -> Self:
        given = values if isinstance(values, dict) else {}
        keys = [str(key) for key in given if key not in cls.model_fields]
        wrong = {key: found for key in given if (found := cls._boolean_in(str(key), given[key]))}
        if not keys and not wrong:
            return validate(values)
        faults = [
            _custom_error(f"'{key}' is called '{cls.RENAMED[key]}' now")
            if key in cls.RENAMED
            else _custom_error(unknown_key(key, cls.model_fields, _elsewhere(cls, key, info)))
            for key in keys
        ]
        faults += [
            _custom_error(f"got {found}; expected a number") | {"loc": (key,)}
            for key, found in wrong.items()
        ]
        try:  # so that faults of the other keys are reported together
            validate({k: v for k, v in given.items() if k in cls.model_fields and k not in wrong})
        except ValidationError as error:
            faults += [
                _rewrapped_error(fault)
                for fault in error.errors(include_url=False)
                if fault["type"] != "missing" or fault["loc"][0] not in wrong
            ]
        raise ValidationError.from_exception_data(cls.__name__, faults)

    @classmethod
    def _boolean_in(cls, key: str, value: Any) -> str:  # noqa: ANN401 - raw input of any shape
        """`true` or `false` where a field takes numbers only, which pydantic takes for 1 or 0."""
        given = value if isinstance(value, list | tuple) else [value]
        wrong = [json.dumps(one) for one in given if isinstance(one, bool)]
        field = cls.model_fields.get(key)
        return wrong[0] if wrong and field and _holds_only_numbers(field) else ""

    def dump(self, *, affecting: Effect) -> Settings:
        """The values, JSON-able, of the fields that affect something.

        A nested model's fields count by their own marks where the field that holds it has none.

        Raises:
            TypeError: a field is not marked.
        """
        found: Settings = {}
        for name, field in type(self).model_fields.items():
            mark, value = mark_of(field), getattr(self, name)
            if mark is None and isinstance(value, Config):
                below = value.dump(affecting=affecting)
                found |= {name: below} if below else {}
            elif mark is None:
                raise TypeError(f"{type(self).__name__}.{name} has no mark of what it affects")
            elif mark.what == affecting:
                found |= self.model_dump(mode="json", include={name})
        return found


def _holds_only_numbers(field: FieldInfo) -> bool:
    """Whether a field takes numbers, or lists of them, and nothing else but null."""
    leaves: set[type] = set()
    left: list[Any] = [field.annotation]
    while left:
        parts = get_args(kind := left.pop())
        left += parts
        if isinstance(kind, type) and not parts:
            leaves.add(kind)
        elif isinstance(kind, int | float | str):  # of a Literal
            leaves.add(type(kind))
    return bool(leaves & {int, float}) and leaves <= {int, float, type(None)}


def _custom_error(message: str) -> InitErrorDetails:
    """A custom pydantic error."""
    return {
        "type": PydanticCustomError("value_error", "{message}", {"message": message}),
        "input": None,
    }


def _rewrapped_error(fault: ErrorDetails) -> InitErrorDetails:
    """An existing pydantic error, to be raised together with custom ones."""
    error = PydanticCustomError(fault["type"], "{message}", {"message": fault["msg"]})
    return {"type": error, "loc": fault["loc"], "input": fault["input"]}


def holders(model: type[BaseModel], key: str, path: str = "") -> list[str]:
    """Dotted paths of the models, a model at `path` and those in it, that have a field `key`."""
    found = [path] if path and key in model.model_fields else []
    for name, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found += holders(kind, key, f"{path}.{name}" if path else name)
    return found


def _elsewhere(model: type[BaseModel], key: str, info: ValidationInfo) -> list[str]:
    """What has a field `key`: models within a model, else within those of the check's context."""
    others = (info.context or {}).items()
    return holders(model, key) or [path for name, m in others for path in holders(m, key, name)]


def unknown_key(key: str, known: Iterable[str], elsewhere: Iterable[str] = ()) -> str:
    """One phrase about an unknown key: where there is such a key, and the nearest known one.

    Args:
        key: The unknown key.
        known: The keys that are known in its place.
        elsewhere: Paths that have a key of this name; the shortest are named.
    """
    begun = [name for name in sorted(known) if name.startswith(f"{key}_")]
    near = begun or get_close_matches(key, list(known), n=1, cutoff=0.6)
    remedy = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(sorted(known))}"
    places = sorted(elsewhere, key=lambda path: path.count("."))[:_NAMED_PLACES]
    there = f"there is one in {' and '.join(places)}; " if places else ""
    return f"unknown key '{key}'; {there}{remedy}"


_NAMED_PLACES = 4
_UNQUOTED = "as YAML reads an unquoted yes, 001 or 2024-01-01 as something else"


def describe_faults(error: ValidationError, prefix: str = "") -> Iterator[str]:
    """One line per fault of a configuration model.

    Args:
        error: The error of pydantic.
        prefix: The parameter that the model is made of.
    """
    for fault in error.errors(include_url=False, include_context=False):
        path = ".".join(str(part) for part in (*([prefix] if prefix else []), *fault["loc"]))
        where = f"{path}: " if path else ""
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "missing":
            yield f"{where}missing"
        elif fault["type"] == "value_error":  # the message of a custom check has the value
            yield f"{where}{message}"
        elif fault["type"] == "string_type" and isinstance(fault["input"], int | float | date):
            got = json.dumps(fault["input"], default=str)
            yield f"{where}got {got}; expected text: put it in quotes, {_UNQUOTED}"
        else:
            yield f"{where}got {fault['input']!r}; {_in_yaml(message)}"


def _in_yaml(message: str) -> str:
    """Pydantic's message in the terms of YAML instead of Python."""
    message = message.replace("a valid tuple", "a list").replace("a valid dictionary", "a mapping")
    message = message.partition(" or instance of ")[0].replace("Tuple should", "List should")
    return f"{message[:1].lower()}{message[1:]}"


def deep_merge(base: Settings, override: Settings) -> Settings:
    """Nested settings merged key by key, `override` winning; neither is changed."""
    merged = dict(base)
    for key, value in override.items():
        if isinstance(value, dict):
            under = merged.get(key)
            merged[key] = deep_merge(under if isinstance(under, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def flattened(settings: Settings, prefix: str = "") -> Settings:
    """Nested settings by dotted path, such as 'model.generator.head'."""
    found: Settings = {}
    for key, value in settings.items():
        below = flattened(value, f"{prefix}{key}.") if isinstance(value, dict) else None
        found |= {prefix + key: value} if below is None else below
    return found


def differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """What changed between two nested records: 'path: before -> now', sorted by path."""
    changed = []
    for key in sorted(before.keys() | now.keys()):
        was, value = before.get(key), now.get(key)
        if isinstance(was, Mapping) and isinstance(value, Mapping):
            changed += differences(was, value, f"{prefix}{key}.")
        elif was != value:
            changed.append(f"{prefix}{key}: {json.dumps(was)} -> {json.dumps(value)}")
    return changed
