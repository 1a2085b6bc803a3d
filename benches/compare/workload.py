"""What is measured on: packs made of real crates, tiny packs, and three large ones."""

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

from measure import output

EPOCH = "1700000000"


class Packs:
    """The program, and a place for what it makes."""

    def __init__(self, binary, work):
        self.binary, self.work = str(binary), Path(work)

    def environment(self, home):
        """Gives the process environment of one run: only what packs needs, so that nobody's settings count."""
        return {"PATH": os.environ["PATH"], "PACKS_HOME": str(home), "SOURCE_DATE_EPOCH": EPOCH, "LC_ALL": "C.UTF-8", "USER": "bench"}

    def call(self, home, *arguments, cwd=None):
        return output([self.binary, "-q", *map(str, arguments)], cwd=cwd or self.work, env=self.environment(home))

    def build(self, sources, out, archive_format="tar.gz"):
        """Makes archives of source directories, some hundred at a time."""
        for at in range(0, len(sources), 200):
            self.call(self.work / "home", "build", "--archive-format", archive_format, "--out", out, *sources[at : at + 200])
        return sorted(Path(out).glob(f"*.{archive_format}"))

    def publish(self, archives, registry):
        Path(registry).mkdir(parents=True, exist_ok=True)
        for at in range(0, len(archives), 50):
            self.call(self.work / "home", "publish", "--registry", registry, *archives[at : at + 50])

    def project(self, directory, registry, wants):
        """Makes a project with a lockfile; `wants` are names and versions."""
        directory = Path(directory)
        directory.mkdir(parents=True)
        lines = ["[project]", 'name = "bench"', 'platforms = ["linux-x86_64"]', "", "[registries]", f'default = "file:{registry}"', "", "[packages]"]
        lines += [f'"{name}" = "={version}"' for name, version in wants]
        (directory / "packs.toml").write_text("\n".join(lines) + "\n")
        self.call(self.work / "home", "lock", cwd=directory)
        return directory


def copy_project(project, to):
    """Copies packs.toml and the lockfile to a new place, where nothing was switched yet."""
    Path(to).mkdir(parents=True, exist_ok=True)
    for name in ("packs.toml", "packs.lock"):
        shutil.copyfile(Path(project) / name, Path(to) / name)
    return Path(to)


def find_crates():
    """Finds the .crate files that building Rust programs has left in Cargo's cache."""
    cargo = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    return sorted(cargo.glob("registry/cache/*/*.crate"))


def import_crates(crates, to):
    """Unpacks crates into source directories, one pack each. A crate's version is part of the name: one environment takes them all."""
    directories = []
    for crate in crates:
        name = re.sub(r"[^a-z0-9._-]", "-", crate.stem.lower())[:64].rstrip(".")
        directory = Path(to) / name
        directory.mkdir(parents=True)
        subprocess.run(["tar", "-xzf", crate, "--strip-components=1", "-C", directory], check=True)
        for ours in ("pack.toml", ".packsignore"):
            (directory / ours).unlink(missing_ok=True)
        directories.append(directory)
    return directories


def declare(directories, version):
    """Writes each directory's pack.toml."""
    for directory in directories:
        (directory / "pack.toml").write_text(f'[pack]\nname = "{directory.name}"\nversion = "{version}"\n')


def tiny_packs(count, to):
    """Makes source directories of packs with a command, a man page and a text."""
    directories = []
    for number in range(count):
        directory = Path(to) / f"tiny-{number:04}"
        (directory / "bin").mkdir(parents=True)
        (directory / "share/man/man1").mkdir(parents=True)
        command = directory / f"bin/tool-{number}"
        command.write_text(f"#!/bin/sh\necho {number}\n")
        command.chmod(0o755)
        (directory / f"share/man/man1/tool-{number}.1").write_text(f".TH TOOL-{number} 1\n")
        (directory / "README.md").write_text(f"# Tool {number}\n")
        directories.append(directory)
    return directories


def declare_tiny(directories, version):
    for directory in directories:
        number = int(directory.name.removeprefix("tiny-"))
        text = f'[pack]\nname = "{directory.name}"\nversion = "{version}"\n\n[bin]\ntool-{number} = "bin/tool-{number}"\n'
        (directory / "pack.toml").write_text(text)


def large_pack(directory, kind):
    """Makes a source directory of 500 MB that can hardly be compressed, of 500 MB of text, or of 200,000 files."""
    numbers = random.Random(1)
    directory = Path(directory)
    directory.mkdir(parents=True)
    if kind == "many":
        for group in range(200):
            (directory / f"group-{group:03}").mkdir()
            for file in range(1000):
                (directory / f"group-{group:03}/file-{file:04}.txt").write_text(f"file {file} of group {group}\n")
    else:
        words = [numbers.randbytes(numbers.randint(2, 9)).hex() for _ in range(5000)]
        for part in range(5):
            with open(directory / f"part-{part}", "wb") as file:
                for _ in range(100):
                    text = " ".join(numbers.choices(words, k=90_000)).encode() if kind == "text" else numbers.randbytes(1_000_000)
                    file.write(text[:1_000_000].ljust(1_000_000, b"\n"))
    return directory
