"""What Sekisho costs: throughput by CPU seconds beside wc -l and rg on the same bytes, memory, bytes written, and what
nginx feels. The detections are compared with plain PCRE2's first: a difference fails the benchmark.

bench.py MIB: size of the made log (bench.sh says 1024).
"""
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
SEKISHO = os.environ.get("SEKISHO", str(ROOT / "build" / "sekisho"))
GEN = str(ROOT / "build" / "bench" / "gen")
LOAD = str(ROOT / "build" / "bench" / "load")
RG = ["rg", "-c", "-i", "-j1", "union.+select|<script|/etc/passwd|jndi:|sqlmap"]
RULES = 300
RATE, LOAD_S = 5000, 20
CHECKED_MIB = 24


def peak_mb(pid):
    """VmHWM; ru_maxrss would be this program's own, which a child inherits."""
    try:
        for line in open(f"/proc/{pid}/status"):
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0


def cpu(args):
    """CPU seconds and peak resident MB of one process."""
    p = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while True:
        peak = max(peak, peak_mb(p.pid))
        pid, _, usage = os.wait4(p.pid, os.WNOHANG)
        if pid != 0:
            return usage.ru_utime + usage.ru_stime, peak
        time.sleep(0.01)


class Agent:
    """`sekisho run` on logs, journal only."""

    def __init__(self, work, log, parser, rules):
        shutil.rmtree(work / "journal", ignore_errors=True)
        self.work = work
        self.config = work / "c.yaml"
        inputs = f"inputs:\n  - files: [{log}]\n    parser: {parser}\n"
        self.config.write_text(
            inputs + f"rules: [{', '.join(map(str, rules))}]\n"
            f"journal: {{dir: {work}/journal, max_size: 16GiB, min_free: 1%}}\nsinks: {{}}\nstatus: {{socket: {work}/s}}\n"
        )
        self.begin = time.monotonic()
        self.p = subprocess.Popen([SEKISHO, "run", "-c", str(self.config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def status(self):
        s = subprocess.run([SEKISHO, "status", "--json", "-c", str(self.config)], capture_output=True, text=True)
        return json.loads(s.stdout) if s.returncode == 0 and s.stdout else {"bytes_read": 0, "events": 0}

    def until(self, key, value, limit_s=900):
        while time.monotonic() - self.begin < limit_s and self.status().get(key, 0) < value:
            time.sleep(0.02)
        return time.monotonic() - self.begin

    def resident_mb(self):
        for line in open(f"/proc/{self.p.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024

    def written(self):
        for line in open(f"/proc/{self.p.pid}/io"):
            if line.startswith("write_bytes"):
                return int(line.split()[1])

    def cpu_s(self):
        """Of the scheduler's own nanoseconds: the clock ticks of stat are a hundredth of a second each."""
        tasks = pathlib.Path(f"/proc/{self.p.pid}/task")
        return sum(int((t / "schedstat").read_text().split()[0]) for t in tasks.iterdir()) / 1e9

    def end(self):
        peak = peak_mb(self.p.pid)
        self.p.send_signal(signal.SIGTERM)
        _, _, usage = os.wait4(self.p.pid, 0)
        return usage.ru_utime + usage.ru_stime, peak


def check(work, rules):
    """The same detections as when every rule runs on every line by PCRE2 alone?"""
    log = work / "checked.log"
    with open(log, "wb") as f:
        subprocess.run([GEN, "a10", str(CHECKED_MIB)], stdout=f, check=True)
    out = []
    for more in ([], ["--reference"]):
        args = [SEKISHO, "scan", "--parser", "combined", *sum((["--rules", str(r)] for r in rules), []), *more, str(log)]
        out.append(subprocess.run(args, capture_output=True).stdout)
    lines = out[0].count(b"\n")
    if out[0] != out[1] or lines == 0:
        print(f"FAILED: scan and plain PCRE2 differ on {log} ({lines} and {out[1].count(chr(10).encode())} lines out)")
        sys.exit(1)
    print(f"detections equal to plain PCRE2's on {CHECKED_MIB} MiB with 10 % attacks: {lines} lines of output")


def throughput(work, log, rules, none):
    mb = os.path.getsize(log) / 1e6
    rows = []
    flags = sum((["--rules", str(r)] for r in rules), [])
    for name, args in (
        ("wc -l", ["wc", "-l", str(log)]),
        ("rg -c -i -j1, five alternatives", [*RG, str(log)]),
        ("scan, all rules", [SEKISHO, "scan", "--parser", "combined", *flags, str(log)]),
    ):
        if shutil.which(args[0]) is None:
            print(f"skipped: {args[0]} is not installed")
            continue
        s, rss = cpu(args)
        rows.append((name, s, rss, ""))
    for name, parser, use in (("run, all rules, into the journal", "combined", rules), ("run, raw, no rules", "raw", [none])):
        a = Agent(work, log, parser, use)
        wall = a.until("bytes_read", os.path.getsize(log))
        written = a.written()
        s, rss = a.end()
        rows.append((name, s, rss, f"{written / 1e6 / mb:.3f} bytes written a byte of log, {wall:.1f} s"))
    reference = dict((r[0], r[1]) for r in rows).get("rg -c -i -j1, five alternatives")
    print(f"{mb:.0f} MB of made access log, 1 % attacks, {RULES} rules:")
    for name, s, rss, note in rows:
        ratio = f"1/{s / reference:.1f} of rg" if reference else ""
        print(f"  {name:34} {mb / s:8.0f} MB/CPU-s  {rss:6.1f} MB peak  {ratio:14} {note}")


def quiet(work, rules):
    """First line, and what an agent costs that has nothing to do."""
    logs = work / "idle"
    logs.mkdir()
    for i in range(100):
        (logs / f"{i}.log").write_text(f'203.0.113.{i} - - [01/Jul/2025:00:00:00 +0000] "GET /{i} HTTP/1.1" 200 1 "-" "-"\n')
    a = Agent(work, logs / "*.log", "combined", rules)
    first = a.until("events", 1, 30)
    a.until("events", 100, 30)
    before = a.cpu_s()
    time.sleep(20)
    share = (a.cpu_s() - before) / 20
    print(f"  100 idle files: {a.resident_mb():.1f} MB resident, {share * 100:.3f} % of a core; first line journalled after {first * 1000:.0f} ms")
    a.end()


def nginx_cpu(master):
    total = 0.0
    for pid in [master, *map(int, open(f"/proc/{master}/task/{master}/children").read().split())]:
        f = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()
        total += (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")
    return total


def one_load(work, port):
    master = int((work / "nginx.pid").read_text())
    before = nginx_cpu(master)
    out = subprocess.run([LOAD, str(port), str(RATE), str(LOAD_S)], capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"FAILED: load: {out.stderr}")
    n, p50, p99, worst = map(int, out.stdout.split())
    return n, p50, p99, worst, (nginx_cpu(master) - before) / LOAD_S


def neighbour(work, rules):
    """nginx at a fixed rate, with and without Sekisho beside it, in turn."""
    if shutil.which("nginx") is None:
        print("skipped: nginx is not installed")
        return
    port = 18080
    log = work / "nginx.log"
    (work / "nginx.conf").write_text(
        f"worker_processes 1; pid {work}/nginx.pid; error_log {work}/nginx.err;\nevents {{ worker_connections 512; }}\n"
        f"http {{ access_log {log}; keepalive_requests 1000000000; server {{ listen 127.0.0.1:{port}; "
        f"location / {{ return 200 \"{'x' * 2000}\"; }} }} }}\n"
    )
    os.chmod(work, 0o755)
    subprocess.run(["nginx", "-p", str(work), "-c", str(work / "nginx.conf")], check=True, stderr=subprocess.DEVNULL)
    try:
        print(f"  nginx at {RATE} requests a second, {LOAD_S} s each:")
        for with_agent in (False, True, False, True):
            a = Agent(work, log, "combined", rules) if with_agent else None
            if a:
                a.until("bytes_read", os.path.getsize(log))
            before = a.cpu_s() if a else 0
            n, p50, p99, worst, share = one_load(work, port)
            more = ""
            if a:
                more = f", Sekisho {(a.cpu_s() - before) / LOAD_S * 100:.1f} % of a core"
                a.end()
            print(f"    {'with' if with_agent else 'without':8} p50 {p50} us, p99 {p99} us, worst {worst} us; nginx {share * 100:.1f} % of a core{more}")
    finally:
        os.kill(int((work / "nginx.pid").read_text()), signal.SIGTERM)


def main():
    mib = int(sys.argv[1])
    work = pathlib.Path(tempfile.mkdtemp(prefix="sekisho-bench."))
    log = work / "access.log"
    none = work / "none"
    made = work / "made"
    none.mkdir()
    made.mkdir()
    listed = subprocess.run([SEKISHO, "rules", "list", "--rules", str(ROOT / "rules")], capture_output=True, text=True, check=True)
    have = listed.stdout.count("\n")
    with open(made / "made.yml", "w") as f:
        subprocess.run([sys.executable, str(ROOT / "bench" / "made_rules.py"), str(max(0, RULES - have))], stdout=f, check=True)
    rules = [ROOT / "rules", made]
    try:
        check(work, rules)
        with open(log, "wb") as f:
            subprocess.run([GEN, "a1", str(mib)], stdout=f, check=True)
        throughput(work, log, rules, none)
        quiet(work, rules)
        neighbour(work, rules)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
