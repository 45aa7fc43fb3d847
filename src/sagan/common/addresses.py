"""Addresses of other machines: distinguished from paths, and shown without secrets."""

import re
from urllib.parse import unquote

_MALFORMED = re.compile(r"[A-Za-z][\w+.-]+:(?!//|:)|[^/]+:[^/]*@")
_SCHEME = r"\b[A-Za-z][\w+.-]*:/{1,3}"
# a password may contain spaces, slashes and @: it ends at the last @ before another address. Where
# its line has no @, what begins neither as a port nor with a space goes on over the next lines
_AFTER_SCHEME = re.compile(
    rf"({_SCHEME}[^\s:/@'\"]*:)((?:(?!{_SCHEME})(?:.|[\r\n]+(?=[^\s:/]*@)))*"
    rf"|(?!\s|\d+(?:[/\s:'\"]|$))(?:(?!{_SCHEME})[\s\S]){{0,256}}?)@"
)
# an address that is known to be one, with or without a scheme
_GIVEN = re.compile(r"(?:[A-Za-z][\w+.-]*:/{1,3})?[^\s:/@]*:([\s\S]*)@")
_WITHOUT_SCHEME = re.compile(r"((?<![\w/:.@-])[\w.+%-]+:)(?!//)([^\s'\"]*)@")
_KEY = "password|passwd|passphrase|secret|(?:access|account|api|private)_?key"
_SECRET = f"{_KEY}|pwd|token|signature|credential|sig"
_NAMED = re.compile(
    rf"(\b[\w-]*(?:{_SECRET})\s?=\s?|['\"]\w*(?:{_SECRET})['\"]: |\b[\w-]*(?:{_KEY}): |\bBearer )"
    r"('[^']*'|\"[^\"]*\"|[^&\s'\",;]+)",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"(\bhttps?://)[^\s:/@?#'\"]+@")  # of code hosts, in the place of a user
_SHORTEST_PART = 3  # of a secret; shorter ones are in many words


def is_address(text: str) -> bool:
    """Whether a text is `scheme://...`, and not the path of a folder here.

    Raises:
        ValueError: one that is neither, such as `s3:/bucket` or `user:password@host`.
    """
    if _MALFORMED.match(text):
        raise ValueError(
            f"'{mask_secrets(text, text)}' is not a valid address: expected scheme://...; a path "
            "with a colon begins with ./"
        )
    return "://" in text


def mask_secrets(text: str, *addresses: str) -> str:
    """A text with `***` for the passwords, keys and tokens of the addresses in it.

    Args:
        text: a message, also of another library.
        addresses: as given; what is left of their passwords is masked too, where a library has
            taken an address apart.
    """
    for address in addresses:
        found = _GIVEN.match(address)
        secret = found[1] if found else ""
        parts = {
            part for whole in (secret, unquote(secret)) for part in re.split(r"[@/:?#\s]", whole)
        }
        for part in sorted(parts | {secret, unquote(secret)}, key=len, reverse=True):
            if len(part) >= _SHORTEST_PART:
                text = text.replace(part, "***")
    text = _TOKEN.sub(r"\1***@", _NAMED.sub(r"\1***", text))
    return _WITHOUT_SCHEME.sub(r"\1***@", _AFTER_SCHEME.sub(r"\1***@", text))
