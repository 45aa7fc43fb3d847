"""Display names of classes: `n01443537` is a goldfish.

A class's name is its folder's. Its title, if known, is what people call it, with synonyms after
commas as ImageNet's publishers list them: `goldfish, Carassius auratus`.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sagan.common.text import visible

_LONGEST_BYTES = 200  # systems allow 255
_NOT_IN_FOLDERS = re.compile(
    r"""[%<>:"/\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff]  # Windows, terminals; not UTF-8
    | ^[.] | [. ]$                                    # hidden; dropped by Windows
    | ^(?:con|prn|aux|nul|com\d|lpt\d)(?=[.]|$)        # Windows' devices""",
    re.IGNORECASE | re.VERBOSE,
)


def short_names(class_names: Sequence[str], titles: Mapping[str, str]) -> tuple[str, ...]:
    """A unique short name of each class, for pictures: `goldfish`.

    Classes with the same title (ImageNet has two cranes) have their name appended:
    `crane (n02012849)`. A class without a title has its name.
    """
    words = [_first(titles.get(name, "")) or name for name in class_names]
    count = Counter(words) + Counter(set(class_names))  # nor is a title another class's name
    return tuple(
        visible(word if word == name or count[word] == 1 else _both(word, name))
        for word, name in zip(words, class_names, strict=True)
    )


def full_names(class_names: Iterable[str], titles: Mapping[str, str]) -> tuple[str, ...]:
    """Short title and name of each class: `goldfish (n01443537)`, or the name alone."""
    return tuple(visible(_both(_first(titles.get(name, "")) or name, name)) for name in class_names)


def by_title(class_names: Iterable[str], titles: Mapping[str, str]) -> dict[str, list[str]]:
    """Classes by each of their synonyms in lower case; several classes may share one."""
    found: dict[str, list[str]] = {}
    for name in class_names:
        for title in {part.strip().lower() for part in titles.get(name, "").split(",")} - {""}:
            found.setdefault(title, []).append(name)
    return found


def split_names(text: str, separators: str = ",") -> list[str]:
    """Names in a text; one with a separator in it stands in quotes: `"Smith, Anna",Ben`.

    Raises:
        ValueError: a quote that is not closed, or closed before the name ends.
    """
    one = re.compile(rf'\s*(?:"((?:[^"]|"")*)"|((?!")[^{separators}]*?))\s*([{separators}]|$)')
    names, at = [], 0
    while at < len(text):
        found = one.match(text, at)
        if found is None:
            raise ValueError(f"expected names, one with a comma in quotes, got {text[at:]}")
        names.append((found[1] or "").replace('""', '"') or found[2] or "")
        at = found.end()
    return [name for name in names if name]


def as_listed(name: str) -> str:
    """A name as `split_names` reads it: in quotes, where it needs them."""
    return f'"{name.replace(chr(34), chr(34) * 2)}"' if re.search(r'[,;]|^"', name) else name


def folder_name(name: str) -> str:
    """A class's name as a folder's name on any system, different for different names.

    `%` and characters that a system refuses, or takes for something else, are `%` and the two
    hexadecimal digits of each of their bytes; a very long name ends in its hash.
    """
    safe = _NOT_IN_FOLDERS.sub(lambda found: _escaped(found[0]), name) or _escaped("\0")
    if len(safe.encode()) <= _LONGEST_BYTES:
        return safe
    start = safe.encode()[: _LONGEST_BYTES - 17].decode(errors="ignore")
    return f"{start}%{hashlib.sha256(safe.encode()).hexdigest()[:16]}"


def _escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode(errors="surrogatepass"))


def _first(title: str) -> str:
    return title.partition(",")[0].strip()


def _both(word: str, name: str) -> str:
    return name if word == name else f"{word} ({name})"
