"""The ASGI application: routes, and what goes around every one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, MutableMapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from replica.access import Directory
from replica.clock import Clock, system_clock
from replica.errors import NotAllowed, ReplicaError
from replica.server import couchdb, monitoring, native
from replica.server.answers import HARMLESS, answer, problem
from replica.server.call import Call, decoded
from replica.server.catalogue import Catalogue, Held
from replica.server.compressed import Compressed
from replica.server.endpoint import Endpoint
from replica.server.exchange import ASGI, Observed, Observer
from replica.server.gate.gate import Gate
from replica.server.gate.gated import Gated
from replica.server.gate.refusal import refusal
from replica.server.gate.rights import Need
from replica.server.gate.visit import Visit, visit_of, who_are_you
from replica.server.metrics import Metrics
from replica.server.origins import Origins
from replica.server.routing import Routes
from replica.server.security_log import Sums, Witnessed

ENDPOINTS = [*monitoring.ENDPOINTS, *native.ENDPOINTS, *couchdb.ENDPOINTS]


class Limits(NamedTuple):
    """What a request may cost."""

    body_bytes_max: int = 64 * 2**20
    documents_max: int = 10_000  # in one `_bulk_docs`, `_bulk_get` and the like


_USUAL = Limits()
_READING = ("GET", "HEAD")


class Server:
    """What all requests share."""

    def __init__(self, catalogue: Catalogue, gate: Gate, limits: Limits) -> None:
        self.catalogue = catalogue
        self.gate = gate
        self.limits = limits
        self.metrics = Metrics()
        self.sums = Sums(gate.directory.log)

    def close(self) -> None:
        """Close all files."""
        self.sums.flush()
        self.catalogue.close()
        self.gate.close()


class App:
    """The ASGI application that `create_app` makes. Routed by the path as it was sent: in `/a%2Fb/c` the database is `a/b`.

    A slash at the end means nothing.
    """

    def __init__(self, app: ASGI, server: Server) -> None:
        self._app, self._server = app, server
        self._dismissed = False

    def dismiss(self) -> None:
        """Let nobody wait for changes any more; to be called before the web server waits for its connections to end.

        From now on every answer is the last one on its connection: who is told that there is nothing new asks again, and
        a connection that came in at the last moment would be kept up by that.
        """
        self._dismissed = True
        self._server.catalogue.dismiss()

    @property
    def has_administrator(self) -> bool:
        """Whether there is a user who may do everything."""
        return self._server.gate.directory.has_admin

    def close(self) -> None:
        """Close the databases."""
        self._server.close()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "http":
            raw = scope.get("raw_path") or scope["path"].encode()
            path = raw.partition(b"?")[0].decode("latin-1")
            root = scope.get("root_path", "")  # where it is mounted
            scope = {**scope, "path": root + (path.removeprefix(root).rstrip("/") or "/")}

        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                last = [(b"connection", b"close")] if self._dismissed else []
                message = {**message, "headers": [*message.get("headers", ()), *HARMLESS, *last]}
            await send(message)

        await self._app(scope, receive, sending)


def create_app(
    folder: str,
    *,
    limits: Limits = _USUAL,
    cors: Sequence[str] = (),
    hosts: Sequence[str] = (),
    observers: Sequence[Observer] = (),
    clock: Clock = system_clock,
) -> App:
    """An ASGI application that serves every database in `folder`; it may be mounted in another one.

    `cors`: the origins of web pages that may use it. `hosts`: as long as there are no users in the folder, everybody may do
    everything, and it answers only to this machine's names for itself and to these. `observers` are told of every exchange.
    `clock` tells when cookies and tokens end, and how often passwords may be tried. It closes the databases when its lifespan
    ends; whoever mounts it calls `close` instead. `BadSettings` if the folder is not there.
    """
    directory = Directory(folder, clock=clock)
    server = Server(Catalogue(folder, directory.log), Gate(directory, hosts, clock), limits)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        server.close()

    app = Starlette(
        routes=[_routes(server, ENDPOINTS)],
        middleware=[Middleware(Compressed)],
        lifespan=lifespan,
        exception_handlers=_PROBLEMS,
    )
    app.router.redirect_slashes = False
    witnessed = Witnessed(Gated(app, server.gate), server.sums)
    return App(Observed(Origins(witnessed, cors), [server.metrics, *observers]), server)


def _routes(server: Server, endpoints: Iterable[Endpoint]) -> Routes:
    routes = Routes()
    for endpoint in endpoints:
        routes.add(endpoint.path, endpoint.methods, _Served(server, endpoint))
    return routes


class _Served:
    """An endpoint as an ASGI application: the database is held open until the answer is sent, errors become answers."""

    def __init__(self, server: Server, endpoint: Endpoint) -> None:
        self._server, self.endpoint = server, endpoint

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        request = Request(scope, receive, send)
        with ExitStack() as stack:
            try:
                response = await self._respond(request, stack)
            except ReplicaError as error:
                unnamed = type(error) is NotAllowed and not visit_of(scope).is_somebody
                response = refusal(who_are_you() if unnamed else error, scope)
            except ClientDisconnect:
                return  # nobody is there to be answered
            await response(scope, receive, send)

    async def _respond(self, request: Request, stack: ExitStack) -> Response:
        held = None
        name = decoded(request.path_params["db"]) if "db" in request.path_params else None
        visit, catalogue = visit_of(request.scope), self._server.catalogue
        if name is not None and visit.depends_on_lists(name) and not catalogue.is_at_hand(name):
            held = await run_in_threadpool(self._enter, visit, name, stack)
        else:  # no more than a glance at the list, unless something was written: then a small document is read
            visit.demand(self.endpoint.needs, name, catalogue.access_list)
            if name is not None and self.endpoint.opens_database:
                held = await self._held(name, stack)
        call = Call(request, self._server, held)
        if held is None or visit.is_everybody or request.method in _READING:
            return await self.endpoint.handler(call)
        held.access.look()  # an administrator comes in without it; what it was must be known when it is another one
        try:
            return await self.endpoint.handler(call)
        finally:
            held.access.look()  # before the answer: who reads that finds in the security log what was changed

    async def _held(self, name: str, stack: ExitStack) -> Held:
        """The database, until the stack ends. A thread is asked if it has to be opened: that costs as much as reading."""
        catalogue = self._server.catalogue
        if catalogue.is_at_hand(name):
            return stack.enter_context(catalogue.use(name))
        return await run_in_threadpool(stack.enter_context, catalogue.use(name))

    def _enter(self, visit: Visit, name: str, stack: ExitStack) -> Held | None:
        """The database, if it is needed, after the visit was judged by its access list."""
        catalogue = self._server.catalogue
        visit.demand(self.endpoint.needs, name, catalogue.access_list)
        return stack.enter_context(catalogue.use(name)) if self.endpoint.opens_database else None


def _is_open(request: Request) -> bool:
    """Whether nobody in particular is told what there is not: where everybody is told what there is."""
    endpoint = getattr(request.scope.get("endpoint"), "endpoint", None)
    return visit_of(request.scope).is_somebody or (endpoint is not None and endpoint.needs is Need.NOTHING)


async def _not_found(request: Request, error: Exception) -> Response:
    if not _is_open(request):
        return refusal(who_are_you(), request.scope)
    return answer({"error": "not_found", "reason": "missing"}, 404)


async def _wrong_method(request: Request, error: Exception) -> Response:
    if not _is_open(request):
        return refusal(who_are_you(), request.scope)
    assert isinstance(error, HTTPException)
    headers = error.headers or {}
    allowed = ",".join(sorted(method.strip() for method in headers.get("Allow", "").split(",")))
    return answer({"error": "method_not_allowed", "reason": f"Only {allowed} allowed"}, 405, headers)


async def _unexpected(_: Request, error: Exception) -> Response:
    return problem(ReplicaError(f"{type(error).__name__}: the server's log has more"))


_PROBLEMS: Any = {404: _not_found, 405: _wrong_method, Exception: _unexpected}
