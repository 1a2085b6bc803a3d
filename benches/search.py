#!/usr/bin/env python3
"""Measures `packs search` over 100,000 names, beside the bare start of the program and beside unpacking and grepping the same list.

    python3 benches/search.py target/release/packs [NAMES]

The names are made up from a seed. They lie in a registry on the loopback that answers once and is then gone: all that is measured is offline, from the
last refresh. Prints medians; exits with 1 if a search does not find what it should. Needs zstd.
"""

import contextlib
import functools
import http.server
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "compare"))

from measure import Failed
from measure import output
from measure import require
from measure import timed

ROUNDS = 21

PARTS = """board card chart check cloud code copy core craft data deck desk dev docs draft edge fetch field file flow form frame gate grid guard hook hub image
index kanban key kit lane layer ledger lens link list lock log map mark mesh mint mode note pack page pipe plan plot pool port press probe pulse query queue
rack rank relay report ring route rule scan scope seed sheet shell shift sign sketch slate snap spark stack stage store stream style sync table tag task team
test theme ticket time token tool trace track tree trust unit vault view watch wave web wire work yard zone""".split()


def names(count):
    """Makes so many packs, with a description of some 60 letters and some keywords each."""
    draw, made = random.Random(1), {"kanban": "Boards, cards and lanes in the terminal"}
    while len(made) < count:
        name = "-".join(draw.sample(PARTS, draw.choice((2, 2, 3)))) + draw.choice(("", "", "2", "-rs", "-js"))
        made.setdefault(name, " ".join(draw.choices(PARTS, k=10)).capitalize())
    packs = [{"name": name, "version": f"{draw.randrange(9)}.{draw.randrange(30)}.{draw.randrange(30)}", "description": text, "keywords": draw.sample(PARTS, 3)} for name, text in sorted(made.items())]
    return {"schema": "packs.names/1", "packs": packs}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a directory without a word."""

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(directory):
    """Serves a directory on the loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def main():
    binary, count = str(pathlib.Path(sys.argv[1]).resolve()), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    with tempfile.TemporaryDirectory() as place:
        work = pathlib.Path(place)
        registry, project = work / "registry", work / "project"
        registry.mkdir()
        (registry / "packs-registry.json").write_text('{"schema": "packs.registry/1", "name": "bench"}\n')
        (registry / "names.json").write_text(json.dumps(names(count)))
        subprocess.run(["zstd", "-q", "-9", "--rm", registry / "names.json", "-o", registry / "names.json.zst"], check=True)
        environment = {"PATH": os.environ["PATH"], "HOME": str(work), "PACKS_HOME": str(work / "home"), "USER": "bench", "LC_ALL": "C.UTF-8"}
        run = functools.partial(output, cwd=project, env=environment)
        project.mkdir()
        with served(registry) as address:
            (project / "packs.toml").write_text(f'[project]\nname = "bench"\n\n[registries]\ndefault = "{address}"\n')
            # The home, the index cache, and the text that is searched.
            run([binary, "lock"])
            run([binary, "search", "kanban"])
        listed = f"zstd -dc {registry}/names.json.zst | grep -c kanban"
        candidates = {
            "packs --version": [binary, "--version"],
            "zstd -dc | grep": ["sh", "-c", listed],
            "packs search kanban": [binary, "--offline", "search", "kanban"],
            "packs search kanbna (a typo)": [binary, "--offline", "search", "kanbna"],
            "packs search 'stream ledger' (two words)": [binary, "--offline", "search", "stream ledger"],
            "packs search zzzzzz (nothing)": [binary, "--offline", "search", "zzzzzz"],
        }
        require("kanban" in run(candidates["packs search kanbna (a typo)"]).split(), "a typo does not find the pack that was meant")
        taken = {name: [] for name in candidates}
        for _ in range(ROUNDS):
            for name, argv in candidates.items():
                taken[name].append(timed(argv, cwd=project, env=environment).wall * 1000)
        size = (registry / "names.json.zst").stat().st_size
    print(f"{count:,} names, {size:,} bytes packed; medians of {ROUNDS}, in milliseconds (lowest to highest)")
    for name, walls in taken.items():
        print(f"{name:<44}{statistics.median(walls):8.1f}  ({min(walls):.1f} to {max(walls):.1f})")


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(str(failed))
