"""Poses the same graphs to packs, uv and cargo, whole command against whole command, and writes what that took. Called by run.sh.

What is fair: each reads its own kind of index from the disk, with caches as warm as they get, and writes its lockfile anew. uv has everything in its cache and
is told not to ask the network; cargo reads a local registry; packs reads a directory registry. All three are asked the same requirements.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import crates
from measure import require
from measure import timed

PORT = 8765
CRATES = "crates"

# How many times as fast as uv packs means to be.
REACH = {"free": 10, "rich": 20}
BEGIN, END = "<!-- resolver -->", "<!-- /resolver -->"


class Graph:
    """Direct requirements, and by pack its releases with theirs."""

    def __init__(self, roots, releases):
        self.roots, self.releases = roots, releases

    @classmethod
    def of_text(cls, text):
        """Reads what the generator wrote."""
        self = cls([], {})
        for line in text.splitlines():
            kind, name, *rest = line.split()
            if kind == "root":
                self.roots.append((name, rest[0]))
            else:
                self.releases.setdefault(name, []).append((rest[0], list(zip(rest[1::2], rest[2::2]))))
        return self


def write_for_packs(graph, directory):
    """Writes a directory registry and a project that locks from it."""
    registry, project = directory / "registry", directory / "project"
    (registry / "index").mkdir(parents=True)
    (registry / "packs-registry.json").write_text('{"schema": "packs.registry/1", "name": "bench"}\n')
    for name, releases in graph.releases.items():
        document = {"schema": "packs.index/1", "name": name, "revision": 1, "releases": [release_for_packs(name, *release) for release in releases]}
        path = registry / "index" / name[:2] / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + "\n")
    project.mkdir()
    lines = ["[project]", 'name = "bench"', 'platforms = ["linux-x86_64"]', "", "[registries]", f'default = "file:{registry}"', "", "[packages]"]
    (project / "packs.toml").write_text("\n".join(lines + [f'"{name}" = "{wanted}"' for name, wanted in graph.roots]) + "\n")


def release_for_packs(name, version, requires):
    sha256 = hashlib.sha256(f"{name} {version}".encode()).hexdigest()
    artifact = {"platform": "any", "archive": f"{name}-{version}.tar.zst", "size": 1000, "sha256": sha256}
    artifact |= {"tree": "zwkyicauoozsc54hmzhernntnmumoshwyxux53rvekrs72mi5nka", "unpacked_size": 2000}
    return {"version": version, "requires": dict(requires), "extras": {}, "artifacts": [artifact], "license": "MIT", "production_ready": False}


def write_for_uv(graph, directory):
    """Writes what nginx serves as a package index with metadata beside the wheels; the wheels themselves are never asked for."""
    simple, files = directory / "simple", directory / "files"
    files.mkdir(parents=True)
    for name, releases in graph.releases.items():
        links = []
        for version, requires in releases:
            wheel = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
            needs = "".join(f"Requires-Dist: {needed}{crates.for_python(wanted)}\n" for needed, wanted in requires)
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
            digest = hashlib.sha256(metadata.encode()).hexdigest()
            (files / f"{wheel}.metadata").write_text(metadata)
            links.append(f'<a href="/files/{wheel}#sha256={digest}" data-core-metadata="sha256={digest}">{wheel}</a>')
        page = simple / name / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text("<!DOCTYPE html><html><body>\n" + "\n".join(links) + "\n</body></html>\n")
    (directory / "requirements.in").write_text("".join(f"{name}{crates.for_python(wanted)}\n" for name, wanted in graph.roots))


def write_for_cargo(graph, directory):
    """Writes a local registry and a package that locks from it; the crates themselves are never asked for."""
    index, package = directory / "registry" / "index", directory / "package"
    for name, releases in graph.releases.items():
        path = index / (f"3/{name[0]}" if len(name) == 3 else f"{name[:2]}/{name[2:4]}") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(release_for_cargo(name, *release)) + "\n" for release in releases))
    (package / "src").mkdir(parents=True)
    (package / "src/lib.rs").write_text("")
    (package / ".cargo").mkdir()
    source = f'[source.crates-io]\nreplace-with = "bench"\n\n[source.bench]\nlocal-registry = "{directory / "registry"}"\n'
    (package / ".cargo/config.toml").write_text(source)
    lines = ["[package]", 'name = "bench"', 'version = "0.0.0"', 'edition = "2021"', "", "[dependencies]"]
    (package / "Cargo.toml").write_text("\n".join(lines + [f'{name} = "{wanted}"' for name, wanted in graph.roots]) + "\n")


def release_for_cargo(name, version, requires):
    deps = [{"name": needed, "req": wanted, "features": [], "optional": False, "default_features": True, "target": None, "kind": "normal"} for needed, wanted in requires]
    cksum = hashlib.sha256(f"{name} {version}".encode()).hexdigest()
    return {"name": name, "vers": version, "deps": deps, "cksum": cksum, "features": {}, "yanked": False}


@contextlib.contextmanager
def served(directory):
    """Lets nginx serve a directory on the loopback."""
    conf = directory / "nginx.conf"
    conf.write_text(
        f"daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log; worker_processes 1; events {{ worker_connections 1024; }}\n"
        f"http {{ access_log off; types {{ text/html html; }} default_type application/octet-stream; keepalive_requests 1000000;\n"
        f"server {{ listen 127.0.0.1:{PORT}; root {directory}; location /simple/ {{ index index.html; }} }} }}\n"
    )
    server = subprocess.Popen(["nginx", "-p", str(directory), "-c", str(conf)])
    try:
        time.sleep(0.5)
        yield f"http://127.0.0.1:{PORT}/simple"
    finally:
        server.terminate()
        server.wait()


class Candidates:
    """The three commands on one graph."""

    def __init__(self, arguments, directory):
        self.arguments, self.directory = arguments, directory
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C.UTF-8", "USER": "bench"}
        self.environment |= {"PACKS_HOME": str(directory / "home"), "UV_CACHE_DIR": str(directory / "uv-cache")}
        self.environment |= {name: os.environ[name] for name in ("CARGO_HOME", "RUSTUP_HOME") if name in os.environ}
        self.environment.setdefault("CARGO_HOME", str(Path.home() / ".cargo"))
        self.environment.setdefault("RUSTUP_HOME", str(Path.home() / ".rustup"))

    def packs(self):
        project = self.directory / "packs/project"
        (project / "packs.lock").unlink(missing_ok=True)
        return timed([self.arguments.binary.resolve(), "-q", "lock"], cwd=project, env=self.environment)

    def uv(self, *more):
        out = self.directory / "uv/requirements.txt"
        out.unlink(missing_ok=True)
        command = [self.arguments.uv.resolve(), "pip", "compile", "-q", "--no-config", "--index-url", f"http://127.0.0.1:{PORT}/simple", *more]
        return timed([*command, "--python-version", "3.12", "requirements.in", "-o", out], cwd=self.directory / "uv", env=self.environment)

    def uv_offline(self):
        return self.uv("--offline")

    def cargo(self):
        package = self.directory / "cargo/package"
        (package / "Cargo.lock").unlink(missing_ok=True)
        return timed(["cargo", "generate-lockfile", "--offline", "--quiet"], cwd=package, env=self.environment)


def measure(arguments, kind, seed):
    """Measures all three on one graph, in turns."""
    directory = (arguments.work / f"{kind}-{seed}").resolve()
    shutil.rmtree(directory, ignore_errors=True)
    if kind == CRATES:
        graph = Graph(*crates.collect(Path(__file__).resolve().parents[3]))
        print(f"{len(graph.releases)} packs, {sum(map(len, graph.releases.values()))} releases, {len(graph.roots)} direct", flush=True)
    else:
        graph = Graph.of_text(subprocess.run([arguments.worlds, kind, str(seed)], check=True, capture_output=True, text=True).stdout)
    for name, write in {"packs": write_for_packs, "uv": write_for_uv, "cargo": write_for_cargo}.items():
        write(graph, directory / name)
    candidates = Candidates(arguments, directory)
    with served(directory / "uv"):
        candidates.uv()
    runs = {"packs": candidates.packs, "uv": candidates.uv_offline, "cargo": candidates.cargo}
    taken = {name: [] for name in runs}
    for name, run in runs.items():
        # Whoever runs only once has been warmed by filling the cache.
        if name not in arguments.once:
            run()
    for number in range(arguments.rounds):
        names = list(runs)
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            if name not in arguments.once or number == 0:
                taken[name].append(runs[name]()._asdict())
    check(graph, directory)
    return {name: {key: statistics.median(one[key] for one in series) for key in ("wall", "processor")} for name, series in taken.items()}


def check(graph, directory):
    """Each lockfile holds every direct requirement."""
    texts = [directory / "packs/project/packs.lock", directory / "uv/requirements.txt", directory / "cargo/package/Cargo.lock"]
    for path in texts:
        text = path.read_text()
        require(all(name in text for name, _ in graph.roots), f"{path} lacks a direct requirement")


def render(found):
    """Writes the section."""
    lines = [
        BEGIN,
        "## The resolver",
        "",
        "Written by `benches/compare/solve/run.sh`: 10,000 packs of 10 releases, 1,000 direct requirements, made up from a seed; and the crates that this project",
        "needs, with all their releases. Each is the whole command, from the requirements to a new lockfile. Caches are warm; uv and cargo are told to stay offline.",
        "The ratio is the peer's time to that of packs.",
        "",
        "| graph | packs, ms | uv, ms | cargo, ms | uv ÷ packs | cargo ÷ packs |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for key, taken in sorted(found.items()):
        ms = {name: taken[name]["processor"] * 1000 for name in taken}
        wall = {name: taken[name]["wall"] * 1000 for name in taken}
        cells = [f"{wall[name]:,.0f} ({ms[name]:,.0f})" for name in ("packs", "uv", "cargo")]
        ratios = [f"{wall[name] / wall['packs']:.1f} ({ms[name] / ms['packs']:.1f})" for name in ("uv", "cargo")]
        lines.append(f"| {key} | {' | '.join(cells)} | {' | '.join(ratios)} |")
    lines += ["", *(line for line in map(lambda kind: reached(found, kind), REACH) if line)]
    return "\n".join([*lines, "", "In parentheses: the processor time of all processes, which other users of the machine move less than the wall time.", END])


def reached(found, kind):
    """Says of the graphs of a kind whether packs is as much faster than uv as it means to be."""
    ratios = [taken["uv"]["wall"] / taken["packs"]["wall"] for key, taken in found.items() if key.startswith(f"conflict-{kind}")]
    if not ratios:
        return None
    verdict = "is reached" if min(ratios) >= REACH[kind] else "is missed" if max(ratios) < REACH[kind] else "is reached by some only"
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}, median {statistics.median(ratios):.1f}"
    return f"- Conflict-{kind}: {spread} times as fast as uv over {len(ratios)} seeds; the reach of {REACH[kind]} {verdict}."


def replace(page, section):
    """Puts the section in its place, or at the end."""
    text = page.read_text()
    if BEGIN in text:
        before, rest = text.split(BEGIN, 1)
        page.write_text(before + section + rest.split(END, 1)[1])
    else:
        page.write_text(text.rstrip("\n") + "\n\n" + section + "\n")


def main():
    arguments = parse()
    arguments.work.mkdir(parents=True, exist_ok=True)
    results = arguments.work / "results.json"
    found = json.loads(results.read_text()) if results.exists() else {}
    for kind in arguments.kinds.split(","):
        for seed in ["1"] if kind == CRATES else arguments.seeds.split(","):
            name = "the crates of this project" if kind == CRATES else f"conflict-{kind}, seed {seed}"
            print(f"{kind} {seed} …", flush=True)
            found[name] = measure(arguments, kind, seed)
            print(found[name], flush=True)
            results.write_text(json.dumps(found, indent=1))
            shutil.rmtree(arguments.work / f"{kind}-{seed}")
    if arguments.page:
        replace(arguments.page, render(found))


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--worlds", type=Path, required=True, help="the generator of graphs")
    parser.add_argument("--uv", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--page", type=Path, help="the page with the section to write")
    parser.add_argument("--kinds", default=f"free,rich,{CRATES}")
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--once", default="", help="candidates to run only once per graph, with commas")
    return parser.parse_args()


if __name__ == "__main__":
    main()
