"""Read by the interpreter that the launcher starts, before the program: makes the standard names mean ours there.

It removes its own traces first: the search path and the environment are the user's again, and a `sitecustomize` of the
user's own runs as it would have without it.
"""

import os
import sys


def _run_the_users_own() -> None:
    this = sys.modules.pop(__name__)
    try:
        __import__(__name__)
    except ModuleNotFoundError as error:
        if error.name != __name__:
            raise
    finally:
        sys.modules.setdefault(__name__, this)


def _begin() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    settings = os.environ.pop("MANYHANDS_RUN", None)
    path = os.environ.pop("MANYHANDS_PYTHONPATH", None)
    if path is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = path
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    sys.path_importer_cache.pop(here, None)
    _run_the_users_own()
    if settings is None:
        return
    try:
        from manyhands import _run
    except ModuleNotFoundError:
        sys.path.append(os.path.dirname(os.path.dirname(here)))
        from manyhands import _run
    _run.begin(settings)


_begin()
