"""rules backtest over what an agent kept: its journal, also beside it, and the database of its sqlite sink."""
import sqlite3

import pytest

from conftest import access_line
from test_commands import RULE, sekisho
from test_damage import flip, frames, put
from test_rules_tools import NEW, line, row

SECRET = """title: A password that was tried
name: t.password
id: 7b0fbb2b-8f1b-4f6f-9a43-00000000000c
category: recon
level: medium
logsource: {category: webserver}
detection: {s: {cs-uri-query|contains: 'password=hunter2hunter2'}, condition: s}
"""
AUDIT = """title: A shell tool was run
name: t.tool
id: 7b0fbb2b-8f1b-4f6f-9a43-00000000000d
category: execution
level: medium
logsource: {product: linux, service: auditd}
detection: {s: {type: EXECVE, a0|endswith: curl, a1: '-k'}, condition: s}
"""


@pytest.fixture
def kept(agent):
    """An agent that has read a log with what t.probe would find, of which its own rules know little."""
    (agent.root / "rules" / "r.yml").write_text(RULE)
    (agent.root / "new.yml").write_text(NEW)
    agent.parser = "combined"
    text = "".join(line("/probe", "203.0.113.9", ago_s=3 * 86400) for _ in range(4))
    # one attack that the agent's own rule finds, so its event is in the control lane, before the bulk of its frame
    text += line("/probe?q=1+UNION+ALL+SELECT+2", "203.0.113.7", ago_s=60)
    text += "".join(line(f"/probe/{i}", "203.0.113.7", ago_s=90 - i) for i in range(2))
    text += line("/", "203.0.113.8", "ann") + line("/probe?password=hunter2hunter2", "203.0.113.8", "ann")
    (agent.logs / "a.log").write_text(text)
    agent.start()
    agent.wait_rows(9)
    return agent


def sources(agent):
    return {
        "files": ["--parser", "combined", str(agent.logs / "a.log")],
        "journal": ["--journal", str(agent.root / "journal")],
        "sqlite": ["--sqlite", str(agent.db)],
    }


def backtest(agent, source, *more, rule="new.yml"):
    p = sekisho("rules", "backtest", str(agent.root / rule), "--rules", str(agent.root / "rules"), *more, *sources(agent)[source])
    assert p.returncode in (0, 65), p.stderr
    return p.stdout


def figures(text):
    return {k: row(text, k)[1] for k in ("matches", "clients", "alerts", "blocks")}


@pytest.mark.parametrize("more", [[], ["--since", "1d"], ["--until", "1d"], ["--since", "2000-01-01T00:00:00Z"]])
def test_every_source_tells_the_same(kept, more):
    want = figures(backtest(kept, "files", *more))
    assert want["alerts"] == ("1" if more and more[1] == "1d" else "2")
    for source in ("journal", "sqlite"):
        text = backtest(kept, source, *more)
        assert figures(text) == want, (source, text)
        assert [r for r in text.splitlines() if " for the first time" in r] == [
            r for r in backtest(kept, "files", *more).splitlines() if " for the first time" in r
        ]
    kept.stop()  # and when nobody writes any more
    for source in ("journal", "sqlite"):
        assert figures(backtest(kept, source, *more)) == want


def test_masked_values_make_it_a_lower_bound_and_it_says_so(kept):
    (kept.root / "secret.yml").write_text(SECRET)
    assert row(backtest(kept, "files", rule="secret.yml"), "matches")[1] == "1"
    for source in ("journal", "sqlite"):
        text = backtest(kept, source, rule="secret.yml")
        assert row(text, "matches")[1] == "0" and "hunter2" not in text
        assert "kept               9 events; all figures are a lower bound:" in text
        assert "                   1 of them had values masked before they were stored" in text
        p = sekisho("rules", "backtest", "t.union", "--rules", str(kept.root / "rules"), "--fail-if", "masked>0", *sources(kept)[source])
        assert p.returncode == 65 and "FAILED: masked>0" in p.stdout


def test_an_event_without_its_line_is_matched_by_its_attributes(kept):
    kept.stop()
    db = sqlite3.connect(kept.db)
    db.execute("UPDATE events_raw SET body = NULL")
    db.commit()
    db.close()
    text = backtest(kept, "sqlite")
    assert figures(text) == figures(backtest(kept, "files"))
    assert "                   9 of them were kept without their line" in text


def test_records_that_are_gone_are_counted(kept):
    put(kept, "more", 12)  # frames of their own, after the first one
    put(kept, "last", 1)
    kept.stop()
    segment = max((kept.root / "journal").glob("*.seg"))
    at, _, head, _, bulk = next(f for f in frames(segment) if f[3] == 12)
    flip(segment, (at + head + 4095) // 4096 * 4096 + bulk // 2)
    text = backtest(kept, "journal")
    assert figures(text) == figures(backtest(kept, "sqlite"))  # what is left has all matches
    assert "kept              10 events; all figures are a lower bound:" in text
    assert "                  12 records were shed or damaged" in text


def test_audit_records_are_matched_by_their_fields(agent):
    (agent.root / "rules" / "r.yml").write_text(RULE)
    (agent.root / "audit.yml").write_text(AUDIT)
    agent.parser = "auditd"
    (agent.logs / "a.log").write_text(
        'type=SYSCALL msg=audit(1763877600.123:7): arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=2 auid=0 uid=0 comm="curl" exe="/usr/bin/curl"\n'
        'type=EXECVE msg=audit(1763877600.123:7): argc=3 a0="/usr/bin/curl" a1="-k" a2=68747470733A2F2F782E6578616D706C652F\n'
        'type=EXECVE msg=audit(1763877601.000:8): argc=2 a0="/usr/bin/curl" a1="-s"\n'
    )
    agent.start()
    agent.wait_rows(2)
    for source in ("journal", "sqlite"):
        assert row(backtest(agent, source, rule="audit.yml"), "matches")[1] == "1"


def test_whom_a_block_would_hit_by_mistake(agent):
    """Addresses that the config never blocks, and clients that call themselves a crawler."""
    (agent.root / "rules" / "r.yml").write_text(
        RULE
        + """---
title: Some bot
name: t.bot
id: 7b0fbb2b-8f1b-4f6f-9a43-00000000000e
category: crawler
level: informational
logsource: {category: webserver}
detection: {s: {cs-user-agent|contains: Googlebot}, condition: s}
"""
    )
    (agent.root / "new.yml").write_text(NEW)
    agent.parser = "combined"
    agent.response = "{mode: shadow, never_block: [203.0.113.16/28]}"
    text = "".join(access_line(i, "/probe", "203.0.113.7", agent="Googlebot/2.1") for i in range(3))
    text += "".join(access_line(i, "/probe", "203.0.113.20") for i in range(3))
    (agent.logs / "a.log").write_text(text)
    agent.start()
    agent.wait_rows(6)
    for source in ("files", "journal", "sqlite"):
        text = backtest(agent, source, "-c", str(agent.config))
        assert row(text, "blocks")[1] == "2"
        assert "                   1 of clients that call themselves a known crawler" in text
        assert "                   1 of what the config never blocks" in text
    p = sekisho("rules", "backtest", "t.probing", "--rules", str(agent.root / "rules"), "--rules", str(agent.root / "new.yml"), "-c", str(agent.config),
                "--fail-if", "never_blocked>0", "--fail-if", "crawlers_blocked>0", "--journal", str(agent.root / "journal"))
    assert p.returncode == 65 and p.stdout.count("FAILED: ") == 2


def test_one_source_that_is_there(kept, tmp_path):
    args = ["rules", "backtest", str(kept.root / "new.yml"), "--rules", str(kept.root / "rules")]
    assert sekisho(*args).returncode == 64
    assert sekisho(*args, "--sqlite", str(kept.db), str(kept.logs / "a.log")).returncode == 64
    p = sekisho(*args, "--sqlite", str(tmp_path / "nothing.db"))
    assert p.returncode == 66 and "nothing.db" in p.stderr
    p = sekisho(*args, "--journal", str(tmp_path / "nothing"))
    assert p.returncode == 66 and not (tmp_path / "nothing").exists()
    (tmp_path / "text.db").write_text("no database" * 1000)
    assert sekisho(*args, "--sqlite", str(tmp_path / "text.db")).returncode == 74
