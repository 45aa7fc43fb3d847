"""Display names of classes: `n01443537` is a goldfish.

A class's name is its folder's. Its title, if known, is what people call it, with synonyms after
commas as ImageNet's publishers list them: `goldfish, Carassius auratus`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence


def short_names(class_names: Sequence[str], titles: Mapping[str, str]) -> tuple[str, ...]:
    """A unique short name of each class, for pictures: `goldfish`.

    Classes with the same title (ImageNet has two cranes) have their name appended:
    `crane (n02012849)`. A class without a title has its name.
    """
    words = [_first(titles.get(name, "")) or name for name in class_names]
    count = Counter(words) + Counter(set(class_names))  # nor is a title another class's name
    return tuple(
        word if word == name or count[word] == 1 else _both(word, name)
        for word, name in zip(words, class_names, strict=True)
    )


def full_names(class_names: Iterable[str], titles: Mapping[str, str]) -> tuple[str, ...]:
    """Short title and name of each class: `goldfish (n01443537)`, or the name alone."""
    return tuple(_both(_first(titles.get(name, "")) or name, name) for name in class_names)


def by_title(class_names: Iterable[str], titles: Mapping[str, str]) -> dict[str, list[str]]:
    """Classes by each of their synonyms in lower case; several classes may share one."""
    found: dict[str, list[str]] = {}
    for name in class_names:
        for title in {part.strip().lower() for part in titles.get(name, "").split(",")} - {""}:
            found.setdefault(title, []).append(name)
    return found


def _first(title: str) -> str:
    return title.partition(",")[0].strip()


def _both(word: str, name: str) -> str:
    return name if word == name else f"{word} ({name})"
