"""Every test of this folder that takes a `place` runs in all four."""

import pytest

from .places import PLACES


@pytest.fixture(params=PLACES, ids=lambda place: place.name.replace(" ", "-"))
def place(request):
    """Threads or processes, the standard library's or ours."""
    return request.param
