"""The template environment that every page, and the model card, is rendered with."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from sagan.common.text import shown, visible
from sagan.html.charts import draw_svg
from sagan.html.format import breakable, format_number, format_value, words

_FILTERS = {
    "svg": draw_svg,
    "number": format_number,
    "value": format_value,
    "words": words,
    "breakable": breakable,
    "visible": visible,
}


def render(package: Path, template: str, **values: object) -> str:
    """Render a template of a package.

    Args:
        package: Folder of the package; its templates are in `templates/` and may extend or import
            those of this package: `base.html.j2`, `parts.html.j2`.
        template: Name of the template; the values of one named `*.html.j2` are escaped.
        **values: What the template shows; an undefined name is an error.
    """
    return _environment(package).get_template(template).render(**values)


def _shown(value: object) -> object:
    """What a template shows, without secrets and control characters; markup is ours."""
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return shown(str(value)) if plain else value


@cache
def _environment(package: Path) -> jinja2.Environment:
    folders = [package / "templates", Path(__file__).parent / "templates"]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=jinja2.select_autoescape(["html.j2"], default=False),
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= _FILTERS
    environment.globals["now"] = lambda: datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return environment
