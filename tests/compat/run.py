"""Runs the test suites of other libraries, and imports of popular packages, under plain python and under the launcher.

    python tests/compat/run.py --wheel WHEEL [--python PYTHON] [--libraries NAME,...] [--packages NAME,...]
                               [--checkouts FOLDER]

Both lists may be `all`, as they are by default, or `none`. `libraries.toml` names the libraries: version, test files of
the source distribution, what the tests need, and the differences that are accepted, each with its reason.
`packages.txt` has the packages to import. A test that passes plain and not with us runs three times more by itself on
each side before it counts. The exit code is 1 when a difference is left that is not accepted, or nothing could be run.
Some source distributions hold no tests: those libraries run from a checkout of their repository, a folder in
`--checkouts` under the library's name, with the package of pip's index. It needs the network (pip's index);
everything that it writes stays in `target/compat`.
"""

import argparse
import shutil
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sides import HERE, SIDES, WORK, Environment, adopt_orphans, copy_checkout, fetch_source, run

REPEATS = 3
IMPORT_LIMIT = 120
INSTALL_LIMIT = 600
# So many packages are installed by one call of pip.
TOGETHER = 20
ONLY_WHEELS = ["--only-binary", ":all:"]
# Whole files are not repeated: so many differences have one cause, which the first ones show.
MOST_REPEATED = 20


@dataclass(frozen=True)
class Library:
    """What `libraries.toml` says of a library."""

    name: str
    version: str
    tests: list[str]
    package: str = ""
    checkout: str = ""
    needs: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    limit: int = 600
    differences: dict[str, str] = field(default_factory=dict)

    def reason(self, test: str) -> str | None:
        """Why a difference in `test` is accepted; a name without parameters in the list stands for all of them."""
        return self.differences.get(test) or self.differences.get(test.partition("[")[0])


def read_libraries() -> dict[str, Library]:
    with (HERE / "libraries.toml").open("rb") as file:
        return {name: Library(name, **entry) for name, entry in tomllib.load(file).items()}


def read_packages() -> list[tuple[str, str]]:
    """Pairs of a package and the module to import, which has the same name if the line does not say another."""
    lines = (line.partition("#")[0].split() for line in (HERE / "packages.txt").read_text("utf-8").splitlines())
    return [(words[0], words[-1]) for words in lines if words]


def outcomes(record: Path) -> dict[str, str]:
    """What the record says of each test; the worst counts, and one that began and did not end is unfinished."""
    found: dict[str, str] = {}
    if not record.exists():
        return found
    for line in record.read_text(encoding="utf-8").splitlines():
        word, _, test = line.partition("\t")
        if word == "began":
            found[test] = "unfinished"
        elif found.get(test) != "failed":
            found[test] = word
    return found


def run_tests(library: Library, place: Environment, source: Path, side: str, tests: list[str]) -> dict[str, str]:
    record = WORK / "record"
    record.unlink(missing_ok=True)
    (WORK / "logs").mkdir(exist_ok=True)
    scratch = WORK / "tmp" / "pytest"
    # The launcher's own plugin, which serves pytest-xdist, has nothing to do on the plain side.
    own = ["-p", "no:manyhands"] if side == "plain" else []
    quiet = ["-p", "no:cacheprovider", "--rootdir", ".", "--basetemp", str(scratch)]
    arguments = ["-m", "pytest", "-p", "compat_record", *own, *quiet]
    began = time.monotonic()
    ended = run(
        place.command(side, [*arguments, *library.arguments, *tests]),
        source,
        library.limit,
        {"COMPAT_RECORD": str(record)},
    )
    shutil.rmtree(scratch, ignore_errors=True)
    whole = tests == library.tests
    if whole:
        (WORK / "logs" / f"{library.name}-{side}.txt").write_text(ended.output, encoding="utf-8")
    found = outcomes(record)
    seconds = time.monotonic() - began
    over = f", ended after {library.limit} s" if ended.code is None else ""
    if whole:
        print(f"  {side:5}  {summary(found)}  ({seconds:.0f} s{over})", flush=True)
    if whole and not found:
        print(ended.last_lines())
    return found


def summary(found: dict[str, str]) -> str:
    counts = Counter(found.values())
    words = [f"{counts[word]} {word}" for word in ("passed", "failed", "skipped", "unfinished") if counts[word]]
    return ", ".join(words) or "nothing ran"


def differing(plain: dict[str, str], ours: dict[str, str]) -> list[str]:
    """Tests that pass plain and do not with us."""
    return [test for test, word in plain.items() if word == "passed" and ours.get(test) != "passed"]


def try_library(library: Library, python: str, wheel: Path, checkouts: Path) -> tuple[str, bool]:
    """Runs both sides; returns the line for the table, and whether nothing is left to explain."""
    print(f"{library.name} {library.version}", flush=True)
    try:
        name = library.package or library.name
        if library.checkout:
            source = copy_checkout(checkouts, library.name, library.version)
            package = f"{name}=={library.version}"
        else:
            source = fetch_source(name, library.version)
            package = str(source)
        place = Environment(library.name, python, wheel)
        place.install(["pytest", *library.needs, package], INSTALL_LIMIT)
    except RuntimeError as error:
        print(f"  {error}", flush=True)
        return f"{library.name:24} {library.version:12} not run", False
    shutil.copy(HERE / "record.py", place.module_folder() / "compat_record.py")
    plain, ours = (run_tests(library, place, source, side, library.tests) for side in SIDES)
    left = 0
    tests = differing(plain, ours)
    for number, test in enumerate(tests):
        if reason := library.reason(test):
            print(f"    accepted: {test}: {reason}")
            continue
        said = repeated(library, place, source, test) if number < MOST_REPEATED else "not repeated"
        left += said != "not steady"
        print(f"    {ours.get(test, 'not run')}: {test} ({said})", flush=True)
    counts = [Counter(found.values())["passed"] for found in (plain, ours)]
    line = f"{library.name:24} {library.version:12} {counts[0]:6} {counts[1]:6} {len(tests):6} {left:6}"
    shutil.rmtree(place.folder, ignore_errors=True)
    return line, bool(counts[0]) and not left


def repeated(library: Library, place: Environment, source: Path, test: str) -> str:
    """A test by itself, some times on each side."""
    passed = dict.fromkeys(SIDES, 0)
    for _ in range(REPEATS):
        for side in SIDES:
            passed[side] += run_tests(library, place, source, side, [test]).get(test) == "passed"
    # One that fails plain by itself says nothing about us.
    if passed["ours"] >= passed["plain"]:
        return "not steady"
    return f"by itself {passed['plain']} of {REPEATS} pass plain, {passed['ours']} with us"


def try_packages(packages: list[tuple[str, str]], python: str, wheel: Path) -> bool:
    """Installs each package that there is as a wheel, and imports it on both sides."""
    place = Environment("packages", python, wheel)
    counts = Counter[str]()
    for first in range(0, len(packages), TOGETHER):
        batch = packages[first : first + TOGETHER]
        # What cannot be had makes the whole batch fail.
        together = place.try_install([*ONLY_WHEELS, *(package for package, _ in batch)], INSTALL_LIMIT).code == 0
        for package, module in batch:
            if together or place.try_install([*ONLY_WHEELS, package], INSTALL_LIMIT).code == 0:
                what = try_import(package, module, place)
            else:
                what = "not installed"
                print(f"  {package}: not installed", flush=True)
            counts[what] += 1
    print(f"packages: {', '.join(f'{count} {what}' for what, count in counts.items())}")
    shutil.rmtree(place.folder, ignore_errors=True)
    return counts["not with us"] == 0 and counts["imported on both sides"] > 0


def try_import(package: str, module: str, place: Environment) -> str:
    """Imports one module on both sides; what came of it."""
    plain, ours = (run(place.command(side, ["-c", f"import {module}"]), WORK, IMPORT_LIMIT) for side in SIDES)
    if plain.code != 0:
        last = plain.last_lines().splitlines()[-1:]
        print(f"  {package}: plain python does not import {module}: {last}", flush=True)
        return "not with plain python"
    if ours.code != 0:
        print(f"  {package}: {module} imports plain, not with us:\n{ours.last_lines()}", flush=True)
        return "not with us"
    print(f"  {package}: on both sides", flush=True)
    if ours.output != plain.output:
        print(f"    says with us: {ours.last_lines()}\n    says plain: {plain.last_lines()}", flush=True)
    return "imported on both sides"


def chosen(words: str, known: list[str]) -> list[str]:
    if words in ("all", "none"):
        return known if words == "all" else []
    names = words.replace(",", " ").split()
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"not in the list: {', '.join(unknown)}; there are: {', '.join(known)}")
    return names


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--libraries", default="all")
    parser.add_argument("--packages", default="all")
    parser.add_argument("--checkouts", type=Path, default=WORK / "checkouts")
    options = parser.parse_args()
    libraries = read_libraries()
    packages = read_packages()
    names = chosen(options.libraries, list(libraries))
    to_import = chosen(options.packages, [package for package, _ in packages])
    adopt_orphans()
    WORK.mkdir(parents=True, exist_ok=True)
    wheel = options.wheel.resolve()
    results = [try_library(libraries[name], options.python, wheel, options.checkouts) for name in names]
    fine = all(good for _, good in results)
    if to_import:
        fine &= try_packages([pair for pair in packages if pair[0] in to_import], options.python, wheel)
    if results:
        print(f"\n{'library':24} {'version':12} {'plain':>6} {'ours':>6} {'differ':>6} {'left':>6}")
        print(*(line for line, _ in results), sep="\n")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
