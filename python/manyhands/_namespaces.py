"""Where code that travels by value lives: its namespace, names and classes, one of each per process.

A function is made in the namespace of its own module as this process has it: its main module, whatever name that
was imported under, a module that can be imported, or one kept here for code that belongs to no module. What its
sender found there and this process may lack comes along, and is set where it is missing; what this process has itself
stays. Classes have an identity that is kept there and back. `_by_value` writes what is read here; what stands in a
pickle is named by it, so that plain pickle reads it. Design: docs/design.md.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import os
import pickle
import sys
import types
import weakref
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

MAIN = "__main__"
#: What the main module is called: in a fresh interpreter, which runs its file once more, it is the second.
MAINS = (MAIN, "__mp_main__")
#: What each namespace has of its own.
OWN = frozenset(
    ("__builtins__", "__name__", "__package__", "__path__", "__file__", "__spec__", "__loader__", "__doc__")
)

_MARK = "__manyhands_namespace__"


class Namespace:
    """The names of functions that belong to no module which could be imported, and what of them came from elsewhere."""

    def __init__(self, key: str, names: dict[str, Any]) -> None:
        self.key = key
        self.names = names
        #: Name to the object that came, and the digest of how it came.
        self.came: dict[str, tuple[Any, bytes]] = {}


#: Of those that belong to no module: each lives as long as its names, which have it among them.
_marked: weakref.WeakValueDictionary[str, Namespace] = weakref.WeakValueDictionary()
#: What came last is kept, so that a program's own code finds again what an earlier call left there.
_last_marked: deque[Namespace] = deque(maxlen=64)
#: Name to what came, for the modules that stand in the interpreter's register.
_came: dict[str, dict[str, tuple[Any, bytes]]] = {}

#: Told of each name that came: what this process may call by name when it answers.
learn: Callable[[str, str, Any], None] | None = None


def marked() -> list[Namespace]:
    """The namespaces that belong to no module."""
    return list(_marked.values())


def mark(names: dict[str, Any]) -> Namespace:
    """The namespace of these names, which belong to no module."""
    found: Namespace | None = names.get(_MARK)
    # A copy of the names has the mark of the first ones.
    if found is None or found.names is not names:
        found = names[_MARK] = Namespace("#" + os.urandom(12).hex(), names)
        _marked[found.key] = found
    return found


def programs() -> list[Namespace]:
    """The names of a program that runs as `__main__` outside that module, as profilers run one: those that call."""
    main = main_names()
    found = []
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        names = frame.f_globals
        if names is not main and names.get("__name__") == MAIN and names is not vars(sys.modules[MAIN]):
            found.append(mark(names))
        frame = frame.f_back
    return found


def key_of(names: dict[str, Any], by_value: set[str]) -> str:
    """What to call the namespace in other processes: a module's name; `?` and the name of one that nobody can import;
    `#` and a number for no module."""
    if names is main_names() or names is vars(sys.modules[MAIN]):
        return MAIN
    name = names.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    if name in by_value or module is None or getattr(module, "__dict__", None) is not names:
        return mark(names).key
    assert isinstance(name, str)
    return name if getattr(module, "__spec__", None) is not None else "?" + name


def is_importable(key: str) -> bool:
    """Whether whoever has the key finds the module's names by importing it."""
    return key != MAIN and key[0] not in "?#"


def names_of(key: str, about: dict[str, Any] | None = None, bare: bool = False) -> dict[str, Any]:
    """The names of the namespace, which is made if need be. A `bare` function uses none of them."""
    if key == MAIN:
        return main_names()
    if key[0] == "?" and key[1:] in sys.modules:
        return vars(sys.modules[key[1:]])
    if is_importable(key):
        module = sys.modules.get(key)
        try:
            return vars(importlib.import_module(key) if module is None else module)
        except ModuleNotFoundError as error:
            if not bare or error.name is None or not f"{key}.".startswith(error.name + "."):
                raise
            key, about = "?" + key, {"__name__": key}
    found = _marked.get(key)
    if found is None:
        names = {"__builtins__": builtins, **(about or {"__name__": key[1:]})}
        found = names[_MARK] = Namespace(key, names)
        _marked[key] = found
        _last_marked.append(found)
    return found.names


# The main module.

#: The one that has only what came, in a process that could not import it.
made_main: types.ModuleType | None = None
#: The one whose functions have their names elsewhere, and where.
_imported_main: tuple[types.ModuleType, dict[str, Any]] | None = None


def make_main(about: dict[str, Any]) -> None:
    """Gives this interpreter an empty main module, in place of one that it cannot import."""
    global made_main
    made_main = types.ModuleType(MAIN)
    vars(made_main).update(about, __builtins__=builtins)
    sys.modules[MAIN] = sys.modules["__mp_main__"] = made_main


def main_was_imported() -> None:
    """Finds the names that the main module's functions use: what a child imports is a copy of these."""
    global _imported_main
    main = sys.modules[MAIN]
    for value in list(vars(main).values()):
        for function in _functions_in(value):
            if function.__globals__.get("__name__") == main.__name__ == "__mp_main__":
                _imported_main = main, function.__globals__
                return


def _functions_in(value: Any) -> Iterator[types.FunctionType]:
    if isinstance(value, type) and value.__module__ in MAINS:
        for part in list(vars(value).values()):
            if not isinstance(part, type):
                yield from _functions_in(part)
    elif isinstance(value, types.FunctionType):
        yield value
    elif isinstance(value, functools.partial):
        yield from _functions_in(value.func)
    elif isinstance(value, property):
        yield from _functions_in(value.fget)
    elif isinstance(getattr(value, "__wrapped__", None), types.FunctionType):
        yield value.__wrapped__


def main_names() -> dict[str, Any]:
    """The names of the main module, as its functions have them."""
    main = sys.modules[MAIN]
    if _imported_main is not None and _imported_main[0] is main:
        return _imported_main[1]
    return vars(main)


# Functions.


def named(key: str, name: str) -> Any:
    """What has that name here."""
    first, *rest = name.split(".")
    names = names_of(key)
    if first not in names:
        raise AttributeError(f"this process has no {name!r} in its {key.lstrip('?#')!r}")
    found = names[first]
    for part in rest:
        found = getattr(found, part)
    return found


def make_function(
    key: str, about: dict[str, Any] | None, bare: bool, code: types.CodeType, cells: tuple[Any, ...], _modules: object
) -> types.FunctionType:
    """A function in its own namespace; `fill_function` sets the rest. The modules are imported by being unpickled."""
    return types.FunctionType(code, names_of(key, about, bare), None, None, cells or None)


def arrived(key: str, name: str) -> Any:
    """What came under that name last, whether or not this process has another one of its own."""
    return _came_to(key)[name][0]


def make_named(key: str, name: str, digest: bytes, *made_of: Any) -> types.FunctionType:
    """A function that has a name: the one that came before, if it is the same."""
    found = _came_so(key, name, digest)
    return make_function(*made_of) if found is None else found


def fill_named(function: types.FunctionType, state: tuple[str, str, bytes, Any]) -> None:
    """Sets the rest of a function that has just come."""
    key, name, digest, rest = state
    if function is not _came_so(key, name, digest):
        fill_function(function, rest)


def fill_function(function: types.FunctionType, state: tuple[dict[str, Any], dict[str, Any], list[Any]]) -> None:
    """Sets a function's attributes, and what it has closed over: `None` for a cell that is empty."""
    attributes, values, contents = state
    function.__dict__.update(attributes)
    for name, value in values.items():
        setattr(function, name, value)
    for cell, content in zip(function.__closure__ or (), contents, strict=True):
        if content is not None:
            (cell.cell_contents,) = content


# Classes.

_classes: weakref.WeakValueDictionary[str, type] = weakref.WeakValueDictionary()
_identities: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()
#: Those that came from elsewhere: the digest of how they came.
_class_came: weakref.WeakKeyDictionary[type, bytes] = weakref.WeakKeyDictionary()
_last_classes: deque[type] = deque(maxlen=256)


def identity(cls: type) -> str:
    """What the class is called where it goes by value, and where it comes back."""
    found = _identities.get(cls)
    if found is None:
        found = _identities.setdefault(cls, os.urandom(12).hex())
        _classes[found] = cls
    return found


def identify_classes() -> None:
    """Gives an identity to all classes that are not found by name, since copies of this process will have them, too."""
    main = main_names()
    seen, rest = set[int](), [object]
    while rest:
        for cls in type.__subclasses__(rest.pop()):
            if id(cls) not in seen:
                seen.add(id(cls))
                rest.append(cls)
                name = cls.__qualname__
                if "<locals>" in name or (cls.__module__ in MAINS and main.get(name, cls) is not cls):
                    identity(cls)


def class_of(number: str) -> type:
    """The class of that identity."""
    return _classes[number]


def make_class(number: str, make: Callable[..., type], arguments: tuple[Any, ...]) -> type:
    """The class of that identity, which is made if it is not here."""
    found = _classes.get(number)
    if found is None:
        found = make(*arguments)
        _classes[number] = found
        _identities[found] = number
        _class_came[found] = b""
        _last_classes.append(found)
    return found


def fill_class(cls: type, state: tuple[bytes, Callable[[type, Any], object], Any]) -> None:
    """Sets the attributes of a class that has come, unless it is this process's own or came so before."""
    digest, fill, attributes = state
    if _class_came.get(cls, digest) != digest:
        _class_came[cls] = digest
        fill(cls, attributes)


# What comes with what uses it.


def _came_to(key: str) -> dict[str, tuple[Any, bytes]]:
    space = _marked.get(key)
    return _came.setdefault(key, {}) if space is None else space.came


def _came_so(key: str, name: str, digest: bytes) -> Any:
    found = _came_to(key).get(name)
    return found[0] if found is not None and found[1] == digest else None


def _is_own(key: str, name: str, redefined: bool) -> bool:
    """Whether this process has made what it has by that name."""
    names = names_of(key)
    if name not in names:
        return False
    came = _came_to(key).get(name)
    if came is not None and came[0] is names[name]:
        return False
    # What was copied with this process may have been defined anew since.
    return not redefined or (is_code(names[name]) and _copied(key, name) is not names[name])


def is_code(value: object) -> bool:
    """Whether it is a function or a class."""
    return isinstance(value, (types.FunctionType, type))


def _nothing_copied(key: str, name: str) -> Any:
    return None


#: What this process had by that name when it began; set in a worker.
_copied: Callable[[str, str], Any] = _nothing_copied


def begin_worker(copied: Callable[[str, str], Any], learn_name: Callable[[str, str, Any], None]) -> None:
    """From now on this process is a worker that had these names when it began."""
    global _copied, learn
    _copied, learn = copied, learn_name


def opened(
    spaces: dict[str, dict[str, Any] | None],
    names: list[tuple[str, str, bytes, bool]],
    classes: list[tuple[str, bytes]],
    missing: list[tuple[str, str, bool, str]],
    along: tuple[bytes, list[Any]],
    body: tuple[bytes, list[Any]],
) -> Any:
    """The object of `body`, once what it uses is here. `missing` are names that could not come along."""
    for key, about in spaces.items():
        names_of(key, about)
    own = {(key, name) for key, name, _, redefined in names if _is_own(key, name, redefined)}
    news = [(key, name, digest) for key, name, digest, _ in names if _came_to(key).get(name, ("", b""))[1] != digest]
    if news or any(_is_news(number, digest) for number, digest in classes):
        values = pickle.loads(along[0], buffers=along[1])
        for key, name, digest in news:
            _came_to(key)[name] = values[key, name], digest
    for key, name, _, _ in names:
        if (key, name) not in own:
            value = names_of(key)[name] = _came_to(key)[name][0]
            if key == MAIN:
                setattr(sys.modules[MAIN], name, value)
            if learn is not None:
                learn(key, name, value)
    for key, name, redefined, reason in missing:
        if not _is_own(key, name, redefined):
            raise pickle.PicklingError(reason)
    return pickle.loads(body[0], buffers=body[1])


def _is_news(number: str, digest: bytes) -> bool:
    found = _classes.get(number)
    return found is None or _class_came.get(found, digest) != digest
