"""make demo-cloud: a real nginx, Sekisho, Pub/Sub, a subscriber that writes rows as a BigQuery subscription does, and an
analyst's questions with their answers. Pub/Sub is the tests' own fake (it checks requests and proofs), BigQuery is
bqemulator. Nothing leaves this machine."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
os.environ.setdefault("CACHE_DIRECTORY", tempfile.mkdtemp(prefix="sekisho-cache."))

from conftest import SEKISHO, wait_for  # noqa: E402
from fake_google import Google, columns, key_file  # noqa: E402
from google_parts import Emulator  # noqa: E402

PORT = 18000 + os.getpid() % 1000
ATTACKS = [
    "/?id=1%27%20union%20select%20null,version()--%20",
    "/download?file=../../../../etc/passwd",
    "/?x=%24%7Bjndi%3Aldap%3A%2F%2Fexample.org%2Fa%7D",
    "/search?q=%3Cscript%3Ealert(1)%3C/script%3E",
]


def nginx(work):
    (work / "nginx.conf").write_text(
        f"pid {work}/nginx.pid; error_log {work}/nginx.err;\nevents {{}}\nhttp {{ access_log {work}/access.log; "
        f"server {{ listen 127.0.0.1:{PORT}; location / {{ return 200 'hello'; }} }} }}\n"
    )
    subprocess.run(["nginx", "-p", str(work), "-c", str(work / "nginx.conf")], check=True, stderr=subprocess.DEVNULL)


def get(path, agent="Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"):
    r = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", headers={"User-Agent": agent})
    try:
        urllib.request.urlopen(r, timeout=10).read()
    except urllib.error.HTTPError:
        pass


def subscriber(google, bigquery, stop):
    """What a BigQuery subscription with the table's schema does: a message, a row."""
    seen = {}
    while not stop.is_set():
        for topic in list(google.messages):
            rows = google.rows(topic)
            new = rows[seen.get(topic, 0) :]
            if not new:
                continue
            table = topic.removeprefix("sekisho-")
            table += "_raw" if table in ("events", "alerts", "blocks") else ""
            text = [{k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in r.items()} for r in new]
            bigquery.post(f"/datasets/logs/tables/{table}/insertAll", {"rows": [{"json": r} for r in text]})
            seen[topic] = seen.get(topic, 0) + len(new)
        time.sleep(0.1)


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="sekisho-cloud."))
    os.chmod(work, 0o755)
    stop = threading.Event()
    print("starting Pub/Sub (fake), BigQuery (bqemulator), nginx ...", flush=True)
    google = Google(work, columns()).start()
    google.need_token = True
    bigquery = Emulator(work, 21000 + os.getpid() % 10000)
    agent = None
    try:
        bigquery.post("/datasets", {"datasetReference": {"datasetId": "logs", "projectId": "p"}})
        ddl = subprocess.run([SEKISHO, "schema", "bigquery", "p.logs"], capture_output=True, text=True, check=True).stdout
        for statement in ddl.split(";\n"):
            if statement.strip():
                bigquery.query(statement)
        nginx(work)
        (work / "sekisho.yaml").write_text(
            f"service: demo\ninputs:\n  - {{files: [{work}/access.log], parser: combined}}\nrules: [{ROOT}/rules]\n"
            f"journal: {{dir: {work}/journal, min_free: 1%}}\nsinks:\n"
            f"  cloud: {{type: pubsub, project: p, endpoint: '{google.url}', credentials: {key_file(google)}}}\n"
            f"status: {{socket: {work}/s.sock}}\n"
        )
        google.may_publish = {f"sekisho-{t}" for t in ("events", "alerts", "blocks", "rejects", "ledger")}
        print("\n$ sekisho check --online")
        print(subprocess.run([SEKISHO, "check", "--online", "-c", str(work / "sekisho.yaml")], capture_output=True, text=True, check=True).stdout)
        agent = subprocess.Popen([SEKISHO, "run", "-c", str(work / "sekisho.yaml")], stdout=subprocess.DEVNULL, stderr=open(work / "out", "w"))
        threading.Thread(target=subscriber, args=(google, bigquery, stop), daemon=True).start()
        for i in range(300):
            get(f"/profile/{i % 40}")
        for path in ATTACKS:
            get(path, "sqlmap/1.7")
        want = 300 + len(ATTACKS)
        wait_for(lambda: bigquery.query("SELECT count(*) FROM `p.logs.events`") == [[str(want)]], f"{want} events in BigQuery")
        for question in (
            "SELECT day, count(*) AS events, countif(category IS NOT NULL) AS detected FROM `p.logs.events` GROUP BY day",
            "SELECT category, rule, count(*) AS n FROM `p.logs.detections` GROUP BY category, rule ORDER BY n DESC, rule LIMIT 8",
            "SELECT rule, entity_value, count, mode FROM `p.logs.alerts` ORDER BY rule LIMIT 5",
        ):
            print(f"analyst> {question}")
            for row in bigquery.query(question):
                print("   ", "  ".join(str(v) for v in row))
        print("\n$ sekisho audit")
        print(subprocess.run([SEKISHO, "audit", "-c", str(work / "sekisho.yaml")], capture_output=True, text=True).stdout)
    finally:
        stop.set()
        if agent is not None:
            agent.terminate()
            agent.wait(timeout=30)
        if (work / "nginx.pid").exists():
            os.kill(int((work / "nginx.pid").read_text()), 15)
        bigquery.stop()
        google.stop()
        shutil.rmtree(work, ignore_errors=True)


main()
