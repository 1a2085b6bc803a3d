"""Measures packs beside other programs, and writes the page about it. Called by run.sh."""

import argparse
import json
import os
import time
from pathlib import Path

import page
from cases import CASES
from cases import Bench
from cases import program
from measure import warm_memory
from workload import Packs


def main():
    arguments = parse()
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    bench = Bench(Packs(arguments.binary.resolve(), work), work)
    results = work / "results.json"
    found = json.loads(results.read_text()) if results.exists() else {}
    warm_memory()
    for name in arguments.cases.split(","):
        print(f"{name} …", flush=True)
        began, load = time.monotonic(), os.getloadavg()[0]
        measured = program(bench, arguments.repository, arguments.build) if name == "program" else CASES[name](bench)
        found[name] = {"measured": measured, "load": [load, os.getloadavg()[0]]}
        results.write_text(json.dumps(found, indent=1))
        print(f"{name} took {time.monotonic() - began:.0f} s", flush=True)
    print(page.summary(found))
    if arguments.page:
        arguments.page.write_text(page.render(found, arguments.binary))


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="the release build of packs")
    parser.add_argument("--repository", type=Path, required=True, help="the source of packs")
    parser.add_argument("--work", type=Path, required=True, help="where to measure; needs some 20 GB")
    parser.add_argument("--page", type=Path, help="the page to write")
    parser.add_argument("--build", action="store_true", help="also time a release build from nothing")
    parser.add_argument("--cases", default=",".join([*CASES, "program"]), help="what to measure, with commas; the others keep their last figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
