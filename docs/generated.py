"""Generated parts of the pages: parameter tables, the API reference, sections of the README.

`python -m docs.generated` writes them between their marks, such as `<!-- parameters: training -->`
and `<!-- end -->`, so that nothing is written twice and each page is whole as a file.
"""

import argparse
import ast
import importlib
import inspect
import re
import textwrap
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
PART = re.compile(
    r"^(<!-- (readme|parameters|api): ([\w. ]+) -->\n).*?^(<!-- end -->)$", re.DOTALL | re.MULTILINE
)
SECTION = re.compile(r"^(Args|Returns|Yields|Raises):$", re.MULTILINE)
STAR = re.compile(r"(`[^`]*`)|\*")  # outside of code it would begin an emphasis
ENTRY = re.compile(r"^(\w[\w.]*(?:, \w+)*): ", re.MULTILINE)


def generated_pages() -> dict[Path, str]:
    """Each page of docs/ that has generated parts, with these as they should be."""
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("**/*.md")}
    return {path: PART.sub(_filled, text) for path, text in texts.items() if PART.search(text)}


def _filled(part: re.Match[str]) -> str:
    makers = {"readme": readme_section, "parameters": parameter_table, "api": api_entry}
    return f"{part[1]}\n{makers[part[2]](part[3])}\n\n{part[4]}"


def api_entry(name: str) -> str:
    """A public function, or a class with its methods: import, signature and docstring.

    Raises:
        AttributeError: if the module has no such name.
        ValueError: if it has no docstring.
    """
    module, _, plain = name.rpartition(".")
    found = getattr(importlib.import_module(module), plain)
    source = textwrap.dedent(inspect.getsource(found))
    node = ast.parse(source).body[0]
    entry = [_described(node, source, f"from {module} import {plain}\n\n")]
    if isinstance(node, ast.ClassDef):
        methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
        public = [one for one in methods if one.name == "__call__" or not one.name.startswith("_")]
        values = [one for one in public if "property" in _decorators(one)]
        rows = [f"- `{v.name}: {ast.unparse(v.returns)}`: {ast.get_docstring(v)}" for v in values]
        entry += ["\n".join(rows)] if rows else []
        called = [one for one in public if one not in values]
        entry += [f"#### `{plain}.{one.name}`\n\n{_described(one, source)}" for one in called]
    return "\n\n".join(entry)


def _decorators(node: Any) -> str:  # noqa: ANN401 - a class or function of ast
    return " ".join(ast.unparse(one) for one in node.decorator_list)


def _described(node: Any, source: str, before: str = "") -> str:  # noqa: ANN401 - as above
    docstring = ast.get_docstring(node)
    if not docstring:
        raise ValueError(f"{node.name} has no docstring")
    first = node.lineno - ("classmethod" in _decorators(node))
    lines = source.splitlines()[first - 1 : node.body[0].lineno - 1]
    signature = re.sub(r" *# noqa.*", "", textwrap.dedent("\n".join(lines))).rstrip(":\n ")
    plain = STAR.sub(lambda found: found[1] or r"\*", docstring)
    told, *sections = SECTION.split(plain)
    described = f"```python\n{before}{signature}\n```\n\n{told.strip()}"
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        entries = textwrap.dedent(text).strip()
        if title in {"Args", "Raises"}:
            entries = "\n\n" + ENTRY.sub(r"- `\1`: ", re.sub(r"\n +", "\n  ", entries))
        else:
            entries = f" {entries}"
        described += f"\n\n**{title}:**{entries}"
    return described


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


def main() -> None:
    """Write the generated parts that are not current."""
    argparse.ArgumentParser(description=main.__doc__).parse_args()
    for page, whole in generated_pages().items():
        if page.read_text(encoding="utf-8") != whole:
            page.write_text(whole, encoding="utf-8")
            print(f"written: {page.relative_to(ROOT)}")  # noqa: T201 - a program


if __name__ == "__main__":
    main()
