"""The fence: what the agent may no longer do, and that it does its work all the same."""
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from conftest import wait_for
from test_commands import RULE

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="capabilities and users need root")
DAC_READ_SEARCH, NET_ADMIN = 1 << 2, 1 << 12


def landlock_abi():
    import ctypes

    return ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1)


needs_landlock = pytest.mark.skipif(landlock_abi() < 1, reason="this kernel has no Landlock")


def proc_status(pid):
    pairs = (line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {k: v.strip() for k, v in pairs}


def every_thread(pid):
    return [proc_status(f"{pid}/task/{t}") for t in os.listdir(f"/proc/{pid}/task")]


def children(pid):
    return [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def apart(agent):
    """The database in a folder of its own: the agent may write beside it."""
    (agent.root / "store").mkdir()
    agent.db = agent.root / "store" / "sekisho.db"
    return agent


def ledger(agent):
    return agent.query("SELECT what, source FROM ledger ORDER BY source")


def test_all_threads_and_the_blocker_are_confined(agent):
    agent.response = "{mode: enforce, planes: [dry-run]}"
    agent.start()
    (agent.logs / "a.log").write_text("one\n")
    agent.wait_rows(1)
    threads = every_thread(agent.process.pid)
    blocker = [proc_status(c) for c in children(agent.process.pid)]
    assert len(threads) >= 4 and len(blocker) == 1
    for s in threads + blocker:
        assert s["Seccomp"] == "2" and s["NoNewPrivs"] == "1", s
    if os.geteuid() == 0:
        assert {int(s["CapEff"], 16) for s in threads} == {DAC_READ_SEARCH}
        assert {int(s["CapPrm"], 16) for s in threads} == {DAC_READ_SEARCH}
        assert [int(s["CapEff"], 16) & ~NET_ADMIN for s in blocker] == [0]
        assert "203.0.113.9" in agent.run("blocks", "list").stdout or agent.run("blocks", "add", "203.0.113.9").returncode == 0
    agent.stop()


def test_off_is_off_but_nothing_comes_back_by_exec(agent):
    apart(agent)
    agent.more = "sandbox: off"
    (agent.root / "secret").mkdir()
    (agent.root / "secret" / "x").write_text("read without the fence\n")
    agent.start()
    (agent.logs / "link.log").symlink_to(agent.root / "secret" / "x")
    agent.wait_rows(1)
    s = proc_status(agent.process.pid)
    assert s["Seccomp"] == "0" and s["NoNewPrivs"] == "1"
    assert "sandbox is off" in (agent.root / "out").read_text()
    agent.stop()


@needs_landlock
def test_a_link_that_leads_out_is_refused_and_said_once(agent):
    apart(agent)
    (agent.root / "secret").mkdir()
    (agent.root / "secret" / "shadow").write_text("root:$6$hash:1::::::\n")
    agent.start()
    (agent.logs / "evil.log").symlink_to(agent.root / "secret" / "shadow")
    wait_for(lambda: ledger(agent) == [("unreadable", str(agent.logs / "evil.log"))], "the ledger names the link")
    assert "what=unreadable" in (agent.root / "out").read_text()
    (agent.logs / "good.log").write_text("goes on\n")
    agent.wait_rows(1)
    # a second look at all patterns, five seconds later: nothing new to say
    os.rename(agent.logs / "evil.log", agent.logs / "evil2.log")
    (agent.logs / "good.log").open("a").write("still\n")
    agent.wait_rows(2)
    assert agent.bodies() == ["goes on", "still"] and len(ledger(agent)) == 1
    agent.stop()


@needs_landlock
def test_links_of_root_at_the_start_and_sandbox_read_are_followed(agent):
    apart(agent)
    for name in ("pods", "later", "neither"):
        (agent.root / name).mkdir()
        (agent.root / name / "x.log").write_text(f"from {name}\n")
    (agent.logs / "pods.log").symlink_to(agent.root / "pods" / "x.log")
    agent.more = f"sandbox_read: [{agent.root}/later]"
    agent.start()
    (agent.logs / "later.log").symlink_to(agent.root / "later" / "x.log")
    (agent.logs / "neither.log").symlink_to(agent.root / "neither" / "x.log")
    agent.wait_rows(2)
    wait_for(lambda: len(ledger(agent)) == 1, "the third is reported")
    assert sorted(agent.bodies()) == ["from later", "from pods"]
    agent.stop()


def test_the_cache_is_written_within_the_fence(agent, monkeypatch):
    apart(agent)
    monkeypatch.setenv("CACHE_DIRECTORY", str(agent.root / "cache"))
    (agent.root / "rules" / "r.yml").write_text(RULE)
    agent.start()
    assert list((agent.root / "cache").iterdir())
    (agent.root / "rules" / "r.yml").write_text(RULE.replace("union", "insert"))
    before = agent.status()["rules_hash"]
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: agent.status()["rules_hash"] != before, "the new rules are in use")
    agent.stop()


@needs_landlock
def test_a_folder_that_was_made_anew_is_reported(agent):
    apart(agent)
    agent.start()
    shutil.rmtree(agent.logs)
    agent.logs.mkdir()
    (agent.logs / "a.log").write_text("behind the fence\n")
    # if the folder was looked at before the file was made, the file is named as well
    wait_for(lambda: ("unreadable", str(agent.logs)) in ledger(agent), "the ledger names the folder")
    agent.stop()
    agent.start()
    agent.wait_rows(1)
    agent.stop()


def test_a_log_folder_that_comes_later_and_rotation(agent):
    apart(agent)
    later = agent.logs / "app" / "deep"
    agent.files = str(later / "*.log")
    agent.start()
    later.mkdir(parents=True)
    (later / "a.log").write_text("first\n")
    agent.wait_rows(1)
    os.rename(later / "a.log", later / "a.log.1")
    (later / "a.log").write_text("second\n")
    agent.wait_rows(2)
    assert agent.bodies() == ["first", "second"]
    agent.stop()
    assert not (agent.root / "s.sock").exists()


def test_file_sinks_write_rotate_and_compress_within_the_fence(agent):
    apart(agent)
    agent.sinks["out"] = f"type: file, path: {agent.root}/new, rotate: 1s"
    agent.start()
    (agent.logs / "a.log").write_text("to a file\n")
    wait_for(lambda: list((agent.root / "new").rglob("*.gz")), "a file was closed")
    agent.stop()


@needs_root
def test_another_user_reads_what_only_its_owner_may_and_writes_its_own(agent):
    import pwd

    nobody = pwd.getpwnam("nobody")
    apart(agent)
    (agent.logs / "a.log").write_text("private\n")
    (agent.logs / "a.log").chmod(0o600)
    agent.more = "user: nobody"
    agent.write_config()
    for folder in (agent.root, agent.db.parent):
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    agent.start()
    agent.wait_rows(1)
    s = proc_status(agent.process.pid)
    assert s["Uid"].split() == [str(nobody.pw_uid)] * 4 and s["Gid"].split() == [str(nobody.pw_gid)] * 4
    assert "0" not in s["Groups"].split()
    assert int(s["CapEff"], 16) == DAC_READ_SEARCH and int(s["CapBnd"], 16) == 0
    agent.stop()


@needs_root
def test_without_read_all_no_capability_is_left(agent):
    apart(agent)
    agent.more = "read_all: false"
    (agent.logs / "mine.log").write_text("mine\n")
    (agent.logs / "others.log").write_text("not mine\n")
    os.chown(agent.logs / "others.log", 65534, 65534)
    (agent.logs / "others.log").chmod(0o600)
    agent.start()
    agent.wait_rows(1)
    wait_for(lambda: ledger(agent) == [("unreadable", str(agent.logs / "others.log"))], "it is reported")
    assert agent.bodies() == ["mine"]
    assert int(proc_status(agent.process.pid)["CapEff"], 16) == 0
    agent.stop()


@needs_root
@pytest.mark.skipif(shutil.which("nft") is None or shutil.which("unshare") is None, reason="needs nft and unshare")
def test_the_confined_blocker_blocks_and_rebuilds(agent):
    probe = subprocess.run(["unshare", "-n", "nft", "add", "table", "inet", "probe"], capture_output=True, timeout=60)
    if probe.returncode != 0:
        pytest.skip("no nftables in a network namespace here")
    agent.response = "{mode: enforce, planes: [nftables]}"
    agent.write_config()
    from conftest import SEKISHO

    with open(agent.root / "out", "ab") as out:
        agent.process = subprocess.Popen(
            ["unshare", "-n", SEKISHO, "run", "-c", str(agent.config)], stdout=out, stderr=out
        )
    wait_for(lambda: agent.run("status", "--check").returncode == 0, "the agent is ready")
    nft = lambda *words: subprocess.run(
        ["nsenter", "-n", "-t", str(agent.process.pid), "nft", *words], capture_output=True, text=True, timeout=60
    ).stdout
    assert agent.run("blocks", "add", "203.0.113.7", "1h").returncode == 0
    assert agent.run("blocks", "add", "198.51.100.0/24", "1h").returncode == 0
    blocked = lambda: "203.0.113.7" in nft("list", "ruleset") and "198.51.100.0/24" in nft("list", "ruleset")
    wait_for(blocked, "both are blocked")
    nft("flush", "ruleset")
    wait_for(blocked, "they were made anew")
    assert agent.run("blocks", "remove", "203.0.113.7").returncode == 0
    wait_for(lambda: "203.0.113.7" not in nft("list", "ruleset"), "one is free again")
    agent.stop()
