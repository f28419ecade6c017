"""The topics' schemas, compiled by protoc and held against messages as Pub/Sub does with JSON encoding."""
import json
import subprocess

import pytest
from conftest import SEKISHO, access_line, wait_for
from google_parts import python
from test_google import distinct, use

TABLES = ("events", "alerts", "blocks", "rejects", "ledger")

# Reads {"schemas": {name: text}, "messages": [[name, message], ...]}; says of each message why it is refused, or null.
JUDGE = """
import json, pathlib, sys, tempfile
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc
asked = json.load(sys.stdin)
folder = pathlib.Path(tempfile.mkdtemp())
types = {}
for name, text in asked["schemas"].items():
    (folder / f"{name}.proto").write_text(text)
    assert protoc.main(["", f"-I{folder}", f"--descriptor_set_out={folder}/{name}.set", str(folder / f"{name}.proto")]) == 0
    files = descriptor_pb2.FileDescriptorSet.FromString((folder / f"{name}.set").read_bytes())
    assert [m.name for m in files.file[0].message_type] == ["Row"] and not files.file[0].dependency
    pool = descriptor_pool.DescriptorPool()
    pool.Add(files.file[0])
    types[name] = message_factory.GetMessageClass(pool.FindMessageTypeByName("Row"))
def judge(name, message):
    try:
        json_format.Parse(json.dumps(message), types[name]())
    except json_format.ParseError as e:
        return str(e)
print(json.dumps([judge(*m) for m in asked["messages"]]))
"""


def schema(table):
    return subprocess.run([SEKISHO, "schema", "pubsub", table], capture_output=True, text=True, check=True).stdout


def judge(messages):
    asked = {"schemas": {t: schema(t) for t in TABLES}, "messages": messages}
    r = subprocess.run([str(python()), "-c", JUDGE], input=json.dumps(asked), capture_output=True, text=True, timeout=120)
    if "No module named 'grpc_tools'" in r.stderr:
        pytest.skip("no protoc")
    assert r.returncode == 0, r.stderr[-2000:]
    return json.loads(r.stdout)


def test_what_is_published_fits_and_what_is_wrong_does_not(agent, google):
    use(agent, google.url, more=", topic_schema: true")
    agent.response = "{mode: enforce, planes: [dry-run]}"
    with open(agent.logs / "a.log", "a") as f:
        f.writelines(access_line(i, f"/ok{i}") for i in range(20))
        f.write(access_line(1, "/?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D", addr="198.51.100.9"))
        f.write("no line of an access log\n")
    agent.start()
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 22 and google.rows("sekisho-alerts"), "all rows")
    (agent.logs / "a.log").write_text("truncated\n" * 3)
    wait_for(lambda: google.rows("sekisho-ledger"), "the ledger's row")
    messages = [[t, row] for t in TABLES for row in google.rows(f"sekisho-{t}")]
    assert {"events", "alerts", "ledger"} <= {t for t, _ in messages}
    assert judge(messages) == [None] * len(messages)
    attack = next(r for r in google.rows("sekisho-events") if "detections" in r)
    assert json.loads(attack["detections"])[0]["rule"] == "web.log4shell.jndi"
    assert isinstance(json.loads(attack["attributes"]), dict)
    wrong = [dict(attack, sql="x"), dict(attack, http_response_status_code="many"), dict(attack, time=7), dict(attack, attributes={}), dict(attack, seq=1.5)]
    assert all(judge([["events", m] for m in wrong])), judge([["events", m] for m in wrong])
    agent.stop()


def test_fields_are_the_columns_of_the_table():
    import re
    for table in TABLES:
        fields = re.findall(r"^  optional \w+ (\w+) = (\d+);", schema(table), re.M)
        ddl = subprocess.run([SEKISHO, "schema", "bigquery"], capture_output=True, text=True, check=True).stdout
        block = re.search(rf"CREATE TABLE IF NOT EXISTS `sekisho.{table}(?:_raw)?` \((.*?)\n\)", ddl, re.S).group(1)
        assert [f for f, _ in fields] == re.findall(r"^  `(\w+)` ", block, re.M)
        assert [int(n) for _, n in fields] == list(range(1, len(fields) + 1))
    for args in (["pubsub"], ["pubsub", "evnts"], ["pubsub", "events", "--apply"]):
        r = subprocess.run([SEKISHO, "schema", *args], capture_output=True, text=True)
        assert r.returncode == 64 and "sekisho:" in r.stderr, r
