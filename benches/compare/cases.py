"""The comparisons. Each gives series of times in seconds, after checking that both sides did the same work."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import workload
from downloads import downloads
from measure import ROUNDS
from measure import alternate
from measure import count_files
from measure import fresh_directory
from measure import output
from measure import peak_memory
from measure import require
from measure import timed

TINY_ROUNDS = 21
"""Commands of a few milliseconds are run more often: one interrupt is a large part of them."""


class Bench:
    """Everything that the cases share."""

    def __init__(self, packs, work):
        self.packs, self.work = packs, Path(work)

    def switch(self, project, home, *arguments):
        environment = self.packs.environment(home)
        return timed([self.packs.binary, "-q", "--frozen", *arguments, "switch"], cwd=project, env=environment)

    def made(self, name, make):
        """Makes a part of the workload once, and keeps it for the next run of this script."""
        directory = self.work / "made" / name
        if not directory.exists():
            half_made = self.work / "made" / f"{name}.half"
            shutil.rmtree(half_made, ignore_errors=True)
            make(half_made)
            half_made.rename(directory)
        return directory

    def crates(self):
        """Gives the packs made of crates: two registries' worth of archives, and projects that want the first and the second version of all."""

        def make(to):
            sources = workload.import_crates(workload.find_crates(), to / "src")
            for version in ("1.0.0", "2.0.0"):
                workload.declare(sources, version)
                for archive_format in ("tar.gz", "tar.zst"):
                    self.packs.build(sources, to / f"{archive_format}-{version}", archive_format)
            shutil.rmtree(to / "src")

        made = self.made("crates", make)
        return made, self.made("crates-projects", lambda to: self.crate_projects(made, to))

    def crate_projects(self, made, to):
        registry = self.work / "made" / "crates-registry"
        shutil.rmtree(registry, ignore_errors=True)
        for archive_format in ("tar.gz", "tar.zst"):
            registry_of_format = registry / archive_format
            for version in ("1.0.0", "2.0.0"):
                archives = sorted((made / f"{archive_format}-{version}").glob(f"*.{archive_format}"))
                self.packs.publish(archives, registry_of_format)
                names = [archive.name.removesuffix(f"-{version}.{archive_format}") for archive in archives]
                self.packs.project(to / f"{archive_format}-{version}", registry_of_format, [(name, version) for name in names])

    def tiny(self, count):
        """Gives two projects that want `count` tiny packs; every tenth pack has another version in the second."""

        def make(to):
            sources = workload.tiny_packs(count, to / "src")
            # Nix would link every name at the root of a package: it gets what packs links.
            for source in sources:
                for part in ("bin", "share"):
                    shutil.copytree(source / part, to / "linked" / source.name / part)
            for version in ("1.0.0", "2.0.0"):
                workload.declare_tiny(sources, version)
                self.packs.publish(self.packs.build(sources, to / f"dist-{version}"), self.work / "made" / f"tiny-registry-{count}")

        made = self.made(f"tiny-{count}", make)
        sources = sorted((made / "linked").iterdir())
        return sources, self.made(f"tiny-projects-{count}", lambda to: self.tiny_projects(sources, to))

    def tiny_projects(self, sources, to):
        registry = self.work / "made" / f"tiny-registry-{len(sources)}"
        for name, changed in (("a", "1.0.0"), ("b", "2.0.0")):
            wants = [(source.name, changed if number % 10 == 0 else "1.0.0") for number, source in enumerate(sources)]
            self.packs.project(to / name, registry, wants)


def store_roots(home):
    """Gives the store paths of a home."""
    return [path for path in (home / "store").iterdir() if not path.name.startswith(".")]


def ingest(bench):
    """All archives into an empty home, against tar in two processes."""
    made, projects = bench.crates()
    archives = sorted((made / "tar.gz-1.0.0").glob("*.tar.gz"))
    cores = os.cpu_count()
    seen = {}

    def packs(name, project, *arguments):
        def once():
            with fresh_directory(bench.work) as root:
                wall = bench.switch(workload.copy_project(projects / project, root / "project"), root / "home", *arguments)
                seen[name] = count_files(*store_roots(root / "home"))
                return wall

        return once

    def tar(name, archives, flag, is_synced):
        def once():
            with fresh_directory(bench.work) as root:
                lines = []
                for number, archive in enumerate(archives):
                    (root / str(number)).mkdir()
                    lines.append(f"{archive} -C {root / str(number)}\n")
                (root / "list").write_text("".join(lines))
                command = f"xargs -P{cores} -n3 tar {flag} -xf < list" + (" && sync -f ." if is_synced else "")
                wall = timed(["sh", "-c", command], cwd=root)
                seen[name] = count_files(*(root / str(number) for number in range(len(archives))))
                return wall

        return once

    zstd = sorted((made / "tar.zst-1.0.0").glob("*.tar.zst"))
    series = alternate(
        {
            "tar": tar("tar", archives, "-z", False),
            "tar and sync": tar("tar and sync", archives, "-z", True),
            "packs --no-sync": packs("packs --no-sync", "tar.gz-1.0.0", "--no-sync"),
            "packs": packs("packs", "tar.gz-1.0.0"),
            "tar, zstd": tar("tar, zstd", zstd, "--zstd", False),
            "packs --no-sync, zstd": packs("packs --no-sync, zstd", "tar.zst-1.0.0", "--no-sync"),
        }
    )
    require(len(set(seen.values())) == 1, f"files and bytes differ: {seen}")
    files, size = seen["tar"]
    facts = {"archives": len(archives), "archive_bytes": sum(archive.stat().st_size for archive in archives), "files": files, "bytes": size}
    return {"series": series, "facts": facts}


def update(bench):
    """All content stored already under other versions, against the cold ingest of the same."""
    _, projects = bench.crates()
    series = {name: [] for name in ("cold, --no-sync", "known content, --no-sync", "known archives", "cold", "known content")}
    facts = {}
    for _ in range(ROUNDS):
        for arguments, suffix in ((["--no-sync"], ", --no-sync"), ([], "")):
            with fresh_directory(bench.work) as root:
                first = workload.copy_project(projects / "tar.gz-1.0.0", root / "first")
                second = workload.copy_project(projects / "tar.gz-2.0.0", root / "second")
                again = workload.copy_project(projects / "tar.gz-1.0.0", root / "again")
                series["cold" + suffix].append(bench.switch(first, root / "home", *arguments))
                before = len(store_roots(root / "home"))
                inodes = os.statvfs(root).f_ffree
                series["known content" + suffix].append(bench.switch(second, root / "home", *arguments))
                facts = {"new_inodes": inodes - os.statvfs(root).f_ffree, "new_paths": len(store_roots(root / "home")) - before}
                require(facts["new_paths"] == before, "the second version of every pack must be stored too")
                if suffix:
                    series["known archives"].append(bench.switch(again, root / "home", *arguments))
    return {"series": series, "facts": facts}


class Nix:
    """A Nix of its own, without a daemon, in a directory of its own; the peer for generations."""

    def __init__(self, root):
        self.root = root
        self.profile = root / "profile"
        (root / "conf").mkdir(parents=True)
        (root / "home").mkdir()
        (root / "conf/nix.conf").write_text("sandbox = false\nsubstitute = false\nbuild-users-group =\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root / "home"),
            "NIX_STORE_DIR": str(root / "store"),
            "NIX_LOCALSTATE_DIR": str(root / "var"),
            "NIX_STATE_DIR": str(root / "var/nix"),
            "NIX_LOG_DIR": str(root / "var/log/nix"),
            "NIX_CONF_DIR": str(root / "conf"),
            "XDG_CACHE_HOME": str(root / "cache"),
        }

    def add(self, directories):
        paths = []
        for at in range(0, len(directories), 100):
            paths += output(["nix-store", "--add", *map(str, directories[at : at + 100])], env=self.environment).split()
        return paths

    def env(self, *arguments):
        return timed(["nix-env", "-p", str(self.profile), *map(str, arguments)], env=self.environment)

    def links(self):
        return sum(len(names) for _, _, names in os.walk(os.path.realpath(self.profile) + "/bin"))


def generations(bench, count, root):
    """Switch, nothing to do, rollback with `count` packs; both sides have everything stored."""
    sources, projects = bench.tiny(count)
    home, project = root / "home", workload.copy_project(projects / "a", root / "project")
    environment = bench.packs.environment(home)

    def packs(*arguments):
        return timed([bench.packs.binary, "-q", *arguments], cwd=project, env=environment)

    # Both sets are stored once, so that no switch below unpacks anything.
    for name in ("b", "a"):
        workload.copy_project(projects / name, project)
        packs("--frozen", "switch")
    names = ["switch", "nothing to do", "status", "rollback", "version"]
    nix = Nix(root / "nix") if shutil.which("nix-env") else None
    if nix:
        stored = nix.add(sources)
        nix.env("-r", "-i", *stored)
        ready = [os.path.realpath(nix.profile)]
        nix.env("-r", "-i", *stored[1:])
        ready.append(os.path.realpath(nix.profile))
        names += ["nix-env --set", "nix-env -i", "nix-env --rollback", "nix-env -q"]
    series = {name: [] for name in names}
    for number in range(TINY_ROUNDS):
        workload.copy_project(projects / "ba"[number % 2], project)
        series["switch"].append(packs("--frozen", "switch"))
        series["nothing to do"].append(packs("--frozen", "switch"))
        series["status"].append(packs("status"))
        series["version"].append(packs("--version"))
        linked = len(os.listdir(project / ".packs/active/bin"))
        series["rollback"].append(packs("rollback"))
        packs("--frozen", "switch")
        if nix:
            series["nix-env --set"].append(nix.env("--set", ready[number % 2]))
            series["nix-env --rollback"].append(nix.env("--rollback"))
            series["nix-env -q"].append(nix.env("-q"))
            if number < ROUNDS and count > 1:
                # Each time without another pack, so that no user environment is there already.
                left_out = number % count
                series["nix-env -i"].append(nix.env("-r", "-i", *(stored[:left_out] + stored[left_out + 1 :])))
                require(nix.links() == count - 1, f"nix-env linked {nix.links()} commands of {count - 1}")
    require(linked == count, f"packs linked {linked} commands of {count}")
    return {"series": series, "facts": {"packs": count}}


def generations_everywhere(bench):
    """The same on a disk, where every fsync counts, and in memory, where none does."""
    found = {}
    for count in (10, 100, 1000):
        bench.tiny(count)
        with fresh_directory(bench.work) as root:
            found[f"{count}, disk"] = generations(bench, count, root)
        if os.path.isdir("/dev/shm"):
            with tempfile.TemporaryDirectory(dir="/dev/shm") as root:
                found[f"{count}, memory"] = generations(bench, count, Path(root))
    return found


def gc(bench):
    """Everything dead, against `rm -rf` of the store and the blobs of another home with the same content."""
    _, projects = bench.crates()
    series = {"rm -rf": [], "packs gc": [], "packs gc --no-sync": []}
    facts = {}
    for round_number in range(ROUNDS):
        names = list(series)
        for name in names[round_number % 3 :] + names[: round_number % 3]:
            with fresh_directory(bench.work) as root:
                home = root / "home"
                bench.switch(workload.copy_project(projects / "tar.gz-1.0.0", root / "project"), home, "--no-sync")
                # What is dirty would be written while things are removed, and it would depend on luck for whom.
                subprocess.run(["sync", "-f", root], check=True)
                facts = {"paths": len(store_roots(home)), "files": count_files(home / "store")[0]}
                shutil.rmtree(root / "project")
                if name == "rm -rf":
                    series[name].append(timed(["rm", "-rf", home / "store", home / "blobs"]))
                else:
                    arguments = ["--no-sync"] if "--no-sync" in name else []
                    command = [bench.packs.binary, "-q", *arguments, "gc", "--missing-projects"]
                    series[name].append(timed(command, cwd=root, env=bench.packs.environment(home)))
                    require(not store_roots(home) and count_files(home / "blobs")[0] == 0, "gc left something")
    return {"series": series, "facts": facts}


def verify(bench):
    """Every distinct content once, against b3sum of the same files with one process per core."""
    _, projects = bench.crates()
    with fresh_directory(bench.work) as root:
        home = root / "home"
        bench.switch(workload.copy_project(projects / "tar.gz-1.0.0", root / "project"), home)
        environment = bench.packs.environment(home)
        files = [str(path) for path in (home / "blobs").rglob("*") if path.is_file()]
        (root / "list").write_text("\0".join(files))
        command = f"xargs -0 -P{os.cpu_count()} -n500 b3sum --num-threads 1 < list"
        candidates = {
            "b3sum": lambda: timed(["sh", "-c", command], cwd=root),
            "packs verify --store": lambda: timed([bench.packs.binary, "-q", "verify", "--store"], cwd=root, env=environment),
        }
        checked = json.loads(output([bench.packs.binary, "--json", "verify", "--store"], cwd=root, env=environment))["checked"]
        summed = output(["sh", "-c", command], cwd=root).splitlines()
        size = sum(os.path.getsize(file) for file in files)
        # Empty files are no blobs, so b3sum has one content less to read if there is one: it costs nothing.
        require(len(summed) in (checked["contents"], checked["contents"] - 1) and size == checked["bytes"], f"{len(summed)} and {size} against {checked}")
        return {"series": alternate(candidates), "facts": {"contents": len(summed), "bytes": size}}


def memory(bench):
    """The largest resident size of one switch that unpacks a large archive, and of commands over 1,000 packs."""
    found = {}
    for kind in ("random", "text", "many"):
        for archive_format in ("tar.gz", "tar.zst"):

            def make(to):
                source = workload.large_pack(to / "src" / f"large-{kind}", kind)
                workload.declare([source], "1.0.0")
                archives = bench.packs.build([source], to / "dist", archive_format)
                bench.packs.publish(archives, to / "registry")
                shutil.rmtree(to / "src")

            made = bench.made(f"large-{kind}-{archive_format}", make)

            def lock(to):
                bench.packs.project(to, made / "registry", [(f"large-{kind}", "1.0.0")])

            project = bench.made(f"large-project-{kind}-{archive_format}", lock)
            with fresh_directory(bench.work) as root:
                here = workload.copy_project(project, root / "project")
                command = [bench.packs.binary, "-q", "--frozen", "switch"]
                peak, wall = peak_memory(command, cwd=here, env=bench.packs.environment(root / "home"))
                files, size = count_files(*store_roots(root / "home"))
                archive = next((made / "dist").glob(f"*.{archive_format}")).stat().st_size
                found[f"{kind}, {archive_format}"] = {"peak": peak, "wall": wall, "files": files, "bytes": size, "archive_bytes": archive}
    _, projects = bench.tiny(1000)
    with fresh_directory(bench.work) as root:
        home, here = root / "home", workload.copy_project(projects / "a", root / "project")
        commands = {"switch, unpacking": ["--frozen", "switch"], "switch, nothing to do": ["--frozen", "switch"], "status": ["status"], "history": ["history"]}
        commands |= {"list": ["list"], "lock --check": ["lock", "--check"], "verify": ["verify"], "gc --dry-run": ["gc", "--dry-run"]}
        for name, arguments in commands.items():
            peak, wall = peak_memory([bench.packs.binary, "-q", *arguments], cwd=here, env=bench.packs.environment(home))
            found[f"1,000 packs: {name}"] = {"peak": peak, "wall": wall}
    return found


def program(bench, repository, build_from_nothing):
    """The size of the program, the crates in it, and how long a first build takes."""
    tree = output(["cargo", "tree", "--locked", "-e", "normal", "--prefix", "none", "-f", "{p}"], cwd=repository)
    crates = {" ".join(line.split()[:2]) for line in tree.splitlines() if line}
    found = {"bytes": os.path.getsize(bench.packs.binary), "crates": len(crates) - 1, "build": None}
    if build_from_nothing:
        with tempfile.TemporaryDirectory(dir=bench.work) as target:
            environment = dict(os.environ, CARGO_TARGET_DIR=target)
            found["build"] = timed(["cargo", "build", "--locked", "--release", "--offline"], cwd=repository, env=environment).wall
    return found


CASES = {"ingest": ingest, "update": update, "generations": generations_everywhere, "gc": gc, "verify": verify, "downloads": downloads, "memory": memory}
