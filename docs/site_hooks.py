"""MkDocs hooks: sections of the README and tables of parameters, inserted into the pages.

A page marks the place with `<!-- readme: Two commands -->` or `<!-- parameters: training -->`, so
that neither is written twice.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from kedro.validation.type_extractor import TypeExtractor
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sagan.metrics.config import EvaluationConfig
from sagan.pipeline_registry import register_pipelines

ROOT = Path(__file__).parents[1]
MARK = re.compile(r"^<!-- (readme|parameters): (.+?) -->$", re.MULTILINE)
CELL = re.compile(r"<td.*?</td>", re.DOTALL)
NAME = re.compile(r"<code>(.*?)</code>", re.DOTALL)
# after _ / = and so on, and after a full stop unless only a file's ending follows
SEPARATOR = re.compile(r"(?<=[_/=,])(?=[^\W\d])|(?<=\.)(?=[^\W\d]\w{4})")
# a link out of docs/, such as to the source, leads nowhere on the site
OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)]+)\)")


def on_config(config: Any) -> Any:  # noqa: ANN401 - MkDocs' own class
    """Remove pages that do not exist from the navigation."""
    docs = Path(config["docs_dir"])
    config["nav"] = [kept for entry in config["nav"] if (kept := _present(entry, docs))]
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:  # noqa: ANN401 - MkDocs' own classes
    """Insert sections and tables at their marks."""
    makers = {"readme": readme_section, "parameters": parameter_table}
    markdown = MARK.sub(lambda mark: makers[mark[1]](mark[2]), markdown)
    # as console, a line without a prompt would be output: grey, its remarks like its commands
    markdown = markdown.replace("```console\n", "```bash\n")
    return OUTSIDE.sub(r"\1 (`\2`)", markdown)


def on_page_content(content: str, **_: Any) -> str:  # noqa: ANN401 - MkDocs' own classes
    """Let long names in tables break after a separator, where a column is narrow."""
    return CELL.sub(lambda cell: NAME.sub(_breakable, cell[0]), content)


def _breakable(name: re.Match[str]) -> str:
    shown = name[1].replace("\\|", "|")  # a table's escape, which Python-Markdown leaves in code
    return f"<code>{SEPARATOR.sub('<wbr>', shown)}</code>"


def readme_section(title: str) -> str:
    """A section of the README by its heading, with links as they are on the site.

    Raises:
        ValueError: if the README has no such section.
    """
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, found, rest = readme.partition(f"\n## {title}\n")
    if not found:
        raise ValueError(f"README.md has no section '{title}'")
    section = rest.split("\n## ")[0].strip()
    section = re.sub(r"\[docs/(\w+)\.md\]", r"[\1]", section)  # a page's name, not its file
    return re.sub(r"\]\(docs/", "](", section)


def parameter_table(pipeline: str) -> str:
    """Every parameter of a pipeline as a Markdown table, from its configuration model.

    Raises:
        KeyError: if no pipeline has that name.
    """
    rows = ["| parameter | type | default | meaning |", "|---|---|---|---|"]
    for path, kind, default, told in parameters(_models()[pipeline]):
        rows.append(f"| <code>{path}</code> | {_cell(kind)} | {default} | {_cell(told)} |")
    table = "\n".join(rows)
    return f'<div class="parameters" markdown>\n\n{table}\n\n</div>'


def parameters(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Dotted path, type, default and meaning of each parameter, those of nested models too.

    An evaluation protocol within another pipeline is one row, since its own table stands once.
    """
    for name, field in model.model_fields.items():
        path, told = prefix + name, field.description or ""
        nested = _nested(field)
        if nested is EvaluationConfig:
            yield path, "block", _protocol_default(field), "as in [evaluation](#6-evaluation)"
            continue
        if nested is None:
            yield path, _type_name(field.annotation), _default(field), told
            continue
        if type(None) in get_args(field.annotation):
            yield path, "block or null", _default(field), told
        yield from parameters(nested, f"{path}.")


@cache
def _models() -> dict[str, type[BaseModel]]:
    """The configuration model of each pipeline, from its nodes' type hints, as Kedro checks it."""
    return dict(TypeExtractor(register_pipelines()).extract_types_from_pipelines())


def _nested(field: FieldInfo) -> type[BaseModel] | None:
    kinds = [field.annotation, *get_args(field.annotation)]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    whole = get_origin(field.annotation) not in {list, tuple, dict}
    return models[0] if len(models) == 1 and whole else None


def _type_name(kind: Any) -> str:  # noqa: ANN401 - any annotation
    origin, inner = get_origin(kind), get_args(kind)
    if origin is None:
        name = getattr(kind, "__name__", str(kind))
        return {"NoneType": "null", "Any": "any", "str": "text"}.get(name, name)
    if hasattr(kind, "__metadata__"):
        return _type_name(inner[0])
    if origin is Literal:
        return " or ".join(str(value) for value in inner)
    if origin in {list, tuple, dict}:
        held = _type_name(inner[-1 if origin is dict else 0])
        return f"mapping to {held}" if origin is dict else f"list of {held}"
    return " or ".join(_type_name(part) for part in inner)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return "null"
    if isinstance(value, tuple | list) and any(isinstance(one, BaseModel) for one in value):
        return _cell(", ".join(getattr(one, "name", "...") for one in value))
    if isinstance(value, BaseModel):
        return "as below"
    return f"`{_yaml(value)}`"


def _yaml(value: Any) -> str:  # noqa: ANN401 - any default
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(list(value) if isinstance(value, tuple) else value)


def _protocol_default(field: FieldInfo) -> str:
    """The values that differ from the evaluation pipeline's defaults."""
    own, plain = dict(field.get_default()), dict(EvaluationConfig())
    changed = [f"`{name}: {_yaml(own[name])}`" for name in own if own[name] != plain[name]]
    return "<br>".join(changed) or "as there"


def _cell(text: str) -> str:
    """Text with the characters escaped that Markdown tables, HTML or attribute lists interpret."""
    return text.replace("|", "&#124;").replace("<", "&lt;").replace("{", "&#123;")


def _present(entry: Any, docs: Path) -> Any:  # noqa: ANN401 - a page, or a section of pages
    (title, below), *_ = entry.items()
    if isinstance(below, str):
        return entry if (docs / below).is_file() else None
    return {title: [kept for page in below if (kept := _present(page, docs))]}
