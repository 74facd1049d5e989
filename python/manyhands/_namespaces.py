"""Where code that has travelled by value lives: its namespaces, names and classes, one of each per process.

A function is made in the namespace of its own module, as this process has it. That is its main module, whichever name
it was imported under, a module that can be imported, or a namespace kept here for code that belongs to no module. Names
that the sender's function uses and this process may lack come along. They are set where they are missing; what this
process has itself stays. A class has an identity, which it keeps there and back.

`_by_value` writes what is read here. A pickle refers to the functions here by their names, so that plain pickle reads
it. Design: docs/design.md.
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
#: The names of the main module. A fresh interpreter, which runs its file once more, uses the second one.
MAINS = (MAIN, "__mp_main__")
#: Names that each namespace has of its own.
OWN = frozenset(
    ("__builtins__", "__name__", "__package__", "__path__", "__file__", "__spec__", "__loader__", "__doc__")
)

_MARK = "__manyhands_namespace__"


class Namespace:
    """The names that functions of no importable module use, and those of them that came from another process."""

    def __init__(self, key: str, names: dict[str, Any]) -> None:
        self.key = key
        self.names = names
        #: For each name that came: the object, and the digest it came with.
        self.came: dict[str, tuple[Any, bytes]] = {}


#: The namespaces that belong to no module. Each lives as long as its names, since they refer to it.
_marked: weakref.WeakValueDictionary[str, Namespace] = weakref.WeakValueDictionary()
#: The last ones are kept, so that a program's code finds again what an earlier call left there.
_last_marked: deque[Namespace] = deque(maxlen=64)
#: For each module in `sys.modules`: the objects that came, by name.
_came: dict[str, dict[str, tuple[Any, bytes]]] = {}

#: Called with each name that came, which this process may then use when it answers.
learn: Callable[[str, str, Any], None] | None = None


def marked() -> list[Namespace]:
    """The namespaces that belong to no module."""
    return list(_marked.values())


def mark(names: dict[str, Any]) -> Namespace:
    """The namespace of these names, which belong to no module; made if need be."""
    found: Namespace | None = names.get(_MARK)
    # A copied dictionary has the mark of the original.
    if found is None or found.names is not names:
        found = names[_MARK] = Namespace("#" + os.urandom(12).hex(), names)
        _marked[found.key] = found
    return found


def programs() -> list[Namespace]:
    """The namespaces of callers that run as `__main__` outside that module, as a profiler runs a program."""
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
    """The key of the namespace in other processes.

    That is a module's name, `?` and the name for a module that cannot be imported, or `#` and a number for no module.
    """
    if names is main_names() or names is vars(sys.modules[MAIN]):
        return MAIN
    name = names.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    if name in by_value or module is None or getattr(module, "__dict__", None) is not names:
        return mark(names).key
    assert isinstance(name, str)
    return name if getattr(module, "__spec__", None) is not None else "?" + name


def is_importable(key: str) -> bool:
    """Whether any process finds the names of the namespace by importing a module."""
    return key != MAIN and key[0] not in "?#"


def names_of(key: str, about: dict[str, Any] | None = None, bare: bool = False) -> dict[str, Any]:
    """The names of the namespace, which is made if need be. `bare` says that the function uses none of them."""
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

#: The main module of a process that could not import it: it has only what came.
made_main: types.ModuleType | None = None
#: A main module whose functions have their names in another dictionary, and that dictionary.
_imported_main: tuple[types.ModuleType, dict[str, Any]] | None = None


def make_main(about: dict[str, Any]) -> None:
    """Gives this interpreter an empty main module, in place of one that it cannot import."""
    global made_main
    made_main = types.ModuleType(MAIN)
    vars(made_main).update(about, __builtins__=builtins)
    sys.modules[MAIN] = sys.modules["__mp_main__"] = made_main


def main_was_imported() -> None:
    """Finds the dictionary that the functions of an imported main module use: the module has a copy of it."""
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
    """The names of the main module, in the dictionary that its functions use."""
    main = sys.modules[MAIN]
    if _imported_main is not None and _imported_main[0] is main:
        return _imported_main[1]
    return vars(main)


# Functions.


def named(key: str, name: str) -> Any:
    """The object with that name in this process."""
    first, *rest = name.split(".")
    names = names_of(key)
    if first not in names:
        raise AttributeError(f"this process has no {name!r} in {key.lstrip('?#')!r}")
    found = names[first]
    for part in rest:
        found = getattr(found, part)
    return found


def make_function(
    key: str, about: dict[str, Any] | None, bare: bool, code: types.CodeType, cells: tuple[Any, ...], _modules: object
) -> types.FunctionType:
    """A function in its own namespace; `fill_function` sets the rest. Unpickling `_modules` has imported them."""
    return types.FunctionType(code, names_of(key, about, bare), None, None, cells or None)


def arrived(key: str, name: str) -> Any:
    """The object that came last under that name, whether or not this process has one of its own."""
    return _came_to(key)[name][0]


def make_named(key: str, name: str, digest: bytes, *made_of: Any) -> types.FunctionType:
    """A function with a name: the one that came before, if the digest is the same."""
    found = _came_so(key, name, digest)
    return make_function(*made_of) if found is None else found


def fill_named(function: types.FunctionType, state: tuple[str, str, bytes, Any]) -> None:
    """Sets the rest of a function, unless it came before."""
    key, name, digest, rest = state
    if function is not _came_so(key, name, digest):
        fill_function(function, rest)


def fill_function(function: types.FunctionType, state: tuple[dict[str, Any], dict[str, Any], list[Any]]) -> None:
    """Sets a function's attributes and the contents of its cells; `None` stands for an empty cell."""
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
#: The classes that came from another process, each with its digest.
_class_came: weakref.WeakKeyDictionary[type, bytes] = weakref.WeakKeyDictionary()
_last_classes: deque[type] = deque(maxlen=256)


def identity(cls: type) -> str:
    """The identity of the class, under which it travels by value and comes back."""
    found = _identities.get(cls)
    if found is None:
        found = _identities.setdefault(cls, os.urandom(12).hex())
        _classes[found] = cls
    return found


def identify_classes() -> None:
    """Gives an identity to all classes not found by name, because copies of this process will have them, too."""
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
    """The class with that identity."""
    return _classes[number]


def make_class(number: str, make: Callable[..., type], arguments: tuple[Any, ...]) -> type:
    """The class with that identity, which is made if it is not here."""
    found = _classes.get(number)
    if found is None:
        found = make(*arguments)
        _classes[number] = found
        _identities[found] = number
        _class_came[found] = b""
        _last_classes.append(found)
    return found


def fill_class(cls: type, state: tuple[bytes, Callable[[type, Any], object], Any]) -> None:
    """Sets the attributes of a class that came, unless it is this process's own or came with this digest before."""
    digest, fill, attributes = state
    if _class_came.get(cls, digest) != digest:
        _class_came[cls] = digest
        fill(cls, attributes)


# What comes along with the code that uses it.


def _came_to(key: str) -> dict[str, tuple[Any, bytes]]:
    space = _marked.get(key)
    return _came.setdefault(key, {}) if space is None else space.came


def _came_so(key: str, name: str, digest: bytes) -> Any:
    found = _came_to(key).get(name)
    return found[0] if found is not None and found[1] == digest else None


def _is_own(key: str, name: str, redefined: bool) -> bool:
    """Whether the object of that name was made in this process."""
    names = names_of(key)
    if name not in names:
        return False
    came = _came_to(key).get(name)
    if came is not None and came[0] is names[name]:
        return False
    # It may be a copy that a fork made, while the sender has defined the name anew since.
    return not redefined or (is_code(names[name]) and _copied(key, name) is not names[name])


def is_code(value: object) -> bool:
    """Whether the value is a function or a class."""
    return isinstance(value, (types.FunctionType, type))


def _nothing_copied(key: str, name: str) -> Any:
    return None


#: Gives the object that this process had by a name when it began; set in a worker.
_copied: Callable[[str, str], Any] = _nothing_copied


def begin_worker(copied: Callable[[str, str], Any], learn_name: Callable[[str, str, Any], None]) -> None:
    """Makes this process a worker; `copied` gives what it had by a name when it began."""
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
    """Unpickles `body`, after all that it uses. `missing` are names that could not be sent along."""
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
