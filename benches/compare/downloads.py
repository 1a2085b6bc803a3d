"""Cold switches from nginx on loopback, beside curl and tar on the same files; and what a resumed download transfers."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import workload
from measure import alternate
from measure import before_others
from measure import count_files
from measure import fresh_directory
from measure import peak_memory
from measure import require
from measure import timed

CONNECTIONS = 16
"""What packs uses; curl gets as many."""

ROUNDS = 7

RATE = "40m"
"""Bytes a second of the connection that is cut: slow enough to cut it in the middle."""

CONFIGURATION = """
daemon off;
worker_processes {workers};
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{ worker_connections 512; }}
http {{
    log_format bytes '$request_method $uri $status $body_bytes_sent "$http_range"';
    access_log {log};
    sendfile on;
    default_type application/octet-stream;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        location / {{ limit_rate {rate}; }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(place, root, *, log="off", rate="0"):
    """Serves a directory, and gives its address."""
    place = Path(place)
    place.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = place / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(place=place, root=root, port=port, log=log, rate=rate, workers=os.cpu_count()))
    with before_others():
        server = subprocess.Popen(["nginx", "-c", configuration, "-e", place / "error.log"], stdin=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def wait_for(port):
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise RuntimeError("nginx does not start")


def remote_project(project, address, to):
    """Copies a project whose registry is a directory, so that its registry is at an address."""
    copied = workload.copy_project(project, to)
    lines = (copied / "packs.toml").read_text().splitlines()
    lines = [f'default = "{address}"' if line.startswith("default = ") else line for line in lines]
    (copied / "packs.toml").write_text("\n".join(lines) + "\n")
    return copied


def downloads(bench):
    """All archives from nginx into an empty home, against curl and tar."""
    made, projects = bench.crates()
    registry = bench.work / "made" / "crates-registry"
    seen, found, candidates = {}, {}, {}
    with contextlib.ExitStack() as stack:
        for kind, flag in (("tar.gz", "-z"), ("tar.zst", "--zstd")):
            address = stack.enter_context(nginx(bench.work / f"nginx-{kind}", registry / kind))
            project = projects / f"{kind}-1.0.0"
            files = sorted((made / f"{kind}-1.0.0").glob(f"*.{kind}"))
            paths = [archive_path(file.name.removesuffix(f"-1.0.0.{kind}"), file.name) for file in files]
            one = Candidates(bench, address, project, paths, flag, seen)
            candidates |= {f"{name}, {kind}": run for name, run in one.all().items()}
            found[kind] = {"archives": len(files), "archive_bytes": sum(file.stat().st_size for file in files), "peak": one.peak()}
        series = alternate(candidates, ROUNDS)
    require(len(set(seen.values())) == 1, f"files and bytes differ: {seen}")
    return {"series": series, "facts": found, "resume": resume(bench)}


def archive_path(name, archive):
    return f"packs/{name}/1.0.0/{archive}"


class Candidates:
    """The ways from one server to unpacked files."""

    def __init__(self, bench, address, project, paths, flag, seen):
        self.bench, self.address, self.project, self.paths, self.flag, self.seen = bench, address, project, paths, flag, seen

    def all(self):
        return {"packs --no-sync": self.packs, "curl --parallel, then tar": self.curl_then_tar, "curl | tar": self.curl_into_tar}

    def command(self, root):
        project = remote_project(self.project, self.address, root / "project")
        return [self.bench.packs.binary, "-q", "--locked", "--no-sync", "switch"], project, self.bench.packs.environment(root / "home")

    def packs(self):
        with fresh_directory(self.bench.work) as root:
            argv, cwd, env = self.command(root)
            taken = timed(argv, cwd=cwd, env=env)
            home = root / "home"
            self.seen["packs"] = count_files(*(path for path in (home / "store").iterdir() if not path.name.startswith(".")))
            return taken

    def peak(self):
        with fresh_directory(self.bench.work) as root:
            argv, cwd, env = self.command(root)
            return peak_memory(argv, cwd=cwd, env=env)[0]

    def curl_then_tar(self):
        """One curl for all files, over as many connections; then tar in as many processes as cores."""
        with fresh_directory(self.bench.work) as root:
            self.directories(root)
            urls = "".join(f'url = "{self.address}/{path}"\noutput = "{number}.archive"\n' for number, path in enumerate(self.paths))
            (root / "urls").write_text(urls)
            (root / "list").write_text("".join(f"{number}.archive -C {number}\n" for number in range(len(self.paths))))
            script = f"curl -sSf --parallel --parallel-immediate --parallel-max {CONNECTIONS} -K urls && xargs -P{os.cpu_count()} -n3 tar {self.flag} -xf < list"
            return self.taken("curl --parallel", root, script)

    def curl_into_tar(self):
        """One curl and one tar for each file, sixteen pairs at a time: what is downloaded is unpacked meanwhile."""
        with fresh_directory(self.bench.work) as root:
            self.directories(root)
            (root / "list").write_text("".join(f"{self.address}/{path} {number}\n" for number, path in enumerate(self.paths)))
            script = f"xargs -P{CONNECTIONS} -n2 sh -c 'curl -sSf \"$0\" | tar {self.flag} -x -C \"$1\"' < list"
            return self.taken("curl | tar", root, script)

    def directories(self, root):
        for number in range(len(self.paths)):
            (root / str(number)).mkdir()

    def taken(self, name, root, script):
        taken = timed(["sh", "-c", script], cwd=root)
        self.seen[name] = count_files(*(root / str(number) for number in range(len(self.paths))))
        return taken


def resume(bench):
    """Kills a switch in the middle of one large archive, and counts what the server sent in all."""

    def make(to):
        source = workload.large_pack(to / "src" / "large", "random")
        workload.declare([source], "1.0.0")
        bench.packs.publish(bench.packs.build([source], to / "dist", "tar.zst"), to / "registry")
        shutil.rmtree(to / "src")

    made = bench.made("large-remote", make)
    project = bench.made("large-remote-project", lambda to: bench.packs.project(to, made / "registry", [("large", "1.0.0")]))
    (archive,) = (made / "dist").glob("*.tar.zst")
    size, log = archive.stat().st_size, bench.work / "nginx-resume" / "access.log"
    log.unlink(missing_ok=True)
    with nginx(log.parent, made / "registry", log=f"{log} bytes", rate=RATE) as address, fresh_directory(bench.work) as root:
        copied = remote_project(project, address, root / "project")
        environment = bench.packs.environment(root / "home")
        argv = [bench.packs.binary, "-q", "--locked", "--no-sync", "switch"]
        first = subprocess.Popen(argv, cwd=copied, env=environment)
        there = kill_in_the_middle(first, root / "home" / "cache" / "archives", size)
        timed(argv, cwd=copied, env=environment)
        require(count_files(root / "home" / "store")[0] > 0, "nothing was unpacked")
    time.sleep(0.2)
    requests = [line.split(" ", 4) for line in log.read_text().splitlines() if ".tar.zst " in line]
    return {"archive_bytes": size, "there_bytes": there, "requests": [{"status": one[2], "bytes": int(one[3]), "range": one[4]} for one in requests]}


def kill_in_the_middle(child, cache, size):
    while child.poll() is None:
        for part in cache.glob("*.part") if cache.exists() else ():
            there = part.stat().st_size
            if there >= size // 2:
                child.kill()
                child.wait()
                return part.stat().st_size
        time.sleep(0.001)
    raise RuntimeError("it ended before it could be cut")
