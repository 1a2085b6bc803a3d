"""Figures to a page: docs/reference/performance.md."""

import os
import platform
import shutil
import statistics
import subprocess

from measure import ROUNDS
from measure import can_mount

MIB = 1 << 20

RATIOS = [
    # (what, case, part, ours, theirs, reach)
    ("Ingest, gzip archives, nothing synced, against `tar` in as many processes as cores", "ingest", None, "packs --no-sync", "tar", 0.5),
    ("The same, both synced (`tar … && sync -f`)", "ingest", None, "packs", "tar and sync", None),
    ("The same with zstd archives, nothing synced", "ingest", None, "packs --no-sync, zstd", "tar, zstd", None),
    ("Second ingest, all content known under other versions, nothing synced, against the first", "update", None, "known content, --no-sync", "cold, --no-sync", 0.5),
    ("The same, synced", "update", None, "known content", "cold", None),
    ("Switch back to known archives in another project, nothing synced, against the first ingest", "update", None, "known archives", "cold, --no-sync", None),
    *(
        row
        for count in (10, 100, 1000)
        for row in (
            (f"Switch to a new generation of {count:,} stored packs, against `nix-env -i`", "generations", f"{count}, disk", "switch", "nix-env -i", None),
            (f"The same without the cost of fsync, against `nix-env --set`", "generations", f"{count}, memory", "switch", "nix-env --set", 0.2),
            (f"Rollback at {count:,} packs, against `nix-env --rollback`", "generations", f"{count}, disk", "rollback", "nix-env --rollback", None),
            (f"The same without the cost of fsync", "generations", f"{count}, memory", "rollback", "nix-env --rollback", 0.2),
            (f"Switch with nothing to do at {count:,} packs, against `packs --version`", "generations", f"{count}, memory", "nothing to do", "version", 3.0),
            (f"Status at {count:,} packs, against `packs --version`", "generations", f"{count}, memory", "status", "version", 3.0),
        )
    ),
    ("Collect garbage, everything dead, nothing synced, against `rm -rf` of the same trees", "gc", None, "packs gc --no-sync", "rm -rf", 0.7),
    ("The same, synced", "gc", None, "packs gc", "rm -rf", None),
    ("Cold switch from nginx on loopback, gzip archives, nothing synced, against `curl --parallel`, then `tar`", "downloads", None, "packs --no-sync, tar.gz", "curl --parallel, then tar, tar.gz", None),
    ("The same, against `curl | tar`, sixteen at a time", "downloads", None, "packs --no-sync, tar.gz", "curl | tar, tar.gz", None),
    ("The same with zstd archives, against `curl --parallel`, then `tar`", "downloads", None, "packs --no-sync, tar.zst", "curl --parallel, then tar, tar.zst", None),
    ("The same with zstd archives, against `curl | tar`, sixteen at a time", "downloads", None, "packs --no-sync, tar.zst", "curl | tar, tar.zst", None),
    ("Verify the store, against `b3sum` of the same files in as many processes as cores", "verify", None, "packs verify --store", "b3sum", 1.2),
]

MEMORY_REACH = 128 * MIB
OTHER_MEMORY_REACH = 64 * MIB
SIZE_REACH = 16 * MIB
CRATES_REACH = 320
BUILD_REACH = 300


def series_of(found, case, part):
    measured = found.get(case, {}).get("measured", {})
    return (measured.get(part, {}) if part else measured).get("series", {})


def ratios(found):
    """Gives what was compared: text, ratio of the wall medians, ratio of the processor medians, reach."""
    for what, case, part, ours, theirs, reach in RATIOS:
        series = series_of(found, case, part)
        if series.get(ours) and series.get(theirs):
            wall, processor = (middle(series[ours], field) / middle(series[theirs], field) for field in (0, 1))
            yield what, wall, processor, reach


def middle(series, field):
    return statistics.median(run[field] for run in series)


def summary(found):
    """Gives the ratios for a terminal."""
    lines = [f"{verdict(wall, reach):12} {wall:6.2f} wall {processor:6.2f} processor   {what}" for what, wall, processor, reach in ratios(found)]
    return "\n".join(lines)


def verdict(value, reach):
    if reach is None:
        return "–"
    return f"≤ {reach:g}" if value <= reach else f"misses {reach:g}"


def render(found, binary):
    """Gives the whole page."""
    parts = [HEAD, machine(found, binary), ratio_table(found), losses(found), downloads(found), memory(found), program(found), details(found), TAIL]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


HEAD = """
# Performance

Every figure here comes from one run of `benches/compare/run.sh` on one machine. Absolute times mean nothing elsewhere; the ratios between candidates that ran in turns on
the same data do. A reach is what packs means to keep; where it misses one, or is slower than its peer, the page says so.
"""

TAIL = """
## To repeat it

```sh
benches/compare/run.sh
```

It needs Linux, Python 3, GNU tar, `b3sum`, and `nix-env` where generations are to be compared; as root with `apt-get` and `cargo` it installs what is missing, makes a new ext4
file system for every round (ext4 goes around recently deleted inodes one by one, so what one candidate leaves behind slows down the next) and lets what is measured run before
everything else on the machine. The packs are made of the `.crate` files that building Rust programs has left in Cargo's cache. Each candidate runs in every round, in another
order each time; every comparison first checks that both sides did the same work: files, bytes, links. `cargo bench` measures the parts.
"""


def machine(found, binary):
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    loads = [load for case in found.values() for load in case["load"]]
    rows = [
        ("Machine", f"{model()}, {os.cpu_count()} virtual cores, {memory_bytes / (1 << 30):.0f} GiB"),
        ("System", f"Linux {platform.release()}, {filesystem()}"),
        ("packs", f"{first_line([binary, '--version'])}, {first_line(['rustc', '--version']).split('(')[0].strip()}"),
        ("Peers", ", ".join(peers())),
        ("Others at work", f"load average {min(loads):.1f} to {max(loads):.1f} while measuring" + ("; what is measured ran at real-time priority" if os.geteuid() == 0 else "")),
        ("Runs", f"median of {ROUNDS} or more, after 2 GiB of memory were written once"),
    ]
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {text} |" for name, text in rows)


def model():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def filesystem():
    return "a new ext4 on a loop device for every round" if can_mount() else "a new directory for every round"


def peers():
    for command in (["tar", "--version"], ["gzip", "--version"], ["zstd", "--version"], ["rm", "--version"], ["b3sum", "--version"], ["nix-env", "--version"]):
        if shutil.which(command[0]):
            yield first_line(command).strip("* ").replace("Zstandard CLI (64-bit)", "zstd").split(", by")[0]


def first_line(command):
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]


def ratio_table(found):
    ingested, updated = (found.get(case, {}).get("measured", {}).get("facts") for case in ("ingest", "update"))
    lines = ["## Ratios", ""]
    if ingested:
        lines += [
            f"The real packs are {ingested['archives']} archives of together {ingested['archive_bytes'] / 1e6:.0f} MB, which unpack to {ingested['files']:,} files of"
            f" {ingested['bytes'] / 1e6:.0f} MB. Ingest means: verify the sha256, decompress, parse, hash every file, write each content once, link it, publish,"
            " and make a generation of all; `tar` only decompresses and writes."
        ]
    if updated:
        lines += [f"The second ingest stores {updated['new_paths']} new store paths with {updated['new_inodes']:,} new inodes, nearly all of them directories."]
    lines += [
        "",
        "Processor time is user and system time of all processes; other users of the machine move it less than the wall time.",
        "",
        "| what | wall | processor | reach |",
        "|---|---:|---:|---|",
    ]
    lines += [f"| {what} | {wall:.2f} | {processor:.2f} | {verdict(wall, reach)} |" for what, wall, processor, reach in ratios(found)]
    return "\n".join(lines)


def losses(found):
    missed = [(what, wall, reach) for what, wall, _, reach in ratios(found) if reach is not None and wall > reach]
    slower = [(what, wall) for what, wall, _, reach in ratios(found) if reach is None and wall > 1]
    lines = ["## Where packs loses", ""]
    lines += [f"- {what}: {wall:.2f} where {reach:g} is the reach." for what, wall, reach in missed]
    lines += [f"- {what}: {wall:.2f}, slower than its peer." for what, wall in slower]
    if not missed and not slower:
        lines += ["Nowhere in this run."]
    return "\n".join([*lines, "", WHY])


WHY = """
What the comparisons hide or cannot help:

- A rollback, and a switch with nothing to do, read the record of the generation and the lockfile, so their processor time grows with the number of packs, though what they write does not.
- `nix-env --set` only points at a profile that was built before; `packs switch` builds its generation. `nix-env -i` builds one, too. Both keep a database or a journal; only packs waits for
  the disk before it says that it is done.
- `rm -rf` does not ask who still needs what, and does not count what it frees.
- A synced ingest takes as long as the disk needs for the bytes; the disk here is a file on a shared one.
"""


def memory(found):
    measured = found.get("memory", {}).get("measured")
    if not measured:
        return ""
    names = {"random": "500 MB that hardly compress", "text": "500 MB of text", "many": "200,000 files"}
    lines = ["## Peak memory", "", "The largest resident size of the whole process, by GNU time.", "", "| command | peak | reach |", "|---|---:|---|"]
    for name, figures in measured.items():
        kind = name.split(",")[0]
        reach = MEMORY_REACH if kind in names else OTHER_MEMORY_REACH
        what = f"switch, unpacking {names[kind]} ({name.split(', ')[1]}, {figures['archive_bytes'] / 1e6:.0f} MB)" if kind in names else name
        lines.append(f"| {what} | {figures['peak'] / MIB:.0f} MiB | {'<' if figures['peak'] < reach else 'misses'} {reach // MIB} MiB |")
    return "\n".join(lines)


def downloads(found):
    """What was downloaded, with how much memory, and what a cut in the middle costs."""
    measured = found.get("downloads", {}).get("measured")
    if not measured:
        return ""
    lines = ["## Downloads", "", "| cold switch from nginx on loopback | archives | bytes | peak memory | reach |", "|---|---:|---:|---:|---|"]
    for kind, facts in measured["facts"].items():
        verdict_of_peak = "<" if facts["peak"] < MEMORY_REACH else "misses"
        size, peak = f"{facts['archive_bytes'] / 1e6:.0f} MB", f"{facts['peak'] / MIB:.0f} MiB"
        lines.append(f"| {kind} | {facts['archives']} | {size} | {peak} | {verdict_of_peak} {MEMORY_REACH // MIB} MiB |")
    resume = measured["resume"]
    sent = ", then ".join(f"{one['bytes']:,} ({one['status']})" for one in resume["requests"])
    lines += [
        "",
        f"One archive of {resume['archive_bytes']:,} bytes, `kill -9` when {resume['there_bytes']:,} of them were there, and the same command again: "
        f"the server sent {sent} bytes, the first figure with what was on its way when the reader died.",
    ]
    return "\n".join(lines)


def program(found):
    figures = found.get("program", {}).get("measured")
    if not figures:
        return ""
    build = "not measured" if figures["build"] is None else f"{figures['build'] // 60:.0f} min {figures['build'] % 60:.0f} s"
    return "\n".join(
        [
            "## The program",
            "",
            "| | | reach |",
            "|---|---:|---|",
            f"| stripped release binary | {figures['bytes'] / MIB:.1f} MiB | ≤ {SIZE_REACH // MIB} MiB |",
            f"| crates in it besides packs | {figures['crates']} | ≤ {CRATES_REACH} |",
            f"| release build from nothing, dependencies downloaded | {build} | ≤ {BUILD_REACH // 60} min |",
        ]
    )


def details(found):
    lines = ["## All medians", "", "Milliseconds; the spread is from the fastest run to the slowest."]
    for case, figures in found.items():
        measured = figures["measured"]
        parts = {None: measured} if "series" in measured else measured
        for part, content in parts.items():
            if isinstance(content, dict) and "series" in content:
                lines += ["", f"### {TITLES[case]}{', ' + place_of(part) if part else ''}", "", "| | wall | spread | processor |", "|---|---:|---:|---:|"]
                lines += [detail(name, runs) for name, runs in content["series"].items() if runs]
    return "\n".join(lines)


TITLES = {
    "ingest": "Ingest",
    "update": "Second ingest",
    "generations": "Generations",
    "gc": "Garbage collection",
    "verify": "Verify",
    "downloads": "Downloads",
}


def place_of(part):
    count, place = part.split(", ")
    return f"{int(count):,} packs, " + ("on a disk" if place == "disk" else "in memory, where fsync costs nothing")


def detail(name, runs):
    walls = [run[0] * 1000 for run in runs]
    return f"| {name} | {shown(statistics.median(walls))} | {shown(min(walls))} – {shown(max(walls))} | {shown(middle(runs, 1) * 1000)} |"


def shown(milliseconds):
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.1f}"
