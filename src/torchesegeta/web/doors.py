"""Who is let in: the right host name, no foreign page, and the token, for every single request."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from torchesegeta.web.refusals import answer
from torchesegeta.web.settings import LOOPBACK, Settings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Nothing is loaded from elsewhere; blobs are the viewer's helpers and volumes."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
LARGEST_BODY = 4 * 2**20
"""Bytes of a request's body; uploads have a limit of their own."""
UPLOADS = "/api/uploads"

ENTER = """<!doctype html><html lang="en"><meta charset="utf-8"><title>TorchEsegeta</title>
<meta http-equiv="refresh" content="0; url=/"><p><a href="/">Open the web interface</a></p></html>"""
"""Leads on from inside: a cookie of the strictest kind is not sent along a redirect that began elsewhere."""
CLOSED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>TorchEsegeta</title>
<h1>This page needs its key</h1><p>Open the link that <code>esegeta serve</code> printed in its terminal: it ends in
<code>?token=…</code>. A server that was started again has a new one.</p></html>"""


class Doors:
    """Stands before the whole server.

    Args:
        app: What it guards.
        settings: The server's.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.cookie = f"esegeta_{settings.port}"  # cookies do not know ports: two servers must not share one
        self.key = hashlib.sha256(f"cookie {settings.token}".encode()).hexdigest()
        self.names = {*LOOPBACK, settings.host.lower(), socket.gethostname().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refused = self._refuse(scope)
        if refused is not None:
            await refused(scope, receive, sending)
            return
        await self.app(scope, receive if scope["path"] == UPLOADS else _limited(receive), sending)

    def _refuse(self, scope: Scope) -> Response | None:
        """What is said instead of the answer; None: the request is let in."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            return answer(421, f"this server does not answer to the name {host!r}; open the link that it printed")
        if self._is_foreign(headers, host):
            return answer(403, "another page asked; only this server's own pages may")
        if scope["path"] == "/" and self._has_token(scope):
            entered = HTMLResponse(ENTER)
            entered.set_cookie(self.cookie, self.key, httponly=True, samesite="strict", path="/")
            return entered
        if self._has_cookie(headers):
            return None
        if scope["path"] == "/":
            return HTMLResponse(CLOSED, 401)
        return answer(401, "open the link that 'esegeta serve' printed: this page has no key, or an old one")

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header names this server; addresses in figures cannot be made to point elsewhere."""
        try:
            parts = urlsplit(f"//{host}")
            name, _ = (parts.hostname or "").lower(), parts.port  # any port: it may be reached through a tunnel
        except ValueError:
            return False
        if parts.username is not None or parts.path or parts.query or parts.fragment:
            return False
        return name in self.names or (self.settings.host not in LOOPBACK and _is_address(name))

    def _is_foreign(self, headers: Headers, host: str) -> bool:
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return True
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        return site in ("cross-site", "same-site") and mode != "navigate"

    def _has_token(self, scope: Scope) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return hmac.compare_digest(given.encode(), self.settings.token.encode())

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        given = cookies[self.cookie].value if self.cookie in cookies else ""
        return hmac.compare_digest(given.encode(), self.key.encode())


def _limited(receive: Receive) -> Receive:
    """The body of a request, up to the limit."""
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST_BODY:
            raise HTTPException(413, f"at most {LARGEST_BODY} bytes are taken here")
        return message

    return limited


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
