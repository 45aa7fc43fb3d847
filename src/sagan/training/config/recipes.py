"""Recipes: published configurations of SAGAN, its ablations and its baselines, by name."""

from functools import cache
from pathlib import Path

import yaml

from sagan.common.schema import Settings, deep_merge, flattened, unknown_key

_FILE = Path(__file__).with_name("recipes.yml")


@cache
def _published() -> dict[str, Settings]:
    raw: dict[str, Settings] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return {name: _extended(raw, name) for name in raw}


def _extended(raw: dict[str, Settings], name: str) -> Settings:
    """A recipe merged into the one that it extends."""
    own = {key: value for key, value in raw[name].items() if key != "extends"}
    parent = raw[name].get("extends")
    return deep_merge(_extended(raw, parent), own) if parent else own


RECIPES: tuple[str, ...] = tuple(_published())


def recipe_settings(name: str) -> Settings:
    """The nested parameters of training that a recipe sets.

    Raises:
        ValueError: for an unknown name, with the known ones.
    """
    if name not in RECIPES:
        phrase = unknown_key(name, RECIPES).replace("unknown key", "unknown recipe")
        raise ValueError(phrase.replace("known keys", "known recipes"))
    return deep_merge({}, _published()[name])


def recipe_paths(name: str) -> set[str]:
    """The dotted paths of the parameters that a recipe sets, such as 'model.generator.head'."""
    return set(flattened(recipe_settings(name)))


def apply_recipe(settings: Settings, name: str) -> Settings:
    """Parameters of training overridden by a recipe; the arguments are not changed."""
    return deep_merge(settings, recipe_settings(name))


def refuse_replaced(name: str | None, given: Settings) -> None:
    """Refuse values from the command line that the chosen recipe would replace.

    Args:
        name: of the recipe; None, or an unknown one, which the model refuses, replaces nothing.
        given: the parameters of training that were given beside it.

    Raises:
        ValueError: naming each such parameter.
    """
    if name not in RECIPES:
        return
    replaced = sorted(recipe_paths(name) & set(flattened(given)))
    if replaced:
        raise ValueError(
            f"training.recipe={name} sets {', '.join(replaced)} itself; to try another value "
            "leave the recipe out and give its parameters (src/sagan/training/config/recipes.yml)"
        )
