"""Pickles what plain pickle cannot: functions and classes that travel with their code.

What the other side has by name goes by reference (`_known` says what that is). Any other function names the namespace
that it belongs to, and uses the other side's. Names that the function uses and that may be missing there come along in
a pickle of their own, and so do classes. Each has a digest, by which the other side sees whether it has got the same
thing before; `_namespaces` reads all that. cloudpickle takes classes and code objects apart. When something cannot be
sent, the error is the one raised for that.
"""

from __future__ import annotations

import dis
import enum
import functools
import hashlib
import importlib
import io
import pickle
import re
import sys
import types
import weakref
from collections import ChainMap

import cloudpickle

from . import _made_again, _namespaces, _pickling
from ._known import Known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Name = tuple[str, str]

_as_a_copy = cloudpickle.Pickler.dispatch_table[io.TextIOWrapper]
#: A function's attributes that are not in its code.
_VALUES = ("__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__", "__annotations__")
#: A function that uses one of these may find global names by their text.
_LOOKS_UP = frozenset(("globals", "eval", "exec", "modules", "__main__"))
_WORD = re.compile(r"[^\W\d]\w*")
#: The longest text that is sent in case it is needed.
_SMALL = 256
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")

_used: weakref.WeakKeyDictionary[types.CodeType, tuple[str, ...]] = weakref.WeakKeyDictionary()


def _refuse_file(file: io.TextIOWrapper) -> Any:
    # A copy would have the rest of the content, but would be another file. Standard streams mean those of the other
    # process.
    if file is sys.stdout or file is sys.stderr:
        return _as_a_copy(file)
    raise TypeError(f"cannot pickle '{type(file).__module__}.{type(file).__qualname__}' object")


class _Along:
    """All that has to come along with an object."""

    def __init__(self, known: Known) -> None:
        self.known = known
        #: `called` are names that must be there for unpickling, `used` are names that some function uses when it runs,
        #: which it may never do. With each: its value, and the function that uses it.
        self.called: dict[Name, tuple[Any, str]] = {}
        self.used: dict[Name, tuple[Any, str]] = {}
        #: Names that a function may look up by their text.
        self.hoped: dict[Name, tuple[Any, str]] = {}
        self.classes: dict[str, type] = {}
        self.about: dict[str, dict[str, Any] | None] = {}

    def __bool__(self) -> bool:
        return bool(self.called or self.used or self.hoped or self.classes)

    def add(self, other: _Along) -> None:
        """Adds what comes along with another object."""
        self.called.update(other.called)
        self.used.update(other.used)
        self.hoped.update(other.hoped)
        self.classes.update(other.classes)
        self.about.update(other.about)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def __init__(
        self, file: io.BytesIO, buffers: list[pickle.PickleBuffer] | None, along: _Along, whole: dict[Name | str, bytes]
    ) -> None:
        callback = None if buffers is None else functools.partial(_pickling.keep_small, buffers)
        # The C pickler reads this attribute once, when it is made.
        files = {io.TextIOWrapper: _refuse_file}
        self.dispatch_table = ChainMap(files, cloudpickle.Pickler.dispatch_table, _pickling.reducers())
        super().__init__(file, 5, buffer_callback=callback)
        self._along = along
        self._whole = whole
        self._cells: set[int] = set()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, types.FunctionType):
            return self._function(obj) if obj.__code__ is not _made_again.DISPATCHER else self._again(obj)
        if isinstance(obj, _made_again.CACHED):
            return self._again(obj)
        if self._whole and type(obj) in _made_again.ANEW:
            # It belongs to the program, not to the call: the other side makes its own, as if it had run the program.
            return _made_again.anew(obj)
        if isinstance(obj, enum.Enum) and _made_again.is_plain_member(obj):
            return getattr, (type(obj), obj._name_)
        if isinstance(obj, types.CellType) and id(obj) in self._cells:
            # Its content comes with the function's state. By then the function exists, and the content may refer to it.
            return types.CellType, ()
        if issubclass(type(obj), type):
            return self._class(obj)
        if isinstance(obj, types.ModuleType) and sys.modules.get(obj.__name__) is obj:
            # Also a module that has a class of its own.
            return importlib.import_module, (obj.__name__,)
        return NotImplemented

    def _again(self, obj: Any) -> Any:
        """A function that a decorator of `functools` has wrapped: wrapped again on the other side."""
        found = _place(obj)
        reduced = None if found is None else self._by_name(obj, *found)
        return _made_again.reduced(obj) if reduced is None else reduced

    def _by_name(self, obj: Any, place: Name, is_called_so: bool) -> Any:
        """A reference, if the other side has the object by then; `None` if it must be sent."""
        key, name = place
        along = self._along
        if along.known.has(key, name) if is_called_so else along.known.has_this(key, name):
            if is_called_so and _attribute(sys.modules.get(obj.__module__), name) is obj:
                # Plain pickle has a shorter form for it.
                return NotImplemented
            return _namespaces.named, place
        if isinstance(obj, type) or "." in name or _namespaces.is_importable(key):
            return None
        if place in self._whole:
            return None
        along.called.setdefault(place, (obj, name))
        self._note(key)
        return (_namespaces.named if is_called_so else _namespaces.arrived), place

    def _note(self, key: str) -> dict[str, Any] | None:
        """The attributes from which the other side makes that namespace; `None` for one that it has."""
        about = self._along.about
        if key not in about:
            names = _namespaces.names_of(key)
            kept = ("__name__", "__package__", "__path__", "__file__")
            about[key] = None if key == _namespaces.MAIN else {name: names[name] for name in kept if name in names}
        return about[key]

    def _function(self, function: types.FunctionType) -> Any:
        if function.__module__ == _namespaces.__name__:
            # Our own functions, which read this pickle, are found by name everywhere.
            return NotImplemented
        found = _place(function)
        reduced = None if found is None else self._by_name(function, *found)
        if reduced is not None:
            return reduced
        names, code = function.__globals__, function.__code__
        key = _key_of(names)
        used = [name for name in _names_used(code) if name in names]
        about = None
        if not _namespaces.is_importable(key):
            about = self._note(key)
            for name in used:
                if self._along.known.may_lack(key, name):
                    self._along.used.setdefault((key, name), (names[name], function.__qualname__))
            for name in _names_looked_up(function):
                if self._along.known.may_lack(key, name):
                    self._along.hoped.setdefault((key, name), (names[name], function.__qualname__))
        closed_over = function.__closure__ or ()
        self._cells.update(map(id, closed_over))
        values = {name: getattr(function, name) for name in _VALUES}
        if getattr(function, "__type_params__", ()):
            values["__type_params__"] = function.__type_params__  # type: ignore[attr-defined]
        contents = [_content(cell) for cell in closed_over]
        state = function.__dict__, values, contents
        modules = _submodules(code, [names[name] for name in used] + [content[0] for content in contents if content])
        made_of = key, about, not used, code, closed_over, modules
        if found is not None and found[0] in self._whole:
            place = found[0]
            call = _namespaces.make_named, (*place, self._whole[place], *made_of)
            return *call, (*place, self._whole[place], state), None, None, _namespaces.fill_named
        return _namespaces.make_function, made_of, state, None, None, _namespaces.fill_function

    def _class(self, cls: Any) -> Any:
        if getattr(cls, "__module__", None) in _namespaces.MAINS:
            found = _place(cls)
            reduced = None if found is None else self._by_name(cls, *found)
            if reduced is not None:
                return reduced
        reduced = super().reducer_override(cls)
        if reduced is NotImplemented or len(reduced) < 6:
            return reduced
        if _made_again.is_of_an_extension(cls):
            # Only its own module can make it, so it is not copied; pickle reports that it is not found by name.
            return NotImplemented
        number = _namespaces.identity(cls)
        if number not in self._whole:
            self._along.classes.setdefault(number, cls)
            return _namespaces.class_of, (number,)
        make, arguments, state, _, _, fill = reduced
        call = _namespaces.make_class, (number, make, arguments)
        return *call, (self._whole[number], fill, state), None, None, _namespaces.fill_class


def _content(cell: types.CellType) -> tuple[Any] | None:
    try:
        return (cell.cell_contents,)
    except ValueError:
        return None


def _key_of(names: dict[str, Any]) -> str:
    return _namespaces.key_of(names, cloudpickle.list_registry_pickle_by_value())


def _attribute(found: Any, name: str) -> Any:
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _place(obj: Any) -> tuple[Name, bool] | None:
    """Where a function or a class is found by name, and whether that is its own name."""
    module = sys.modules.get(getattr(obj, "__module__", None) or "")
    if module is not None and _attribute(module, obj.__qualname__) is obj:
        return (_key_of(vars(module)), obj.__qualname__), True
    candidates = [obj.__globals__] if isinstance(obj, types.FunctionType) else []
    if not candidates:
        candidates += [] if module is None else [vars(module)]
        candidates += [space.names for space in _namespaces.marked()]
    for names in candidates:
        for name, value in list(names.items()):
            if value is obj:
                # Found under a name, perhaps in a program that runs outside the main module's namespace.
                return (_key_of(names), name), name == obj.__qualname__
    return None


def _names_used(code: types.CodeType) -> tuple[str, ...]:
    """The global names that the code reads, including those read by functions and classes inside it."""
    found = _used.get(code)
    if found is None:
        names = dict.fromkeys(step.argval for step in dis.get_instructions(code) if step.opname in _LOADS)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                names.update(dict.fromkeys(_names_used(constant)))
        found = _used[code] = tuple(names)
    return found


def _names_looked_up(function: types.FunctionType) -> list[str]:
    """The global names that a function may look up by their text, as far as they stand for code or for constants."""
    names = function.__globals__
    if not _LOOKS_UP.isdisjoint(_words(function.__code__)):
        found = list(names)
    else:
        texts = [text for text in function.__annotations__.values() if isinstance(text, str)]
        found = [word for text in texts for word in _WORD.findall(text) if word in names]
    return [name for name in found if _is_small(names[name])]


def _is_small(value: Any) -> bool:
    """Whether it is small enough to be sent in case it is needed."""
    return isinstance(value, (types.FunctionType, type, int, float, complex, bool, types.NoneType)) or (
        isinstance(value, (str, bytes)) and len(value) <= _SMALL
    )


def _submodules(code: types.CodeType, values: list[Any]) -> list[types.ModuleType]:
    """The modules that code finds as attributes of packages, because they have been imported."""
    found = []
    for package in values:
        if isinstance(package, types.ModuleType) and hasattr(package, "__path__"):
            words, prefix = _words(code), f"{package.__name__}."
            for name, module in list(sys.modules.items()):
                if name.startswith(prefix) and words.issuperset(name.removeprefix(prefix).split(".")):
                    found.append(module)
    return found


def _words(code: types.CodeType) -> set[str]:
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*map(_words, inner))


def dumps(obj: object, large: list[pickle.PickleBuffer] | None, known: Known) -> bytes:
    """Pickles by value; plain pickle reads the result."""
    along = _Along(known)
    body = _written(obj, large is not None, along, {})
    if not along:
        if large is not None:
            large += body[1]
        return body[0]
    values, digests, missing = _values(along, large is not None)
    names = [(*what, digest, known.redefined(*what)) for what, digest in digests.items() if isinstance(what, tuple)]
    classes = [(what, digest) for what, digest in digests.items() if isinstance(what, str)]
    whole = _written(values, large is not None, along, digests)
    file = io.BytesIO()
    callback = None if large is None else functools.partial(_pickling.keep_small, large)
    parcel = _Parcel((along.about, names, classes, missing, whole, body))
    pickle.Pickler(file, 5, buffer_callback=callback).dump(parcel)
    return file.getvalue()


class _Parcel:
    def __init__(self, parts: tuple[Any, ...]) -> None:
        self._parts = parts

    def __reduce__(self) -> Any:
        return _namespaces.opened, self._parts


Written = tuple[bytes, "list[pickle.PickleBuffer]"]


def _written(obj: object, apart: bool, along: _Along, whole: dict[Name | str, bytes]) -> Written:
    """Pickles one object. What is in `whole` is written in full, with its digest; the rest is named where possible."""
    file = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    _Pickler(file, buffers if apart else None, along, whole).dump(obj)
    return file.getvalue(), buffers


Missing = list[tuple[str, str, bool, str]]


def _values(along: _Along, apart: bool) -> tuple[dict[Any, Any], dict[Name | str, bytes], Missing]:
    """Finds all that has to come along, and what that needs in turn: values, digests, and what cannot be sent."""
    values: dict[Any, Any] = {}
    digests: dict[Name | str, bytes] = {}
    missing: dict[Name, str] = {}
    dropped: set[Any] = set()
    while new := _wanted(along, values.keys() | missing.keys() | (dropped - along.used.keys())):
        for what, (value, user) in new.items():
            more = _Along(along.known)
            try:
                stream, buffers = _written(value, apart, more, {what: b""})
            except Exception as error:
                if isinstance(what, str) or what in along.called:
                    raise
                if what not in along.used:
                    dropped.add(what)
                    continue
                # The other side may have one of its own, and only it can tell; so the reason is sent along.
                missing[what] = f"{what[1]!r}, which {user} uses, cannot be sent: {error}"
                continue
            along.add(more)
            hashed = hashlib.blake2b(stream, digest_size=16)
            for buffer in buffers:
                hashed.update(buffer.raw())
            values[what] = value
            digests[what] = hashed.digest()
    return values, digests, [(*place, along.known.redefined(*place), reason) for place, reason in missing.items()]


def _wanted(along: _Along, seen: set[Any]) -> dict[Any, tuple[Any, str]]:
    classes = {number: (cls, "") for number, cls in along.classes.items()}
    everything: dict[Any, tuple[Any, str]] = {**along.hoped, **along.used, **along.called, **classes}
    return {what: value for what, value in everything.items() if what not in seen}
