"""Running commands in alternation, and what is known of a series of times."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROUNDS = 9
"""How often each candidate runs; the median of fewer moves with the weather on a shared machine."""

WARM_BYTES = 2 << 30
"""Virtual machines give memory back to their host; the first to touch it again would pay for that."""

IMAGE_BYTES = 12 << 30
"""Size of a file system made for one round; sparse, so only what is written counts."""


class Failed(Exception):
    """A command that had to succeed did not, or two candidates did not do the same work."""


class Taken(NamedTuple):
    """What one run took, in seconds."""

    wall: float
    processor: float
    """User and system time of the command and all it started: others who use the machine move it less than the wall time."""


def timed(argv, *, cwd=None, env=None):
    """Runs a command that must succeed, and tells what it took."""
    with open(os.devnull, "rb") as nothing, tempfile.TemporaryFile() as words, before_others():
        began = time.perf_counter()
        child = subprocess.Popen(argv, cwd=cwd, env=env, stdin=nothing, stdout=subprocess.DEVNULL, stderr=words)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            words.seek(0)
            raise Failed(f"{' '.join(map(str, argv[:6]))} …: exit {child.returncode}: {words.read().decode(errors='replace')[-2000:]}")
    return Taken(wall, usage.ru_utime + usage.ru_stime)


@contextlib.contextmanager
def before_others():
    """Lets what is measured run before everything else on the machine, where that is allowed; every candidate alike."""
    if os.geteuid() != 0:
        yield
        return
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def output(argv, *, cwd=None, env=None):
    """Runs a command that must succeed, and gives what it printed."""
    done = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, argv[:6]))} …: exit {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout.decode()


def peak_memory(argv, *, cwd=None, env=None):
    """Runs a command under GNU time, and gives its largest resident size in bytes and its wall time in seconds."""
    done = subprocess.run(["/usr/bin/time", "-f", "%M %e", *argv], cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, argv[:6]))} …: exit {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    kib, wall = done.stderr.decode().splitlines()[-1].split()
    return int(kib) * 1024, float(wall)


def warm_memory():
    """Writes some memory and drops it."""
    ctypes.memset(ctypes.create_string_buffer(WARM_BYTES), 1, WARM_BYTES)


@contextlib.contextmanager
def fresh_directory(work):
    """Gives an empty directory on a file system that nothing was ever deleted from.

    ext4 goes around recently deleted inodes one by one, so what one candidate leaves behind slows down the next. Who cannot mount gets a new directory
    that is removed at once afterwards, and the page says so.
    """
    work = Path(work)
    root, image = work / "round", work / "round.img"
    root.mkdir()
    try:
        if not can_mount():
            yield root
            return
        with open(image, "wb") as file:
            file.truncate(IMAGE_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-i", "8192", "-E", "lazy_itable_init=1,nodiscard", image], check=True)
        subprocess.run(["mount", "-o", "loop,noinit_itable,noatime", image, root], check=True)
        try:
            (root / "lost+found").rmdir()
            yield root
        finally:
            subprocess.run(["umount", root], check=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)
        image.unlink(missing_ok=True)


def can_mount():
    """Tells whether file systems can be made and mounted here."""
    return os.geteuid() == 0 and os.path.exists("/dev/loop-control") and shutil.which("mkfs.ext4") is not None


def alternate(candidates, rounds=ROUNDS):
    """Runs all candidates in each round, each time in another order, and gives the series of what each took."""
    series = {name: [] for name in candidates}
    names = list(candidates)
    for round_number in range(rounds):
        shift = round_number % len(names)
        for name in names[shift:] + names[:shift]:
            series[name].append(candidates[name]())
    return series


def count_files(*roots):
    """Counts what lies below some directories: regular files and their bytes, each name once."""
    files = size = 0
    for root in roots:
        for directory, _, names in os.walk(root):
            for name in names:
                status = os.lstat(os.path.join(directory, name))
                if not os.path.islink(os.path.join(directory, name)):
                    files, size = files + 1, size + status.st_size
    return files, size


def require(is_same, what):
    """Stops the comparison unless both sides did the same work."""
    if not is_same:
        raise Failed(f"not the same work: {what}")
