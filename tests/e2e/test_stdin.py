"""Standard input as an input of `run`."""
import subprocess

import pytest

from conftest import wait_for


def stdin_only(agent, more=""):
    agent.inputs = "  - {stdin: true, parser: raw%s}" % more
    agent.start(wait=False, stdin=subprocess.PIPE)
    return agent.process.stdin


def end(agent, pipe):
    pipe.close()
    assert agent.process.wait(timeout=60) == 0, (agent.root / "out").read_text()[-2000:]


def test_lines_come_as_they_are_written_and_the_end_ends_the_agent(agent):
    pipe = stdin_only(agent)
    pipe.write(b"one\ntwo\nhal")
    pipe.flush()
    agent.wait_rows(2)
    pipe.write(b"f\nno end")
    pipe.flush()
    agent.wait_rows(3)
    audit = agent.run("audit")
    assert audit.returncode == 0, audit.stdout
    end(agent, pipe)
    rows = agent.query("SELECT body, attributes, log_file_path FROM events_raw ORDER BY seq")
    assert [r[0] for r in rows] == ["one", "two", "half", "no end"]
    assert ['"sekisho.unterminated":true' in r[1] for r in rows] == [False, False, False, True]
    assert {r[2] for r in rows} == {"-"}


def test_much_and_long_lines(agent):
    pipe = stdin_only(agent)
    pipe.write(b"x" * 1_000_000 + b"\n")
    for i in range(20_000):
        pipe.write(b"line %d\n" % i)
    pipe.write(b"y" * 300_000)
    end(agent, pipe)
    rows = agent.query("SELECT body, attributes FROM events_raw ORDER BY seq")
    assert [r[0] for r in rows[1:-1]] == [f"line {i}" for i in range(20_000)]
    assert rows[0][0] == "x" * 65536 and '"sekisho.line.length":1000000' in rows[0][1]
    assert rows[-1][0] == "y" * 65536 and '"sekisho.line.length":300000' in rows[-1][1]
    assert '"sekisho.unterminated":true' in rows[-1][1]


def test_every_start_is_an_origin_of_its_own(agent):
    for _ in range(2):
        pipe = stdin_only(agent)
        pipe.write(b"the same\n")
        end(agent, pipe)
    assert agent.query("SELECT count(*), count(DISTINCT id) FROM events") == [(2, 2)]


def test_with_another_input_the_end_is_only_the_end_of_one(agent):
    agent.inputs = f"  - {{stdin: true, parser: raw}}\n{agent.file_input()}"
    agent.start(stdin=subprocess.DEVNULL)
    wait_for(lambda: "standard input ended" in (agent.root / "out").read_text(), "the end of stdin is said")
    (agent.logs / "a.log").write_text("from a file\n")
    agent.wait_rows(1)
    agent.stop()


@pytest.mark.parametrize(
    "inputs, message",
    [
        ("  - {parser: raw}", "`journald:` or `stdin: true`, and only one"),
        ("  - {stdin: true, files: [/x]}", "only one of them"),
        ("  - {stdin: true}\n  - {stdin: true}", "another input reads it already"),
        ("  - {journald: {}}\n  - {journald: {units: [sudo]}}", "name all units in one"),
        ("  - {journald: {unit: [sudo]}}", "did you mean 'units'"),
        ("  - {journald: {dir: /x, file: /y}}", "not both"),
        ("  - {journald: {dir: x}}", "not an absolute path"),
        ("  - {journald: {}, parser: syslog}", "are for lines"),
    ],
)
def test_wrong_inputs_are_named(agent, inputs, message):
    agent.inputs = inputs
    agent.write_config()
    p = agent.run("check")
    assert p.returncode == 78 and message in p.stderr, p.stderr
