"""How long tests take, as recorded on a quiet machine: which are slow, which files start first.

`make durations` writes durations.json; nobody marks a test by hand.  A test is slow if it takes
SLOW seconds or more with all its parameters, the fixtures that it shares with others included: who
runs it alone waits for them, too.
"""

import json
import time
from collections import defaultdict
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("durations.json")
SLOW = 0.05


class Durations:
    """What durations.json says: file → seconds in all, its slow tests, whether it has others."""

    def __init__(self):
        self.files = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}

    def slow_file(self, file: str) -> bool:
        return not self.files.get(file, {}).get("quick", True)

    def slow_test(self, nodeid: str) -> bool:
        file, _, test = nodeid.partition("::")
        return test.partition("[")[0] in self.files.get(file, {}).get("slow", ())

    def of_file(self, file: str) -> float:
        return self.files.get(file, {}).get("seconds", 0.0)


class Recorder:
    """Times every test and every shared fixture; who collects the reports writes the file."""

    def __init__(self):
        self.shared = {}
        self.new = 0.0  # seconds of shared fixtures that were set up for the test at hand
        self.tests = defaultdict(float)
        self.spent = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        start = time.perf_counter()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                seconds = time.perf_counter() - start
                self.shared[fixturedef.baseid, fixturedef.argname] = seconds
                self.new += seconds

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item):
        self.new, start = 0.0, time.perf_counter()
        result = yield
        defined = item._fixtureinfo.name2fixturedefs.values()
        waited = sum(self.shared.get((f[-1].baseid, f[-1].argname), 0.0) for f in defined)
        own = time.perf_counter() - start - self.new
        item.user_properties += [("shared", waited), ("own setup", own), ("new", self.new)]
        return result

    def pytest_runtest_logreport(self, report):
        if report.when != "call":
            return
        took = dict(report.user_properties)
        file, _, test = report.nodeid.partition("::")
        own = report.duration + took["own setup"]
        self.spent[file] += own + took["new"]
        key = file, test.partition("[")[0]
        self.tests[key] = max(self.tests[key] + own, own + took["shared"])

    def write(self):
        found = {}
        for file, seconds in self.spent.items():
            mine = {test: spent for (of, test), spent in self.tests.items() if of == file}
            slow = sorted(test for test, spent in mine.items() if spent >= SLOW)
            found[file] = {
                "seconds": round(seconds, 1),
                "quick": len(slow) < len(mine),
                "slow": slow,
            }
        FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
