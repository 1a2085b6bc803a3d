"""The real graph: the crates that this very project needs, with all their releases, as Cargo's cache of the registry's index has them.

Cargo lets several incompatible releases of a crate stand beside each other; packs and uv choose one. So each row of compatible releases becomes a pack of its own
(`syn-2`, `rand-0-8`), and a requirement is about the newest row that has a release in its range. Left out are yanked releases and pre-releases, optional
requirements and those for tests or for one platform only, and crates whose index the cache does not have.
"""

import json
import os
import subprocess
from pathlib import Path


def requirements(repository):
    """Gives what Cargo.toml requires: pairs of a crate and a range."""
    command = ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"]
    [package] = json.loads(subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout)["packages"]
    return sorted({(needed["name"], needed["req"]) for needed in package["dependencies"] if not needed["optional"] and not needed["target"]})


def cached_index():
    """Gives the files of Cargo's cache by crate."""
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    return {path.name: path for path in home.glob("registry/index/*/.cache/**/*") if path.is_file()}


class Crates:
    """The releases of crates, read when they are asked for."""

    def __init__(self):
        self.files, self.read = cached_index(), {}

    def releases(self, crate):
        """Gives the requirements of each stable release of a crate, by version."""
        if crate not in self.read:
            path = self.files.get(crate.lower())
            # Between NULs: a head, and by turns a version and its line of the index.
            lines = path.read_bytes().split(b"\0") if path else []
            entries = [json.loads(line) for line in lines if line.startswith(b"{")]
            usable = [entry for entry in entries if not entry["yanked"] and "-" not in entry["vers"].split("+")[0]]
            self.read[crate] = {parsed(entry["vers"].split("+")[0]): entry["deps"] for entry in usable}
        return self.read[crate]

    def row(self, crate, written):
        """Gives the newest row of compatible releases that has one in the range, or None."""
        fits = [version for version in self.releases(crate) if matches(version, written)]
        return compatible(max(fits)) if fits else None


def parsed(version):
    return tuple(int(part) for part in version.split("."))


def text(version):
    return ".".join(map(str, version))


def compatible(version):
    """Gives what Cargo takes for the same row of releases: 1, 0.8, 0.0.3."""
    first = next((at for at, part in enumerate(version) if part), 2)
    return version[: first + 1]


def bounds(comparator):
    """Gives the versions that a comparator of Cargo admits: from the first one up to, not including, the last; None is no bound."""
    operator = comparator[: len(comparator) - len(comparator.lstrip("^~=<>"))] or "^"
    number = comparator[len(operator) if comparator[0] in "^~=<>" else 0 :].strip()
    parts = [int(part) for part in number.split("+")[0].split("-")[0].split(".") if part not in ("*", "x", "X", "")]
    if not parts:
        return (0, 0, 0), None
    low = tuple(parts + [0] * (3 - len(parts)))
    after = lambda places: tuple(parts[: places - 1] + [parts[places - 1] + 1] + [0] * (3 - places))
    if "*" in number or (operator == "=" and len(parts) < 3):
        return low, after(len(parts))
    match operator:
        case "^":
            zeros = next((at for at, part in enumerate(parts) if part), len(parts) - 1)
            return low, after(zeros + 1)
        case "~":
            return low, after(min(len(parts), 2))
        case "=":
            return low, after(3)
        case ">=":
            return low, None
        case ">":
            return after(len(parts)), None
        case "<":
            return (0, 0, 0), low
        case "<=":
            return (0, 0, 0), after(len(parts))
    raise ValueError(comparator)


def interval(written):
    """Gives the versions that a range of Cargo admits, pre-releases apart."""
    all_bounds = [bounds(comparator.strip()) for comparator in written.split(",")]
    ends = [end for _, end in all_bounds if end is not None]
    return max(begin for begin, _ in all_bounds), min(ends) if ends else None


def matches(version, written):
    begin, end = interval(written)
    return begin <= version and (end is None or version < end)


def for_python(written):
    """Writes a range of Cargo in Python's way."""
    begin, end = interval(written)
    return f">={text(begin)}" + (f",<{text(end)}" if end else "")


def named(crate, row):
    return f"{crate.lower().replace('_', '-')}-{'-'.join(map(str, row))}"


def collect(repository):
    """Gives the direct requirements, and all releases of each pack that they may reach, with theirs: as `Graph` holds them."""
    crates, roots, releases, open_rows = Crates(), {}, {}, []
    for crate, written in requirements(repository):
        row = crates.row(crate, written)
        if row:
            roots[named(crate, row)] = written
            open_rows.append((crate, row))
    while open_rows:
        crate, row = open_rows.pop()
        if named(crate, row) in releases:
            continue
        found = releases[named(crate, row)] = []
        for version, needs in sorted(crates.releases(crate).items()):
            if compatible(version) != row:
                continue
            requires = {}
            for need in needs:
                if need["kind"] == "dev" or need["optional"] or need["target"]:
                    continue
                needed = need.get("package") or need["name"]
                below = crates.row(needed, need["req"])
                if below:
                    requires[named(needed, below)] = need["req"]
                    open_rows.append((needed, below))
            found.append((text(version), sorted(requires.items())))
    return sorted(roots.items()), releases
