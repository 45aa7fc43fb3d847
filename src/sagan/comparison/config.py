"""Configuration of the comparison pipeline (`params:comparison`)."""

from collections import Counter
from typing import Any, ClassVar, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from sagan.common.schema import Config, Seed, unknown_key
from sagan.training.config.recipes import RECIPES


class VariantConfig(Config):
    """A model configuration: a published one, one of your own, or a published one changed."""

    RENAMED: ClassVar[dict[str, str]] = {"preset": "recipe"}

    name: str = Field(description="in tables and pictures", min_length=1)
    recipe: str | None = Field(
        None,
        description="a published configuration that overrides the parameters of training "
        f"(src/sagan/training/config/recipes.yml): {', '.join(RECIPES)}; null: none",
    )
    parameters: dict[str, Any] = Field(
        {},
        description="parameters of training that override both, nested as in the parameter file",
    )

    @field_validator("recipe")
    @classmethod
    def _check_recipe(cls, recipe: str | None) -> str | None:
        if recipe is not None and recipe not in RECIPES:
            raise ValueError(unknown_key(recipe, RECIPES).replace("key", "recipe"))
        return recipe


class SearchConfig(Config):
    """A short run of each variant with each candidate, before the comparison.

    Each variant is trained with the candidate that brought it the smallest Fréchet distance, by the
    protocol of `training.scoring.evaluation`; so none is judged with the rates of another.
    """

    candidates: tuple[dict[str, Any], ...] = Field(
        (),
        description="parameters of training that override a variant's own; none: each variant "
        "trains with its own",
    )
    total_images: PositiveInt = Field(16_000, description="images shown in each short run")
    seed: Seed = Field(1000, description="of the short runs; none of the comparison's seeds")


class ComparisonConfig(Config):
    """Variants times seeds; all runs have the same budget and protocol."""

    RENAMED: ClassVar[dict[str, str]] = {"contestants": "variants"}

    variants: tuple[VariantConfig, ...] = Field(
        tuple(
            VariantConfig(name=name, recipe=name) for name in ("sagan", "sngan_projection", "acgan")
        ),
        min_length=1,
        description="model configurations, the rows of the table",
    )
    reference: str = Field("sagan", description="the variant that the others are compared with")
    seeds: tuple[Seed, ...] = Field(
        (0, 1, 2),
        min_length=1,
        description="seeds of weights, data order and latents; one run for each",
    )
    total_images: PositiveInt | None = Field(
        None, description="images shown in each run; null: training.total_images"
    )
    score_every_images: PositiveInt | None = Field(
        None,
        description="images between points of the learning curves; null: "
        "training.scoring.every_images",
    )
    search: SearchConfig = Field(SearchConfig(), description="of each variant's parameters")
    workers: PositiveInt = Field(
        1, description="runs at once, each a process; distributed over the GPUs if there are any"
    )
    keep_checkpoints: bool = Field(
        False, description="keep the working checkpoints of a run after it has been measured"
    )

    @model_validator(mode="after")
    def _check_names_and_seeds(self) -> Self:
        names = Counter(one.name for one in self.variants)
        doubled = [name for name, count in names.items() if count > 1]
        if doubled:
            raise ValueError(f"variants need different names, got twice: {doubled}")
        if self.reference not in names:
            found = unknown_key(self.reference, names).replace("key", "variant")
            raise ValueError(f"reference: {found}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds: expected each seed once, got {list(self.seeds)}")
        if self.search.candidates and self.search.seed in self.seeds:
            raise ValueError(f"search.seed: {self.search.seed} is one of the comparison's seeds")
        return self
