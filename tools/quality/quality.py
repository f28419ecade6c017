"""make quality CORPORA=DIR: recall and false positives of the rules, corpus by corpus and category by category.

A corpus is NAME.access.log.gz (combined lines) with NAME.ndjson.gz (one object a line: label, category), or with
benign.labels.ndjson.gz (hard, session). Counted are lines with a detection of an attack category, and alerts. Logs
of services are read by auth.py.
"""
import collections
import gzip
import json
import pathlib
import subprocess
import sys

import auth

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEKISHO = str(ROOT / "build" / "sekisho")
ATTACKS = set(
    "sqli xss lfi rfi rce log4shell xxe ssrf ssti nosqli ldapi crlf shellshock php java webshell protocol scanner".split()
)


def scan(path):
    out = subprocess.run([SEKISHO, "scan", "--parser", "combined", "--rules", str(ROOT / "rules"), str(path)], capture_output=True, text=True, check=True).stdout
    lines, alerts = {}, collections.Counter()
    for text in out.splitlines():
        o = json.loads(text)
        if o["kind"] == "alert":
            alerts[o["rule"]] += 1
        else:
            rules = [d["rule"] for d in o["detections"] if d["category"] in ATTACKS]
            if rules:
                lines[o["line"]] = rules
    return lines, alerts


def records(path):
    with gzip.open(path, "rt", encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def share(n, of):
    return f"{n}/{of} ({100 * n / of:.2f} %)" if of else "none"


def attacks(name, log, labels):
    lines, alerts = scan(log)
    found, total = collections.Counter(), collections.Counter()
    wrong = collections.Counter()
    for i, r in enumerate(records(labels), 1):
        kind = (r["label"] in ("benign", "norm"), r.get("category") or "?")
        total[kind] += 1
        found[kind] += i in lines
        if kind[0] and i in lines:
            wrong.update(lines[i])
    bad = [k for k in total if not k[0]]
    print(f"{name}: recall {share(sum(found[k] for k in bad), sum(total[k] for k in bad))}")
    for k in sorted(bad, key=lambda k: k[1]):
        print(f"    {k[1]:20} {share(found[k], total[k])}")
    good = [k for k in total if k[0]]
    if good:
        print(f"    honest lines with a detection: {share(sum(found[k] for k in good), sum(total[k] for k in good))} {wrong.most_common(4)}")


def benign(log, labels):
    lines, alerts = scan(log)
    rows = records(labels)
    for hard in (False, True):
        some = [r for r in rows if r["hard"] == hard]
        hits = [r for r in some if r["n"] + 1 in lines]
        sessions = {r["session"] for r in some}
        hit = {r["session"] for r in hits}
        rules = collections.Counter(rule for r in hits for rule in lines[r["n"] + 1])
        print(f"benign, {'hard' if hard else 'plain'}: lines {share(len(hits), len(some))}, sessions {share(len(hit), len(sessions))} {rules.most_common(5)}")
    print(f"benign: alerts {dict(alerts)}")


def main():
    folder = pathlib.Path(sys.argv[1])
    logs = sorted(folder.glob("*.access.log.gz"))
    if not logs and not list(folder.glob("*.ndjson.gz")):
        sys.exit(f"{folder}: no *.access.log.gz and no *.ndjson.gz")
    for log in logs:
        name = log.name.removesuffix(".access.log.gz")
        if (folder / f"{name}.labels.ndjson.gz").exists():
            benign(log, folder / f"{name}.labels.ndjson.gz")
        elif (folder / f"{name}.ndjson.gz").exists():
            attacks(name, log, folder / f"{name}.ndjson.gz")
    auth.main(folder)


main()
