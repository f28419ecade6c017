"""`journal import`: what a host that ended did not deliver is delivered by another, each record once, as it was."""
import shutil
import signal
import subprocess

import pytest
from conftest import SEKISHO, Agent, wait_for
from test_audit_since import both, lane, sums
from test_google import distinct, use, write_lines
from test_redrive import dead


@pytest.fixture
def old(tmp_path):
    """Another host's agent; its journal is what is imported."""
    (tmp_path / "old").mkdir()
    a = Agent(tmp_path / "old")
    yield a
    if a.process.poll() is None:
        a.kill()


def ended(old, google, n=200, delivered=0):
    """It has delivered some rows, then the service was down until its end. With a backlog of several segments."""
    use(old, google.url)
    write_lines(old, delivered, path="/early")
    old.start()
    wait_for(lambda: len(google.rows("sekisho-events")) == delivered, "the early ones")
    wait_for(lambda: both(sums(old), "far", "waiting") == 0, "their cursor")
    google.faults = [("events", (503, "UNAVAILABLE"))] * 10000
    write_lines(old, n, path="/late")
    old.wait_rows(n + delivered)
    old.kill()
    google.faults = []
    return old.root / "journal"


def copies(agent):
    return [d for d in (agent.root / "imported").iterdir() if len(d.name) == 32]


def imported(agent):
    return "far@" + copies(agent)[0].name[:8]


def begin(agent, google):
    use(agent, google.url)
    agent.start()


def test_the_rest_is_delivered_once_with_its_ids(agent, old, google):
    journal = ended(old, google, 200, 50)
    begin(agent, google)
    out = agent.run("journal", "import", str(journal))
    assert out.returncode == 0 and "200 records wait" in out.stdout, out
    name = imported(agent)
    agent.stop()
    write_lines(agent, 10, path="/own")
    agent.start()
    wait_for(lambda: len(google.rows("sekisho-events")) == 260, "all rows")
    wait_for(lambda: both(sums(agent), name, "waiting") == 0, "its cursor")
    rows = google.rows("sekisho-events")
    assert len(distinct(rows)) == 260
    late = {r["id"]: (r["time"], r["log_offset"], r["seq"], r["log_file_path"]) for r in rows if r["url_path"].startswith("/late")}
    kept = {i: (t, o, s, p) for i, t, o, s, p in old.query("SELECT id, time, log_offset, seq, log_file_path FROM events WHERE url_path LIKE '/late%'")}
    assert late == kept and len(late) == 200
    s = sums(agent)
    assert both(s, name, "delivered") == 250 == both(s, name, "journalled") and both(s, "far", "journalled") == 10 and s["balanced"]
    assert agent.count() == 10  # nothing of it is this host's
    assert "was imported already" in agent.run("journal", "import", str(journal)).stdout
    agent.stop()
    agent.start()  # all is delivered: the frames go, and what says so stays
    assert not list(copies(agent)[0].glob("journal/*.seg")) and (copies(agent)[0] / "journal" / "far.cursor").exists()
    out = agent.run("journal", "import", str(journal))
    assert out.returncode == 0 and "was imported already" in out.stdout
    agent.stop()
    agent.start()
    assert len(google.rows("sekisho-events")) == 260 and sums(agent)["balanced"]
    agent.stop()


def test_kills_while_it_is_copied_and_delivered(agent, old, google):
    """The copy is cut off at many places; then the agent is, between answers."""
    journal = ended(old, google, 3000)
    begin(agent, google)
    command = [SEKISHO, "journal", "import", "-c", str(agent.config), str(journal)]
    killed = 0
    for calls in (1, 2, 3, 4, 6, 9, 14):  # of each kind
        if shutil.which("strace"):
            cut = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", f"inject=write,pwrite64,fsync,rename,mkdir:signal=KILL:when={calls}", *command], capture_output=True)
            killed += cut.returncode != 0
        else:
            p = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            p.send_signal(signal.SIGKILL)
            killed += p.wait() != 0
    assert killed > 0
    out = subprocess.run(command, capture_output=True, text=True)
    assert out.returncode == 0, out
    assert len(copies(agent)) == 1 and not list((agent.root / "imported").glob("*.new"))
    name = imported(agent)
    for i in range(4):
        google.faults = [("events", "lost" if i % 2 else "drop")]
        agent.kill()
        agent.start()
        wait_for(lambda: not google.faults, "a request under way")
        s = sums(agent)
        assert both(s, name, "delivered") + both(s, name, "waiting") == both(s, name, "journalled") == 3000
    wait_for(lambda: both(sums(agent), name, "waiting") == 0, "all of it")
    assert len(distinct(google.rows("sekisho-events"))) == 3000
    agent.stop()


def test_its_dead_letters_come_along(agent, old, google):
    google.poison = "late7"
    use(old, google.url)
    write_lines(old, 20, path="/late")
    old.start()
    wait_for(lambda: len(dead(old)) == 1 and both(sums(old), "far", "waiting") == 0, "a dead letter")
    old.stop()
    google.poison = None
    begin(agent, google)
    assert agent.run("journal", "import", str(old.root / "journal")).returncode == 0
    agent.stop()
    agent.start()
    name = imported(agent)
    assert both(sums(agent), name, "rejected") == 1
    assert f"{name}: 1 dead letters wait again" in agent.run("journal", "redrive").stdout
    wait_for(lambda: len(google.rows("sekisho-events")) == 20, "it is delivered")
    wait_for(lambda: both(sums(agent), name, "rejected") + both(sums(agent), name, "waiting") == 0, "and counted")
    agent.stop()


def test_it_can_be_forgotten(agent, old, google):
    journal = ended(old, google, 100)
    begin(agent, google)
    agent.run("journal", "import", str(journal))
    agent.stop()
    google.faults = [("events", (503, "UNAVAILABLE"))] * 10000
    agent.start()
    name = imported(agent)
    out = agent.run("journal", "forget", "--sink", name)
    assert out.stdout == f"{name}: 100 records are forgotten (control 0, bulk 100)\n", out
    assert lane(sums(agent), name, "bulk")["shed"] == 100
    wait_for(lambda: agent.query("SELECT source, lost_records FROM ledger WHERE what = 'forgotten'") == [(name, 100)], "the ledger's row")
    google.faults = []
    agent.stop()
    agent.start()
    assert google.rows("sekisho-events") == [] and not list(copies(agent)[0].glob("journal/*.seg"))
    agent.stop()


def test_what_is_no_good_is_said_and_changes_nothing(agent, old, google, tmp_path):
    use(agent, google.url)
    agent.write_config()
    journal = ended(old, google, 10)
    out = agent.run("journal", "import", str(journal))
    assert out.returncode == 66 and "start the agent once" in out.stderr, out
    agent.start()

    def refused(code, text, *args):
        out = agent.run("journal", "import", *args)
        assert out.returncode == code and text in out.stderr, out

    refused(64, "usage:")
    refused(66, "", str(tmp_path / "nothing"))
    refused(64, "this host's own journal", str(agent.root / "journal"))
    refused(64, "no sink 'fra'", str(journal), "--sink", "fra")
    refused(64, "keeps its place with its data", str(journal), "--sink", "local")
    (journal / "far.cursor").rename(journal / "other.cursor")
    refused(78, "10 records wait for its sink 'other'", str(journal))
    old.start()
    refused(75, "stop that agent first", str(journal))
    old.kill()
    assert copies(agent) == []
    (journal / "other.cursor").write_bytes(b"x" * 1024)
    (journal / "far.cursor").unlink(missing_ok=True)
    refused(65, "is damaged", str(journal))
    out = agent.run("journal", "import", str(journal), "--sink", "far")
    assert out.returncode == 0 and "the journal had no such sink" in out.stdout, out
    agent.stop()
    seen = len(distinct(google.rows("sekisho-events")))
    agent.start()
    wait_for(lambda: both(sums(agent), imported(agent), "waiting") == 0, "all of it")
    assert len(distinct(google.rows("sekisho-events"))) == 10 >= seen
    agent.stop()
