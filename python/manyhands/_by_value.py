"""Writes what pickle cannot ship: functions and classes that travel with their code.

What the other side has by name goes by reference (`_known` says what that is). Any other function names the namespace
that it belongs to, and gets the other side's. The names it uses that may be missing there come along in a pickle of
their own, as do classes, with a digest by which the other side sees whether they came so before: `_namespaces` reads
that. How a class or a code object is taken apart is cloudpickle's affair. An error is that of whatever cannot be sent.
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
#: The longest text that travels on the chance that it is needed.
_SMALL = 256
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")

_used: weakref.WeakKeyDictionary[types.CodeType, tuple[str, ...]] = weakref.WeakKeyDictionary()


def _refuse_file(file: io.TextIOWrapper) -> Any:
    # A copy of what it has left to read would be another file. The standard streams are every process's own.
    if file is sys.stdout or file is sys.stderr:
        return _as_a_copy(file)
    raise TypeError(f"cannot pickle '{type(file).__module__}.{type(file).__qualname__}' object")


class _Along:
    """What has to come along with an object."""

    def __init__(self, known: Known) -> None:
        self.known = known
        #: Names that are called for, and names that some function uses: it may never come to that. The value of each,
        #: and which function uses it.
        self.called: dict[Name, tuple[Any, str]] = {}
        self.used: dict[Name, tuple[Any, str]] = {}
        #: Names that a function may look up by their text.
        self.hoped: dict[Name, tuple[Any, str]] = {}
        self.classes: dict[str, type] = {}
        self.about: dict[str, dict[str, Any] | None] = {}

    def __bool__(self) -> bool:
        return bool(self.called or self.used or self.hoped or self.classes)

    def add(self, other: _Along) -> None:
        """And what comes along with that."""
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
        # It is looked for when the pickler is made.
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
            # Of the program, not of the call: as if the other side had run the program, too.
            return _made_again.anew(obj)
        if isinstance(obj, enum.Enum) and _made_again.is_plain_member(obj):
            return getattr, (type(obj), obj._name_)
        if isinstance(obj, types.CellType) and id(obj) in self._cells:
            # What is in it comes with the function's state, when the function is there to be referred to.
            return types.CellType, ()
        if issubclass(type(obj), type):
            return self._class(obj)
        if isinstance(obj, types.ModuleType) and sys.modules.get(obj.__name__) is obj:
            # Also one of a class of its own.
            return importlib.import_module, (obj.__name__,)
        return NotImplemented

    def _again(self, obj: Any) -> Any:
        """What decorators of `functools` have made of a function: made again of what that has become."""
        found = _place(obj)
        reduced = None if found is None else self._by_name(obj, *found)
        return _made_again.reduced(obj) if reduced is None else reduced

    def _by_name(self, obj: Any, place: Name, is_called_so: bool) -> Any:
        """By reference if the other side has it, or will have it by then; `None` otherwise."""
        key, name = place
        along = self._along
        if along.known.has(key, name) if is_called_so else along.known.has_this(key, name):
            if is_called_so and _attribute(sys.modules.get(obj.__module__), name) is obj:
                # Pickle says it in fewer words.
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
        """What the other side needs to make that namespace; `None` if it need not."""
        about = self._along.about
        if key not in about:
            names = _namespaces.names_of(key)
            told = ("__name__", "__package__", "__path__", "__file__")
            about[key] = None if key == _namespaces.MAIN else {name: names[name] for name in told if name in names}
        return about[key]

    def _function(self, function: types.FunctionType) -> Any:
        if function.__module__ == _namespaces.__name__:
            # What reads this: there are some in each pickle.
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
            # Not a copy of what only its own module can make; pickle says that it is not found by name.
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
    """Where a function or a class is found by name, and whether that is what it calls itself."""
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
                # A program that does not run in the main module's names has them for that.
                return (_key_of(names), name), name == obj.__qualname__
    return None


def _names_used(code: types.CodeType) -> tuple[str, ...]:
    """The global names that code reads, and that of the functions and classes in it."""
    found = _used.get(code)
    if found is None:
        names = dict.fromkeys(step.argval for step in dis.get_instructions(code) if step.opname in _LOADS)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                names.update(dict.fromkeys(_names_used(constant)))
        found = _used[code] = tuple(names)
    return found


def _names_looked_up(function: types.FunctionType) -> list[str]:
    """The global names that a function may look up by their text, so far as they stand for code or for constants."""
    names = function.__globals__
    if not _LOOKS_UP.isdisjoint(_words(function.__code__)):
        found = list(names)
    else:
        texts = [text for text in function.__annotations__.values() if isinstance(text, str)]
        found = [word for text in texts for word in _WORD.findall(text) if word in names]
    return [name for name in found if _is_small(names[name])]


def _is_small(value: Any) -> bool:
    """Whether it may travel on the chance that it is needed."""
    return isinstance(value, (types.FunctionType, type, int, float, complex, bool, types.NoneType)) or (
        isinstance(value, (str, bytes)) and len(value) <= _SMALL
    )


def _submodules(code: types.CodeType, values: list[Any]) -> list[types.ModuleType]:
    """The modules that code finds as attributes of packages, since somebody has imported them."""
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
    """Pickles; plain pickle reads it."""
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
    """`whole` are written in full, with their digests; what else could be named is."""
    file = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    _Pickler(file, buffers if apart else None, along, whole).dump(obj)
    return file.getvalue(), buffers


Missing = list[tuple[str, str, bool, str]]


def _values(along: _Along, apart: bool) -> tuple[dict[Any, Any], dict[Name | str, bytes], Missing]:
    """All that has to come along, with what that needs in turn; the digest of each; and what cannot come."""
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
                # Only the other side can tell whether it has one of its own.
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
