"""Managers: objects that one process keeps for others, who have proxies of them.

The code is the standard library's, on what is here, with three things of our own. Where client and server stand in the
same arena, each thread calls the server through a pipe of its own in shared memory. Any other client, of a plain
interpreter or on another host, uses sockets as ever. Queues, locks, semaphores, events, conditions and barriers of a
`SyncManager` stand in shared memory themselves, and no server is asked for them (`_managed`). When the server has
ended, each call and each wait is an error that says so.
"""

from __future__ import annotations

import itertools
import os
import threading
from traceback import format_exc

from manyhands import _bare, _engine, _passed_on, _pickling, _std

from . import _lines, _managed, _server_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    SyncManager: Any


standard: Any = _std.standing_on_ours("managers")
_pickling.has_proxies = True
if not _std.aliased:
    # A plain client must find the class of what it is sent. By its own name that is this one.
    standard.Token = _std.module("managers").Token

#: By address and key: the server there; `None` where it is none of ours, or of another arena.
_servers: dict[Any, _Known | None] = {}


class _Objects(dict["Any", "Any"]):
    """What a server keeps, by identity. What stands in shared memory is there as well, for clients that have sockets
    only, and under `None` the server itself, for clients that have a pipe."""

    def __init__(self, server: Any) -> None:
        super().__init__({"0": (None, ()), None: (_Face(server), _Face.exposed, None)})

    def __missing__(self, ident: str) -> Any:
        found = _managed.find(ident)
        if found is None:
            raise KeyError(ident)
        self[ident] = entry = (found, set(found.methods), None)
        return entry


class _Face:
    """What a client asks the server itself for. An error there has a text only, as through a socket."""

    exposed = frozenset(
        {
            *("create", "get_methods", "debug_info", "number_of_objects", "dummy", "incref", "decref", "shutdown"),
            *("_manyhands_keep", "_manyhands_arrived"),
        }
    )

    def __init__(self, server: Any) -> None:
        self._server = server

    def shutdown(self) -> None:
        """Has the server end."""
        self._server.stop_event.set()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._server, name)

        def ask(*args: Any, **kwds: Any) -> Any:
            try:
                return method(None, *args, **kwds)
            except Exception:
                raise standard.RemoteError(format_exc()) from None

        return ask


def _is_standard(registry: Any, typeid: str) -> bool:
    """Whether a registry has for the type what `SyncManager` has."""
    return bool(registry.get(typeid) == standard.SyncManager._registry[typeid])


#: The methods of a server that a class of a program's own may have replaced.
_METHODS = (*_Face.exposed, "serve_client", "accept_connection", "handle_request", "accepter")


class _Serving:
    """What servers do otherwise than in the standard library: clients in the same arena have pipes. The methods are put
    into its class, since other classes derive from that."""

    init = standard.Server.__init__
    serve = standard.Server.serve_forever
    count_up = standard.Server.incref

    def __init__(self: Any, registry: Any, address: Any, authkey: Any, serializer: str) -> None:
        _Serving.init(self, registry, address, authkey, serializer)
        self.id_to_obj = _Objects(self)
        # Nobody can guess it, and it fits a number of 64 bits.
        self._manyhands_key = int.from_bytes(os.urandom(8), "little")
        self._manyhands_held = _engine.Lease(self._manyhands_key)
        self._manyhands_numbers = itertools.count(1)
        self._manyhands_tickets: dict[int, str] = {}

    def serve_forever(self: Any) -> None:
        """Serves until a client asks it to end."""
        try:
            _Serving.serve(self)
        finally:
            self._manyhands_held.end()

    def _manyhands_lease(self: Any, c: Any) -> tuple[int, int, list[str]] | None:
        """By which lease clients know whether the server lives and stands in their arena, and what it makes as every
        `SyncManager` does. A server with methods of its own is called as the standard library does it."""
        kind = type(self)
        if self.public is not standard.Server.public or any(
            getattr(kind, name) is not getattr(standard.Server, name) for name in _METHODS
        ):
            return None
        types = [name for name in _managed.TYPES if _is_standard(self.registry, name)]
        return self._manyhands_key, self._manyhands_held.handle, types

    def _manyhands_pipe(self: Any, c: Any, name: str, handles: tuple[int, int]) -> None:
        """Serves a client through a pipe, in this thread."""
        pipe = _engine.PipeEnd(handles)
        threading.current_thread().name = name
        c.send(("#RETURN", None))
        c.close()
        self.serve_client(pipe)

    def _manyhands_keep(self: Any, c: Any, ident: str) -> int:
        """Keeps an object for a message that names it, until the ticket is shown."""
        self.incref(c, ident)
        ticket = next(self._manyhands_numbers)
        self._manyhands_tickets[ticket] = ident
        return int(ticket)

    def _manyhands_arrived(self: Any, c: Any, ticket: int) -> None:
        """The message has arrived, or was not sent."""
        ident = self._manyhands_tickets.pop(ticket, None)
        if ident is not None:
            self.decref(c, ident)

    def incref(self: Any, c: Any, ident: str) -> None:
        """One more client has a proxy of the object."""
        if ident not in self.id_to_refcount and _managed.is_identity(ident):
            self.id_to_obj[ident]
            with self.mutex:
                self.id_to_refcount.setdefault(ident, 0)
        _Serving.count_up(self, c, ident)


def _put_into(kind: Any, methods: type, *names: str) -> None:
    """Gives a class of the standard library's code these methods."""
    for name in names:
        method = vars(methods)[name]
        method.__qualname__ = f"{kind.__name__}.{name}"
        setattr(kind, name, method)


_OWN = ("_manyhands_lease", "_manyhands_pipe", "_manyhands_keep", "_manyhands_arrived")
_put_into(standard.Server, _Serving, "__init__", "serve_forever", "incref", *_OWN)
standard.Server.public = [*standard.Server.public, *_OWN]


class _Known:
    """A server of ours, in our arena."""

    def __init__(self, key: int, lease: _engine.Lease, types: frozenset[str]) -> None:
        self.key = key
        self.lease = lease
        #: The types that it makes as every `SyncManager` does.
        self.types = types


def _known(address: Any, authkey: bytes) -> _Known | None:
    """The server at that address, if it is one of ours, in our arena. A client with that key was let in before."""
    place = address, bytes(authkey)
    known = _servers.get(place)
    if known is not None and not known.lease.is_over():
        return known
    if known is None and place in _servers:
        return None
    conn = _reach(address, None, authkey)
    try:
        answer = standard.dispatch(conn, None, "_manyhands_lease")
    except standard.RemoteError:
        answer = None
    except _lines.LOST as error:
        raise _lines.gone(error, address) from None
    finally:
        conn.close()
    found = None
    if answer is not None:
        key, handle, types = answer
        lease = _managed.lease_of(key, handle)
        found = None if lease is None else _Known(key, lease, frozenset(types))
    _servers[place] = found
    return found


def _own_name() -> str:
    name: str = standard.process.current_process().name
    thread = threading.current_thread().name
    return name if thread == "MainThread" else f"{name}|{thread}"


def _local_of(address: Any) -> Any:
    """What this thread has for the server at that address."""
    with standard.BaseProxy._mutex:
        local = standard.BaseProxy._address_to_local.get(address)
        if local is None:
            local = standard.util.ForkAwareLocal(), standard.ProcessLocalSet()
            standard.BaseProxy._address_to_local[address] = local
    return local[0]


def _connected(address: Any, authkey: bytes) -> Any:
    """Something that the server serves as this thread: a pipe, or else a socket."""
    try:
        return _pipe_or_socket(address, authkey)
    except _lines.LOST as error:
        raise _lines.gone(error, address) from None


def _pipe_or_socket(address: Any, authkey: bytes) -> Any:
    known = _known(address, authkey)
    if known is not None:
        ours, theirs = _engine.PipeEnd.pair(known.lease)
        conn = _reach(address, None, authkey)
        try:
            standard.dispatch(conn, None, "_manyhands_pipe", (_own_name(), theirs.handles))
            return ours
        except standard.RemoteError:
            # Its server had no room for a pipe. A socket takes none.
            pass
        finally:
            conn.close()
    conn = _reach(address, None, authkey)
    standard.dispatch(conn, None, "accept_connection", (_own_name(),))
    return _lines.Socket(conn)


_SocketClient = standard.listener_client["pickle"][1]


def _reach(address: Any, family: str | None, authkey: bytes | None) -> Any:
    """A socket to the server at that address."""
    try:
        return _SocketClient(address, family, authkey)
    except _lines.LOST as error:
        raise _lines.gone(error, address) from None


def _client(address: Any, family: str | None = None, authkey: bytes | None = None) -> Any:
    """A connection for one question to the server itself: this thread's line, where it is a pipe that is not in use."""
    if authkey is None or _known(address, authkey) is None:
        return _reach(address, family, authkey)
    local = _local_of(address)
    line = vars(local).get("connection")
    if line is None:
        line = local.connection = _lines.Line(_connected(address, authkey), local, address, authkey)
    if line.authkey == authkey and isinstance(line.conn, _engine.PipeEnd) and not line.busy:
        lent = _lines.Borrowed(line)
        if lent.is_good:
            return lent
    return _reach(address, family, authkey)


standard.listener_client["pickle"] = (standard.listener_client["pickle"][0], _client)


def _ask(address: Any, authkey: bytes, what: str, *arguments: Any) -> Any:
    """Asks the server itself."""
    conn = _client(address, authkey=authkey)
    try:
        return standard.dispatch(conn, None, what, arguments)
    finally:
        conn.close()


class _Proxy:
    """What proxies do otherwise than in the standard library. The methods are put into its class, since programs'
    classes and those made for registered types derive from that."""

    connect = standard.BaseProxy._connect
    call = standard.BaseProxy._callmethod
    init = standard.BaseProxy.__init__
    incref = standard.BaseProxy._incref
    reduce = standard.BaseProxy.__reduce__

    def __init__(
        self: Any,
        token: Any,
        serializer: str,
        manager: Any = None,
        authkey: bytes | None = None,
        exposed: Any = None,
        incref: bool = True,
        manager_owned: bool = False,
    ) -> None:
        #: What it is a proxy of, if that stands in shared memory.
        self._manyhands_managed = _managed.find(token.id)
        _Proxy.init(self, token, serializer, manager, authkey, exposed, incref, manager_owned)

    def _connect(self: Any) -> None:
        if self._Client is not _client:
            _Proxy.connect(self)
            return
        conn = _connected(self._token.address, self._authkey)
        self._tls.connection = _lines.Line(conn, self._tls, self._token.address, self._authkey)

    def _callmethod(self: Any, methodname: str, args: Any = (), kwds: Any = {}) -> Any:  # noqa: B006
        """Calls a method of what this is a proxy of, and gives a copy of the result."""
        managed = self._manyhands_managed
        if managed is None:
            line = vars(self._tls).get("connection")
            if isinstance(line, _lines.Line) and line.busy:
                with _lines.Aside(self._tls, line):
                    return _Proxy.call(self, methodname, args, kwds)
            try:
                return _Proxy.call(self, methodname, args, kwds)
            except BaseException:
                line = vars(self._tls).get("connection")
                if isinstance(line, _lines.Line):
                    line.drop_if_busy()
                raise
        managed.check()
        if methodname in managed.methods:
            return getattr(managed, methodname)(*args, **kwds)
        if methodname in ("__str__", "__repr__"):
            return repr(managed)
        raise standard.RemoteError(f"method {methodname!r} of {managed!r} is not there for proxies")

    def _incref(self: Any) -> None:
        if self._manyhands_managed is None:
            _Proxy.incref(self)

    def __reduce__(self: Any) -> Any:
        if self._manyhands_managed is not None:
            self._manyhands_managed.note()
            return _Proxy.reduce(self)
        rebuild, arguments = _Proxy.reduce(self)
        returns = _pickling.carried.returns
        address, authkey = self._token.address, self._authkey
        if returns is not None and self._Client is _client and _known(address, authkey) is not None:
            # The one that put it may have ended when another takes it.
            ticket = _ask(address, authkey, "_manyhands_keep", self._id)
            returns.append(lambda: _ask(address, authkey, "_manyhands_arrived", ticket))
            arguments[-1]["manyhands_ticket"] = ticket
        return rebuild, arguments


_put_into(standard.BaseProxy, _Proxy, "__init__", "_connect", "_callmethod", "_incref", "__reduce__")

_rebuild = standard.RebuildProxy


def RebuildProxy(func: Any, token: Any, serializer: str, kwds: dict[str, Any]) -> Any:
    """Makes the proxy of a pickle."""
    if _managed.find(token.id) is not None:
        kwds.pop("incref", None)
        return func(token, serializer, incref=False, **kwds)
    ticket = kwds.pop("manyhands_ticket", None)
    proxy = _rebuild(func, token, serializer, kwds)
    if ticket is not None:
        _ask(token.address, proxy._authkey, "_manyhands_arrived", ticket)
    return proxy


standard.RebuildProxy = RebuildProxy

_start = standard.BaseManager.start


def start(self: Any, initializer: Any = None, initargs: Any = ()) -> None:
    """Starts the server's process."""
    try:
        _start(self, initializer, initargs)
    except EOFError:
        raise _server_end.before_it_served(self._process) from None


start.__qualname__ = "BaseManager.start"
standard.BaseManager.start = start

_finalize = standard.BaseManager._finalize_manager


def _finalize_manager(process: Any, address: Any, *more: Any) -> None:
    """Ends the server, and with it all that it has made in shared memory."""
    _finalize(process, address, *more)
    for place in [place for place in _servers if place[0] == address]:
        known = _servers.pop(place)
        if known is not None:
            known.lease.look()


standard.BaseManager._finalize_manager = staticmethod(_finalize_manager)


def _make(manager: Any, typeid: str, kind: type[_managed.Managed], args: Any, kwds: dict[str, Any]) -> Any:
    """A proxy of a new object in shared memory; `None` where that must be asked of the server."""
    if manager._state.value != standard.State.STARTED or manager._serializer != "pickle":
        return None
    if type(manager)._create is not standard.BaseManager._create or not _is_standard(manager._registry, typeid):
        return None
    known = _known(manager._address, manager._authkey)
    if known is None or typeid not in known.types:
        return None
    try:
        managed = kind.make(known.key, known.lease, manager._ctx.get_context(), *args, **kwds)
    except (TypeError, ValueError, OverflowError, _managed.OnlyOnServer):
        # The server says what is wrong with the arguments, or does what cannot be done here.
        return None
    _, exposed, _, proxytype = manager._registry[typeid]
    token = standard.Token(typeid, manager._address, managed.identity)
    return proxytype(
        token,
        manager._serializer,
        manager=manager,
        authkey=manager._authkey,
        exposed=exposed or managed.methods,
        incref=False,
    )


def _in_shared_memory(typeid: str, kind: type[_managed.Managed]) -> None:
    """Has managers make objects of that type in shared memory."""
    by_server = getattr(standard.SyncManager, typeid)

    def make(self: Any, /, *args: Any, **kwds: Any) -> Any:
        made = _make(self, typeid, kind, args, kwds)
        return by_server(self, *args, **kwds) if made is None else made

    make.__name__ = make.__qualname__ = typeid
    make.__annotations__ = {}
    setattr(standard.SyncManager, typeid, make)


for _name, _kind in _managed.TYPES.items():
    _in_shared_memory(_name, _kind)

__all__ = standard.__all__
_bare.without_annotations(globals())
# Pickles name it so.
RebuildProxy.__module__ = standard.__name__
_passed_on.pass_on(__name__, standard)
