#!/usr/bin/env python3
"""Builds and verifies what is too large for a test: a file of more than 4 GiB, and 100,000 files.

    python3 benches/large.py target/release/packs [DIRECTORY]

Prints for each step its wall time, the most memory it held, and checks with sha256sum and tar that others read the archives. Exits with 1 if
anything is not as it should be. The large file is sparse but for 8 MiB of random bytes: without them it would compress so well that every
reader would refuse it as a bomb.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20


def run(label, *command, cwd=None):
    """Runs a command; prints how long it took and how much memory it held; gives what it printed."""
    with tempfile.TemporaryFile() as output:
        begin = time.monotonic()
        child = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begin
        output.seek(0)
        text = output.read().decode(errors="replace")
    if child.returncode != 0:
        sys.exit(f"{label}: exit {child.returncode}\n{text}")
    print(f"{label:<44}{seconds:8.2f} s{used.ru_maxrss / 1024:9.0f} MiB", flush=True)
    return text


def declare(directory, name):
    directory.mkdir(parents=True)
    (directory / "pack.toml").write_text(f'[pack]\nname = "{name}"\nversion = "1.0.0"\n')


def large_file(work):
    source = work / "large-file"
    declare(source, "large-file")
    with open(source / "disk.img", "wb") as file:
        file.truncate((4 << 30) + 1)
        file.seek(2 << 30)
        file.write(os.urandom(8 * MIB))


def many_files(work):
    source = work / "many-files"
    declare(source, "many-files")
    for directory in range(100):
        place = source / f"d{directory:02}"
        place.mkdir()
        for number in range(1000):
            (place / f"f{number:03}.txt").write_text(f"{directory} {number}\n" * 8)


def check(packs, work, name, entries):
    out = work / "dist"
    archive = f"{name}-1.0.0.tar.zst"
    run(f"packs build {name}", packs, "build", str(work / name), "--out", str(out))
    again = run(f"packs build {name}, unchanged", packs, "build", str(work / name), "--out", str(out))
    if not again.startswith("unchanged "):
        sys.exit(f"{name}: built again though nothing had changed\n{again}")
    run(f"packs verify {archive}", packs, "verify", str(out / archive))
    run(f"sha256sum -c {archive}.sha256", "sha256sum", "-c", f"{archive}.sha256", cwd=out)
    listed = run(f"tar -t {archive}", "sh", "-c", f"zstd -dcq {archive} | tar -tvf -", cwd=out)
    if len(listed.splitlines()) != entries:
        sys.exit(f"{name}: tar lists {len(listed.splitlines())} entries, not {entries}")
    if name == "large-file" and str((4 << 30) + 1) not in listed:
        sys.exit(f"{name}: tar lists another size\n{listed}")


def main():
    packs = str(pathlib.Path(sys.argv[1]).resolve())
    work = pathlib.Path(tempfile.mkdtemp(prefix="packs-large-", dir=sys.argv[2] if len(sys.argv) > 2 else None))
    os.environ["SOURCE_DATE_EPOCH"] = "0"
    os.environ["PACKS_HOME"] = str(work / "home")
    try:
        large_file(work)
        check(packs, work, "large-file", 3)
        many_files(work)
        check(packs, work, "many-files", 100_002)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
