"""Throughput of scan and run against wc -l and rg on the same log. Prints MB of log a CPU second, and ratios."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
SEKISHO = str(ROOT / "build" / "sekisho")
MIB = int(sys.argv[1])


def cpu(args, **more):
    """CPU seconds and peak resident MB of one process."""
    p = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    _, status, usage = os.wait4(p.pid, 0)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, status


def agent(work, log, parser, rules):
    """The agent until it has journalled all of the log, then a clean end: CPU seconds, peak MB, bytes of journal."""
    shutil.rmtree(work / "journal", ignore_errors=True)
    config = work / "c.yaml"
    config.write_text(
        f"inputs:\n  - files: [{log}]\n    parser: {parser}\nrules: [{rules}]\n"
        f"journal: {{dir: {work}/journal, max_size: 8GiB, min_free: 1%}}\nsinks: {{}}\nstatus: {{socket: {work}/s}}\n"
    )
    size = os.path.getsize(log)
    p = subprocess.Popen([SEKISHO, "run", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    begin = time.monotonic()
    while time.monotonic() - begin < 600:
        s = subprocess.run([SEKISHO, "status", "--json", "-c", str(config)], capture_output=True, text=True)
        if s.returncode == 0 and json.loads(s.stdout)["bytes_read"] >= size:
            break
        time.sleep(0.1)
    wall = time.monotonic() - begin
    p.send_signal(signal.SIGTERM)
    _, _, usage = os.wait4(p.pid, 0)
    disk = sum(f.stat().st_blocks * 512 for f in (work / "journal").rglob("*") if f.is_file())
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, disk, wall


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="sekisho-bench."))
    log = work / "access.log"
    none = work / "none"
    none.mkdir()
    try:
        with open(log, "wb") as f:
            subprocess.run([str(ROOT / "build/bench/gen"), "a1", str(MIB)], stdout=f, check=True)
        mb = os.path.getsize(log) / 1e6
        rows = []
        for name, args in (
            ("wc -l", ["wc", "-l", str(log)]),
            ("rg -c -i -j1, five alternatives", ["rg", "-c", "-i", "-j1", "union.+select|<script|/etc/passwd|jndi:|sqlmap", str(log)]),
            ("scan, full pack", [SEKISHO, "scan", "--parser", "combined", "--rules", str(ROOT / "rules"), str(log)]),
        ):
            if shutil.which(args[0]) is None and not os.path.exists(args[0]):
                print(f"skipped: {args[0]} is not installed")
                continue
            s, rss, _ = cpu(args)
            rows.append((name, s, rss, ""))
        for name, parser, rules in (("run, full pack, into the journal", "combined", ROOT / "rules"), ("run, raw, no rules", "raw", none)):
            s, rss, disk, wall = agent(work, log, parser, rules)
            rows.append((name, s, rss, f"journal {disk / 1e6 / mb:.3f} bytes a byte of log, {wall:.1f} s wall"))
        reference = dict((r[0], r[1]) for r in rows).get("rg -c -i -j1, five alternatives")
        print(f"{mb:.0f} MB of synthetic access log, 1 % attacks")
        for name, s, rss, note in rows:
            ratio = f"1/{s / reference:.1f} of rg" if reference else ""
            print(f"{name:36} {mb / s:8.0f} MB/CPU-s  {rss:6.1f} MB peak  {ratio:14} {note}")
    finally:
        shutil.rmtree(work, ignore_errors=True)


main()
