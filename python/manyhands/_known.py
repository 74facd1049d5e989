"""Finds out which names of the main module another process has, so that they can go by reference.

A copy of this process has all that was there when it was made. An interpreter that began afresh has what the main
module's file defines for every process that imports it. A thing that is perhaps known may be sent along: a process that
has its own keeps that. Only the main module, and modules that run like one, matter here. Every process imports other
modules by itself.
"""

from __future__ import annotations

import functools
import os
import sys
import weakref
from collections import Counter

from . import _std
from ._namespaces import MAIN, MAINS, OWN, is_code, is_importable, marked, names_of, programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Known:
    """The names that the other side has. This class knows only of modules that can be imported."""

    def __init__(self) -> None:
        # Anything from the main module.
        self._unknown = [b"_main__"]

    def has(self, key: str, name: str) -> bool:
        """Whether the other side has, under this name, what this process has."""
        return is_importable(key) or self._has(key, name.partition(".")[0])

    def has_this(self, key: str, name: str) -> bool:
        """Whether the other side has this very object under this name, even if its own name is another."""
        return False

    def _has(self, key: str, name: str) -> bool:
        return False

    def may_lack(self, key: str, name: str) -> bool:
        """Whether a function that uses the name needs its value to come along."""
        return name not in OWN and not self._has(key, name)

    def redefined(self, key: str, name: str) -> bool:
        """Whether the other side has a function or a class by this name that was defined anew here since."""
        return False

    def knows(self, what: Any) -> bool:
        """Whether the name of a function or class means the same object on the other side."""
        if getattr(what, "__module__", None) not in MAINS:
            return True
        top = what.__qualname__.partition(".")[0]
        return top in vars(sys.modules[MAIN]) and self._has(MAIN, top)

    def can_read(self, pickled: bytes) -> bool:
        """Whether the other side has all that a plain pickle refers to by name."""
        return b"_main__" not in pickled or not any(name in pickled for name in self._unknown_names())

    def _unknown_names(self) -> list[bytes]:
        return self._unknown


#: For a process of which nothing is known.
NOTHING = Known()


class _Something(Known):
    def __init__(self) -> None:
        super().__init__()
        self._seen: tuple[int, ...] = ()

    def _unknown_names(self) -> list[bytes]:
        main = vars(sys.modules[MAIN])
        seen = tuple(map(id, list(main.values())))
        if seen != self._seen:
            self._unknown = [
                name.encode(errors="surrogatepass")
                for name, value in list(main.items())
                if is_code(value) and getattr(value, "__module__", None) in MAINS and not self._has(MAIN, name)
            ]
            self._seen = seen
        return self._unknown


class Copied(_Something):
    """The names in a copy of this process that is made now."""

    def __init__(self) -> None:
        super().__init__()
        programs()
        spaces = {MAIN: names_of(MAIN), **{space.key: space.names for space in marked()}}
        self._names = {key: set(names) for key, names in spaces.items()}
        self._code = {key: _code(names) for key, names in spaces.items()}
        self._modules = frozenset(sys.modules)

    def _has(self, key: str, name: str) -> bool:
        if key[0] == "?" and key[1:] in self._modules:
            return True
        value = names_of(key).get(name)
        if is_code(value):
            return self.copied(key, name) is value
        return name in self._names.get(key, ())

    def has_this(self, key: str, name: str) -> bool:
        return self._has(key, name)

    def redefined(self, key: str, name: str) -> bool:
        return name in self._names.get(key, ())

    def copied(self, key: str, name: str) -> Any:
        """The function or class that had this name when the copy was made."""
        return self._code.get(key, {}).get(name)

    def compare(self) -> None:
        """Another copy is made now. From here on this stands for both: only what they have in common remains."""
        for key, code in self._code.items():
            now = names_of(key)
            code.update((name, _SEVERAL) for name, value in list(code.items()) if now.get(name) is not value)
            code.update((name, _SEVERAL) for name in self._names[key] - code.keys() if is_code(now.get(name)))
        for key, names in self._names.items():
            names.intersection_update(names_of(key))

    def learn(self, key: str, name: str, value: Any) -> None:
        """Notes that the other side has this as well."""
        self._names.setdefault(key, set()).add(name)
        if is_code(value):
            self._code.setdefault(key, {})[name] = value


#: Stands for different objects with the same name.
_SEVERAL = object()


def _code(names: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in list(names.items()) if is_code(value)}


def _spec(module: Any) -> Any:
    return getattr(module, "__spec__", None)


class _Imported(_Something):
    """The names in a fresh interpreter that has imported this program's main module."""

    def __init__(self, main: Any) -> None:
        super().__init__()
        # A weak reference. Held here, the module's objects would outlive the modules that their destructors use.
        self.main = weakref.ref(main)
        self._source = _source(main)

    def _has(self, key: str, name: str) -> bool:
        if key != MAIN:
            return False
        source = self._source
        # Without the source the name is assumed to be there, as in the standard library.
        if source is None or any(f"\n{word} {name}{end}" in source for word in ("def", "class") for end in "(:"):
            return True
        return name in self._bound

    def has_this(self, key: str, name: str) -> bool:
        return key == MAIN and self._source is not None and self._bound.get(name) == 1

    @functools.cached_property
    def _bound(self) -> dict[str, int]:
        return _bound(self._source or "")


def _source(main: Any) -> str | None:
    import tokenize

    try:
        with tokenize.open(path_of(main) or "") as file:
            return "\n" + file.read()
    except (OSError, SyntaxError, ValueError):
        return None


def _bound(source: str) -> dict[str, int]:
    """The names that a module binds unconditionally, and how often it binds each one in all."""
    import ast

    def names(node: ast.AST) -> Iterator[str]:
        """The names bound outside of functions, and those that functions declare global."""
        match node:
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Global):
                        yield from inner.names
                return
            case ast.alias():
                yield node.asname or node.name.partition(".")[0]
            case ast.Global():
                yield from node.names
        for inner in ast.iter_child_nodes(node):
            yield from names(inner)

    tree = ast.parse(source)
    count = Counter(names(tree))
    plain = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)
    found: dict[str, int] = {}
    for statement in tree.body:
        if isinstance(statement, plain) and not (isinstance(statement, ast.AnnAssign) and statement.value is None):
            inner = [statement.name] if hasattr(statement, "name") else names(statement)
            found.update((name, count[name]) for name in inner)
    return found


def path_of(main: Any) -> str | None:
    """The path of the main module's file, as children of the standard library look for it."""
    path = getattr(main, "__file__", None)
    return None if path is None else os.path.join(_std.module("process").ORIGINAL_DIR or "", path)


_imported: _Imported | None = None


def afresh() -> Known:
    """The names in a fresh interpreter."""
    global _imported
    if not main_is_importable():
        return NOTHING
    main = sys.modules[MAIN]
    if _imported is None or _imported.main() is not main:
        _imported = _Imported(main)
    return _imported


def main_is_importable() -> bool:
    """Whether a fresh interpreter can import this program's main module."""
    from . import _namespaces

    main = sys.modules[MAIN]
    if main is _namespaces.made_main:
        return False
    name = getattr(_spec(main), "name", None)
    if name is not None:
        # To import the main module of a package, a folder or an archive is to run it.
        return name != MAIN and not name.endswith("." + MAIN)
    # A program that is read from standard input calls its file `<stdin>`.
    path = path_of(main)
    return path is not None and os.path.isfile(path)


def about_main() -> dict[str, Any]:
    """The attributes that describe a main module which a fresh interpreter cannot import."""
    main = vars(sys.modules[MAIN])
    return {name: main[name] for name in ("__package__", "__path__", "__file__") if name in main}
