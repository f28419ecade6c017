"""Logins that failed, and who is alerted: the part of `make quality` that reads logs of any service.

fail2ban.ndjson.gz: a line each, with "service", "match" (is it a failure) and "host" (whose). hub_dev.ndjson.gz: a
log each ("lines"), with "overflows" and their "sources" (who is to be alerted). Services and tests are split into
two halves by a hash of their name: the reader was developed against half A, half B was left out.
"""
import collections
import gzip
import hashlib
import ipaddress
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEKISHO = str(ROOT / "build" / "sekisho")


def half(name):
    return "B" if hashlib.sha256(name.encode()).digest()[0] & 1 else "A"


def records(path):
    with gzip.open(path, "rt", encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def scan(lines, when=None):
    """What the program says of these lines: {line number: event}, [alerts]."""
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "x.log"
        log.write_text("\n".join(line.replace("\n", "\\n") for line in lines) + "\n", encoding="utf-8", errors="surrogateescape")
        if when is not None:
            os.utime(log, (when, when))
        out = subprocess.run(
            [SEKISHO, "scan", "--all", "--parser", "auto", "--rules", str(ROOT / "rules"), str(log)],
            capture_output=True, text=True, check=True, timeout=300, env={**os.environ, "TZ": "UTC"},
        ).stdout
    events, alerts = {}, []
    for text in out.splitlines():
        o = json.loads(text)
        if o["kind"] == "alert":
            alerts.append(o)
        else:
            events[o["line"]] = o
    return events, alerts


def same(a, b):
    try:
        a, b = ipaddress.ip_address(a), ipaddress.ip_address(b)
    except ValueError:
        return a == b
    return (getattr(a, "ipv4_mapped", None) or a) == (getattr(b, "ipv4_mapped", None) or b)


class Sum(collections.Counter):
    def line(self):
        recall = self["found"] / max(1, self["bad"])
        routine = self["flagged"] / max(1, self["good"])
        address = self["right"] / max(1, self["named"])
        return (
            f"failures found {self['found']}/{self['bad']} ({recall:.3f}), routine lines flagged {self['flagged']}/{self['good']} "
            f"({routine:.3f}), difference {recall - routine:+.3f}, right address {self['right']}/{self['named']} ({address:.3f})"
        )


def failures(path, verbose):
    services = collections.defaultdict(list)
    for r in records(path):
        services[r["service"]].append(r)
    sums, worst = {"A": Sum(), "B": Sum()}, []
    for name, rows in sorted(services.items()):
        rows.sort(key=lambda r: r["seq"])
        events, _ = scan([r["line"] for r in rows])
        mine = Sum()
        for i, r in enumerate(rows, 1):
            ev = {"attributes": {}, "detections": [], **events.get(i, {})}
            hit = bool(ev["detections"]) or ev["attributes"].get("sekisho.auth.result") == "failure"
            mine["bad" if r["match"] else "good"] += 1
            mine["found" if r["match"] else "flagged"] += hit
            who = ev["attributes"].get("client.address")
            ok = True
            if r["match"] and hit and r.get("host"):
                ok = who is not None and same(who, r["host"])
                mine["named"] += 1
                mine["right"] += ok
            if verbose and half(name) in verbose and (hit != r["match"] or not ok):
                print(f"  {'+' if r['match'] else '-'} {name}: host {r.get('host')}, read {who}, {[d['rule'] for d in ev['detections']]}: {r['line'][:230]}")
        sums[half(name)] += mine
        worst.append((mine["bad"] - mine["found"] + mine["flagged"] + mine["named"] - mine["right"], name, mine))
    print(f"{path.name}: half A: {sums['A'].line()}")
    print(f"{path.name}: half B: {sums['B'].line()}")
    for _, name, mine in sorted(worst, reverse=True, key=lambda w: w[:2])[:12]:
        print(f"    {half(name)} {name:20} {mine.line()}")


def is_address(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def alerted(path, verbose):
    sums = {"A": Sum(), "B": Sum()}
    for r in records(path):
        want = {s for o in r["overflows"] or [] for s in o["sources"] or [] if is_address(s)}
        if not want and r["overflows_n"] != 0:
            continue
        _, alerts = scan([str(line) for line in r["lines"]])
        got = {a["entity"]["value"] for a in alerts if is_address(a["entity"]["value"])}
        mine = sums[half(r["test"])]
        mine["tests"] += bool(want)
        mine["raised"] += any(same(g, w) for g in got for w in want)
        wrong = {g for g in got if not any(same(g, w) for w in want)}
        mine["wrong"] += bool(wrong)
        mine["all"] += 1
        if verbose and half(r["test"]) in verbose and (wrong or (want and not got)):
            print(f"  {r['test']}: wanted {sorted(want)}, alerted {[(a['rule'], a['entity']['value']) for a in alerts]}: {str(r['lines'][0])[:160]}")
    for h, s in sums.items():
        print(
            f"{path.name}: half {h}: the right address is alerted in {s['raised']}/{s['tests']} tests "
            f"({s['raised'] / max(1, s['tests']):.2f}), another one in {s['wrong']}/{s['all']}"
        )


def main(folder, verbose=""):
    """Print what there is to say of the logs in folder; verbose: each miss of these halves, "A", "B" or "AB"."""
    folder = pathlib.Path(folder)
    if (folder / "fail2ban.ndjson.gz").exists():
        failures(folder / "fail2ban.ndjson.gz", verbose)
    if (folder / "hub_dev.ndjson.gz").exists():
        alerted(folder / "hub_dev.ndjson.gz", verbose)


if __name__ == "__main__":
    main(*sys.argv[1:3])
