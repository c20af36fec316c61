"""What comes from outside the arguments - environment, time, chance - comes in through one door each."""

from __future__ import annotations

import pytest

from tests.house.source import modules

ONE_PLACE = {
    "environment": (
        {"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv"},
        ("replica/cli/",),
    ),
    "time": (
        {
            "time.time",
            "time.time_ns",
            "time.gmtime",
            "time.localtime",
            "time.clock_gettime",
            "time.clock_gettime_ns",
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.datetime.today",
            "datetime.date.today",
            "uuid",
        },
        ("replica/clock.py",),
    ),
    "chance": (
        {"secrets", "os.urandom", "random.SystemRandom"},
        # ids, the names of files that are not finished, tokens and keys
        ("replica/clock.py", "replica/store/identity.py", "replica/store/publish.py", "replica/access/tokens.py"),
    ),
}


@pytest.mark.parametrize("door", ONE_PLACE)
def test_the_outside_comes_in_through_one_door(door: str) -> None:
    names, places = ONE_PLACE[door]
    elsewhere = {
        f"{module.name}:{line} {mentioned}"
        for module in modules()
        if not module.name.startswith(places)
        for line, mentioned in module.mentions()
        if mentioned in names or any(mentioned.startswith(f"{name}.") for name in names)
    }
    assert set() == elsewhere
