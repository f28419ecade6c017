"""The manual page says what the program does: every subcommand, option and example."""
import re
import shutil
import subprocess

import pytest

from conftest import ROOT, SEKISHO

PAGE = (ROOT / "docs" / "sekisho.1").read_text()


def help_of(*args):
    return subprocess.run([SEKISHO, *args, "--help"], capture_output=True, text=True, timeout=60).stdout


COMMANDS = re.findall(r"^  (\S+)", subprocess.run([SEKISHO, "--help"], capture_output=True, text=True).stdout, re.M)
SECTIONS = dict(re.findall(r"^\.Ss sekisho (\S+)\n(.*?)(?=^\.S[sh])", PAGE, re.M | re.S))


def test_every_command_has_a_section_and_no_other():
    assert COMMANDS and list(SECTIONS) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_options_and_example_are_those_of_help(command):
    text = help_of(command)
    options = re.findall(r"^  (-\S+)", text, re.M)
    in_page = [("-" + o).replace("--", "-") if len(o) == 1 else "-" + o for o in re.findall(r"^\.It Fl (\S+)", SECTIONS[command], re.M)]
    assert in_page == options
    example = text.split("example:\n  ")[1].strip()
    assert f".Dl {example}\n" in SECTIONS[command]


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff")
def test_the_page_can_be_set():
    p = subprocess.run(["groff", "-mandoc", "-ww", "-Tascii", str(ROOT / "docs" / "sekisho.1")], capture_output=True, text=True)
    assert p.returncode == 0 and p.stderr == ""
    text = re.sub(r".\x08|\x1b\[[0-9;]*m", "", p.stdout)
    for command in COMMANDS:
        assert f"sekisho {command}" in text


def test_install_puts_it_where_man_looks(tmp_path):
    p = subprocess.run(["make", "-s", "install", f"DESTDIR={tmp_path}"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert p.returncode == 0, p.stderr
    assert (tmp_path / "usr/share/man/man1/sekisho.1").read_text() == PAGE
