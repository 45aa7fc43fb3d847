"""Requests that the explorer's page makes itself; all others are refused.

A page of another site can send requests to this machine, and by a name of its own that resolves to
127.0.0.1 read the answers. Gradio grants that to every name but its own, and takes uploads of any
size.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import gradio as gr

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES = 65_536  # of a request: the values of the controls
MAX_UPLOAD_BYTES = 20_000_000  # of an image to complete, or of a painted mask
_API = "/gradio_api"
_PAGES = {"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", f"{_API}/info"}
_READ = (
    *("/assets/", "/static/", "/svelte/", f"{_API}/file=", f"{_API}/heartbeat/"),
    f"{_API}/upload_progress",
    *(f"{_API}/queue/data", f"{_API}/startup-events", f"{_API}/theme.css"),
)
_WRITTEN = dict.fromkeys(
    (f"{_API}/queue/join", f"{_API}/reset", f"{_API}/cancel"), MAX_BODY_BYTES
) | {f"{_API}/upload": MAX_UPLOAD_BYTES}


def guard(blocks: gr.Blocks) -> None:
    """Let a page that is served answer its own requests only."""
    app = blocks.app
    hosts = {f"{name}:{blocks.server_port}" for name in ("127.0.0.1", "localhost")}
    app.middleware_stack = _Guard(app.middleware_stack or app.build_middleware_stack(), hosts)


class _Guard:
    """The application behind a check of host, origin, path and size (ASGI)."""

    def __init__(self, app: App, hosts: set[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer the request, or refuse it with its reason as the status."""
        status = 0 if scope["type"] == "lifespan" else self._refused(scope)
        if not status:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    def _refused(self, scope: Message) -> int:
        """The status of a refusal, or 0."""
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        origin, path = headers.get(b"origin"), scope["path"].rstrip("/") or "/"
        if headers.get(b"host") not in self._hosts:
            return 421
        if origin is not None and origin.partition("://")[2] not in self._hosts:
            return 403
        method = scope.get("method")
        if method in {"GET", "HEAD"}:
            return 0 if path in _PAGES or path.startswith(_READ) else 404
        if method != "POST" or path not in _WRITTEN:
            return 404
        length = headers.get(b"content-length", "")
        return 0 if length.isdecimal() and int(length) <= _WRITTEN[path] else 413
