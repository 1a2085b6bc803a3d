"""Lets packs lock, draw and explain a chain of 50,000 packs with a stack of 800 KiB, and tells what that took. Called by `make deep`.

Each pack requires the next one. Three projects ask for the first: one can be locked, one asks for a release of the last pack that is not there, and one allows
none of the last pack, so that the proof is as long as the chain.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PACKS = 50_000
STACK_BYTES = 800 * 1024
ARTIFACT = {"platform": "any", "archive": "a.tar.zst", "size": 1, "sha256": "0" * 64, "tree": "zwkyicauoozsc54hmzhernntnmumoshwyxux53rvekrs72mi5nka"}

GOOD = ["lock", "tree", "tree --depth 60000", f"tree --invert p{PACKS - 1:05d}", "tree --format dot", "tree --json", f"why p{PACKS - 1:05d}", "update --dry-run"]
BAD = ["lock", "resolve --explain=full", "resolve --fixes 3", "resolve --json", "resolve --format svg"]
NO_RESOLUTION = 3


def write_registry(registry):
    """Writes the index documents of the chain."""
    (registry / "index").mkdir(parents=True)
    (registry / "packs-registry.json").write_text('{"schema": "packs.registry/1", "name": "deep"}\n')
    for number in range(PACKS):
        name = f"p{number:05d}"
        requires = {f"p{number + 1:05d}": "^1"} if number + 1 < PACKS else {}
        release = {"version": "1.0.0", "requires": requires, "artifacts": [ARTIFACT]}
        path = registry / "index" / name[:2] / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"schema": "packs.index/1", "name": name, "revision": 1, "releases": [release]}))


def write_project(directory, registry, more):
    """Writes a project that asks for the first pack of the chain, and says more of the last one."""
    directory.mkdir()
    text = f'[project]\nname = "deep"\n\n[registries]\ndefault = "file:{registry}"\n\n[packages]\np00000 = "^1"\n{more}'
    (directory / "packs.toml").write_text(text)
    return directory


def run(binary, project, command, expected):
    """Runs a command with a small stack; anything but the exit code expected ends the script."""
    environment = {"HOME": str(project.parent), "PACKS_HOME": str(project.parent / "home"), "PATH": "/usr/bin:/bin", "USER": "deep"}
    small = lambda: resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, STACK_BYTES))
    began = time.monotonic()
    ended = subprocess.run([binary, *command.split()], cwd=project, env=environment, preexec_fn=small, capture_output=True, check=False)
    if ended.returncode != expected:
        sys.exit(f"packs {command} in {project.name}: exit {ended.returncode}, expected {expected}\n{ended.stderr.decode()[-2000:]}")
    print(f"{project.name:10} {command:28} exit {expected}, {time.monotonic() - began:5.1f} s, {len(ended.stdout):>12,} bytes")


def main():
    binary = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        registry = directory / "registry"
        write_registry(registry)
        last = f"p{PACKS - 1:05d}"
        for command in GOOD:
            project = directory / "good"
            run(binary, project if project.exists() else write_project(project, registry, ""), command, 0)
        for project in [
            write_project(directory / "missing", registry, f'{last} = "^2"\n'),
            write_project(directory / "forbidden", registry, f'\n[constraints]\n{last} = "^2"\n'),
        ]:
            for command in BAD:
                run(binary, project, command, NO_RESOLUTION)


if __name__ == "__main__":
    main()
