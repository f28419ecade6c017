"""The JSON Schemas that editors use say what the program says."""
import json
import subprocess

import pytest
import yaml_rules

from conftest import ROOT, SEKISHO


def check(schema, documents):
    """jsonschema and yaml are Debian's: for /usr/bin/python3, which may not be the one that runs the tests."""
    program = "import json,sys,jsonschema; d=json.load(sys.stdin); v=jsonschema.Draft202012Validator(d[0])\n" \
        "print(json.dumps([[e.message for e in v.iter_errors(x)] for x in d[1]]))"
    p = subprocess.run(["/usr/bin/python3", "-c", program], input=json.dumps([schema, documents]), capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    return json.loads(p.stdout)


@pytest.fixture(scope="module", autouse=True)
def needs():
    if subprocess.run(["/usr/bin/python3", "-c", "import jsonschema, yaml"], capture_output=True).returncode != 0:
        pytest.skip("python3-jsonschema and python3-yaml are not installed")


def config_schema():
    return json.loads(subprocess.run([SEKISHO, "check", "--schema"], capture_output=True, text=True, check=True).stdout)


GOOD = """
service: web
inputs:
  - files: [/var/log/a.log]
    parser: combined
    client_address: {log: xff, hops: [lb]}
networks: {lb: [10.0.0.0/8]}
decoys: {paths: [/x], profiles: ['1']}
journal: {max_size: 64MiB, min_free: 5%}
sinks:
  local: {type: sqlite, path: /tmp/x.db, keep: 7d}
response: {mode: enforce, planes: [nftables], ttl: 1h}
"""
BAD = {
    "inputs: [{files: [/a], parser: combined}]\nsinks: {}\njurnal: {}": "jurnal",
    "inputs: [{files: [/a], parsr: combined}]\nsinks: {}": "parsr",
    "inputs: [{files: [/a]}]\nsinks: {x: {type: sqlit}}": "sqlit",
    "inputs: [{files: [/a]}]\nsinks: {}\nresponse: {ttl: soon}": "soon",
    "sinks: {}": "inputs",
}


def test_a_config_that_is_good_and_some_that_are_not():
    documents = yaml_rules.load([GOOD, *BAD])
    good, *bad = check(config_schema(), documents)
    assert good == []
    for problems, word in zip(bad, BAD.values()):
        assert any(word in p for p in problems), (word, problems)


def test_every_shipped_rule_is_what_the_schema_says():
    schema = json.loads((ROOT / "docs" / "rule.schema.json").read_text())
    documents = yaml_rules.load([f.read_text() for f in sorted((ROOT / "rules").rglob("*.yml"))])
    assert len(documents) > 150
    for document, problems in zip(documents, check(schema, documents)):
        assert problems == [], (document.get("name"), problems)
    wrong = [dict(documents[0], level="hihg"), dict(documents[0], category="sqly"), {"title": "x"}]
    assert all(check(schema, wrong))
