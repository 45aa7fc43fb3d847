"""MkDocs hooks: what the pages need on the site only."""

import re
from pathlib import Path
from typing import Any

CELL = re.compile(r"<td.*?</td>", re.DOTALL)
NAME = re.compile(r"<code>(.*?)</code>", re.DOTALL)
# after _ / = and so on, and after a full stop unless only a file's ending follows
SEPARATOR = re.compile(r"(?<=[_/=,])(?=[^\W\d])|(?<=\.)(?=[^\W\d]\w{4})")
MARK = re.compile(r"^<!-- (?:(?:readme|parameters|api): .+|end) -->$", re.MULTILINE)
MATH = re.compile(r"^```math\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
# a link out of docs/, such as to the source, leads nowhere on the site
OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)]+)\)")


def on_config(config: Any) -> Any:  # noqa: ANN401 - MkDocs' own class
    """Remove pages that do not exist from the navigation."""
    docs = Path(config["docs_dir"])
    config["nav"] = [kept for entry in config["nav"] if (kept := _present(entry, docs))]
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:  # noqa: ANN401 - MkDocs' own classes
    """Colour commands as such, show equations, and name files outside docs/ without a link."""
    markdown = MATH.sub(lambda block: _mathml(block[1]), MARK.sub("", markdown))
    # as console, a line without a prompt would be output: grey, its remarks like its commands
    markdown = markdown.replace("```console\n", "```bash\n")
    return OUTSIDE.sub(r"\1 (`\2`)", markdown)


def on_page_content(content: str, **_: Any) -> str:  # noqa: ANN401 - MkDocs' own classes
    """Let long names in tables break after a separator, where a column is narrow."""
    return CELL.sub(lambda cell: NAME.sub(_breakable, cell[0]), content)


def _mathml(tex: str) -> str:
    """An equation as the browser draws it, from `equations.html`, where its TeX stands above it."""
    known = Path(__file__).with_name("equations.html").read_text(encoding="utf-8")
    _, mark, below = known.partition(f"<!-- {tex} -->\n")
    if not mark:
        raise ValueError(f"docs/equations.html has no MathML of\n{tex}")
    return below.partition("\n")[0]


def _breakable(name: re.Match[str]) -> str:
    shown = name[1].replace("\\|", "|")  # a table's escape, which Python-Markdown leaves in code
    return f"<code>{SEPARATOR.sub('<wbr>', shown)}</code>"


def _present(entry: Any, docs: Path) -> Any:  # noqa: ANN401 - a page, or a section of pages
    (title, below), *_ = entry.items()
    if isinstance(below, str):
        return entry if (docs / below).is_file() else None
    return {title: [kept for page in below if (kept := _present(page, docs))]}
