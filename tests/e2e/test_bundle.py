"""rules bundle: a rule set as one file, the same bytes from the same rules, taken in place of a folder."""
import os
import shutil
import signal

import pytest

from conftest import ROOT, access_line, wait_for
from test_commands import RULE, sekisho
from test_rules_tools import BAD, NEW

ATTACK = "/?q=1+UNION+ALL+SELECT+2"


@pytest.fixture
def rules(tmp_path):
    (tmp_path / "set" / "web").mkdir(parents=True)
    (tmp_path / "set" / "web" / "union.yml").write_text(RULE)
    (tmp_path / "set" / "new.yml").write_text(NEW.rstrip("\n"))  # a file without its last line end
    return tmp_path


def bundle(out, *folders, more=()):
    args = [a for f in folders for a in ("--rules", str(f))]
    return sekisho("rules", "bundle", "--parser", "combined", "--out", str(out), *args, *more)


def test_it_is_the_set_and_says_so(rules):
    p = bundle(rules / "a.bundle", rules / "set", more=["--version", "v7"])
    assert p.returncode == 0, p.stdout + p.stderr
    lines = (rules / "a.bundle").read_text().splitlines()
    assert lines[0] == "# sekisho rule bundle 1" and "# version v7" in lines and "# rules 2" in lines
    assert "# correlations 1" in lines and "# files 2" in lines and "# tests 2 passed, 0 failed" in lines
    hashed = next(r.split()[2] for r in lines if r.startswith("# rules_hash"))
    assert p.stdout.endswith(f"rules_hash {hashed}\n")
    folder = sekisho("rules", "list", "--rules", str(rules / "set"))
    file = sekisho("rules", "list", "--rules", str(rules / "a.bundle"))
    assert file.returncode == 0 and file.stdout == folder.stdout
    log = "".join(access_line(i, ATTACK) for i in range(3))
    scans = [sekisho("scan", "--parser", "combined", "--rules", str(rules / x), "-", stdin=log).stdout for x in ("set", "a.bundle")]
    assert scans[0] == scans[1] and scans[0].count("t.union") == 4
    p = sekisho("rules", "test", "--rules", str(rules / "a.bundle"), "--parser", "combined")
    assert p.stdout == "2 passed, 0 failed\n"


def test_the_same_rules_give_the_same_bytes(rules):
    bundle(rules / "a.bundle", rules / "set")
    shutil.copytree(rules / "set", rules / "elsewhere")
    for f in (rules / "elsewhere").rglob("*.yml"):
        os.utime(f, (1, 1))
    bundle(rules / "b.bundle", str(rules / "elsewhere") + "/")
    assert (rules / "a.bundle").read_bytes() == (rules / "b.bundle").read_bytes()
    (rules / "set" / "web" / "union.yml").write_text(RULE.replace("level: high", "level: medium"))
    bundle(rules / "c.bundle", rules / "set")
    assert (rules / "a.bundle").read_bytes() != (rules / "c.bundle").read_bytes()


def test_a_rule_of_the_first_folder_hides_one_of_the_second(rules):
    (rules / "mine" / "web").mkdir(parents=True)
    (rules / "mine" / "web" / "union.yml").write_text(RULE.replace("level: high", "level: medium"))
    p = bundle(rules / "a.bundle", rules / "mine", rules / "set")
    assert p.returncode == 0, p.stderr
    both = sekisho("rules", "list", "--rules", str(rules / "mine"), "--rules", str(rules / "set"))
    assert sekisho("rules", "list", "--rules", str(rules / "a.bundle")).stdout == both.stdout and " medium " in both.stdout


def test_it_is_refused_when_something_speaks_against_the_rules(rules):
    out = rules / "a.bundle"
    bundle(out, rules / "set")
    before = out.read_bytes()
    (rules / "set" / "web" / "union.yml").write_text(BAD)
    p = bundle(out, rules / "set")
    assert p.returncode == 65 and "1 examples fail" in p.stderr and "should ignore this example" in p.stdout
    (rules / "set" / "web" / "union.yml").write_text(RULE.replace("union\\b.{1,20}select", "u.{1,20}s"))
    p = bundle(out, rules / "set")
    assert p.returncode == 65 and "no bundle of rules with errors" in p.stderr
    (rules / "set" / "web" / "union.yml").write_text("title: [")
    assert bundle(out, rules / "set").returncode == 78
    (rules / "set" / "web" / "union.yml").write_text(RULE)
    assert sekisho("rules", "bundle", "--rules", str(rules / "set")).returncode == 64
    assert bundle(rules / "no" / "such", rules / "set").returncode == 73
    assert out.read_bytes() == before and sorted(p.name for p in rules.iterdir()) == ["a.bundle", "set"]


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b.replace(b"union", b"onion", 1), lambda b: b + b"\n", lambda b: b[:60] + b"0" + b[61:]])
def test_one_that_was_changed_is_refused(rules, damage):
    out = rules / "a.bundle"
    bundle(out, rules / "set")
    bad = damage(out.read_bytes())
    assert bad != out.read_bytes()
    out.write_bytes(bad)
    p = sekisho("rules", "list", "--rules", str(out))
    assert p.returncode == 78 and "a.bundle: error: rule bundle: " in p.stderr, p.stderr


def test_places_in_messages_are_those_of_the_files(rules):
    (rules / "set" / "web" / "union.yml").write_text("# ours\n\n" + RULE)
    bundle(rules / "a.bundle", rules / "set")
    p = sekisho("rules", "explain", access_line(1, ATTACK).strip(), "--rules", str(rules / "a.bundle"), "--parser", "combined")
    assert f"({rules}/a.bundle/web/union.yml:3)" in p.stdout


def test_an_agent_takes_a_bundle_and_the_next_one(agent):
    """Within the fence, and when the file is replaced by another one of its name."""
    (agent.root / "fleet").mkdir()
    out = agent.root / "fleet" / "rules.bundle"
    (agent.root / "rules" / "new.yml").write_text(NEW)
    assert bundle(out, agent.root / "rules").returncode == 0
    folder, agent.rules = agent.root / "rules", str(out)
    agent.parser = "combined"
    agent.start()
    assert "1 rules, 1 correlations" in agent.run("check").stdout
    with open(agent.logs / "a.log", "a") as f:
        f.write(access_line(1, "/probe") + access_line(2, ATTACK))
    agent.wait_rows(2)
    (folder / "union.yml").write_text(RULE)
    assert bundle(out, folder).returncode == 0
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "rules were reloaded" in (agent.root / "out").read_text(), "the new bundle")
    with open(agent.logs / "a.log", "a") as f:
        f.write(access_line(3, ATTACK))
    agent.wait_rows(3)
    assert agent.query("SELECT http_response_body_size FROM events WHERE rule = 't.union'") == [(3,)]
    out.write_bytes(out.read_bytes()[:-9])
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "its hash is another one" in (agent.root / "out").read_text(), "the broken one is refused")
    with open(agent.logs / "a.log", "a") as f:
        f.write(access_line(4, ATTACK))
    wait_for(lambda: agent.query("SELECT count(*) FROM events WHERE rule = 't.union'") == [(2,)], "the rules in use stay")


def test_the_pack_is_bundled(tmp_path):
    p = sekisho("rules", "bundle", "--rules", str(ROOT / "rules"), "--out", str(tmp_path / "pack"))
    assert p.returncode == 0, p.stdout
    assert sekisho("rules", "test", "--rules", str(tmp_path / "pack")).stdout == sekisho("rules", "test", "--rules", str(ROOT / "rules")).stdout
