"""make quality CORPORA=DIR: recall and false positives of the rules, corpus by corpus and category by category.

A corpus is NAME.access.log.gz (combined lines) with NAME.ndjson.gz (one object a line: label, category), or with
benign.labels.ndjson.gz (hard, session). Counted are lines with a detection of an attack category, and alerts.
--honest LINES: instead, whom the shipped policy would block on an evening of honest users (honest.c).
Logs of services are read by auth.py.
"""
import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import time

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


CONFIG = """service: date
inputs:
  - files: [{work}/honest.log]
    parser: combined
    client_address: {{log: xff, hops: [balancer]}}
networks: {{balancer: [10.0.0.0/16]}}
rules: ["{rules}"]
journal: {{dir: {work}/journal, max_size: 16GiB, min_free: 1%}}
sinks: {{}}
response: {{mode: enforce, planes: [dry-run], max_event_age: 10d, max_per_minute: 100000}}
status: {{socket: {work}/s}}
"""


def honest(lines):
    """Whom does the shipped policy block, in `enforce`, on an evening without an attack?"""
    with tempfile.TemporaryDirectory(prefix="sekisho-honest.") as work:
        work = pathlib.Path(work)
        subprocess.run(["cc", "-O2", "-std=gnu11", "-o", str(work / "gen"), str(ROOT / "tools" / "quality" / "honest.c")], check=True)
        with open(work / "honest.log", "wb") as f:
            subprocess.run([work / "gen", str(lines), "1", str(int(time.time()) - lines // 2000 - 60)], stdout=f, check=True)
        config = work / "c.yaml"
        config.write_text(CONFIG.format(work=work, rules=ROOT / "rules"))
        agent = subprocess.Popen([SEKISHO, "run", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            events = 0
            while events < lines and agent.poll() is None:
                out = subprocess.run([SEKISHO, "status", "--json", "-c", str(config)], capture_output=True, text=True).stdout
                events = json.loads(out)["events"] if out else 0
                time.sleep(0.1)
        finally:
            agent.terminate()
            agent.wait()
        said = {}
        for kind in ("alert", "block"):
            out = subprocess.run([SEKISHO, "journal", "-c", str(config), "export", "--kind", kind], capture_output=True, text=True, check=True)
            said[kind] = [json.loads(line) for line in out.stdout.splitlines()]
    rules = collections.Counter(r["rule"] for r in {(a["rule"], a["entity"]["value"]): a for a in said["alert"]}.values())
    blocked = {b["prefix"] for b in said["block"]}
    print(f"honest evening, {lines} lines, 2,000 accounts behind one address: {len(blocked)} addresses blocked; addresses with an alert (no block): {dict(rules)}")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--honest":
        honest(int(sys.argv[2]))
        return
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
