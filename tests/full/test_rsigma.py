"""
RSigma is another implementation of Sigma. Both run the same rules over the same JSON events, ours without canonical forms
(--no-canonical) and without filters (--reference), and every difference has its reason in this file.
"""
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import uuid

import pytest
import test_sigmahq
from full import CACHE, SEKISHO

VERSION = "0.23.0"


def rsigma():
    """Built once (12 minutes of a core), kept in the cache."""
    root = CACHE / "rsigma"
    exe = root / "bin" / "rsigma"
    if not exe.exists():
        if shutil.which("cargo") is None:
            pytest.skip("rsigma: there is no cargo to build it")
        try:
            subprocess.run(["cargo", "install", "--locked", "--root", str(root), f"rsigma@{VERSION}"], check=True, capture_output=True, text=True, timeout=3000)
        except (subprocess.SubprocessError, OSError) as e:
            pytest.skip(f"rsigma can't be built: {(getattr(e, 'stderr', None) or str(e)).strip()[-200:]}")
    return str(exe)


def ours(rules, events, folder):
    p = subprocess.run(
        [SEKISHO, "scan", "--no-canonical", "--reference", "--raw", "--parser", "json", "--rules", str(rules), str(events)],
        capture_output=True, text=True, timeout=300, env={**os.environ, "TZ": "UTC"})
    assert p.returncode == 0, p.stderr
    rows = [json.loads(x) for x in p.stdout.splitlines()]
    assert not [r for r in rows if "sekisho.match_budget" in r.get("attributes", {})]
    return ({(r["line"], d["id"]) for r in rows if r["kind"] == "event" for d in r["detections"]},
            [(r["rule"], r["entity"]["value"]) for r in rows if r["kind"] == "alert"])


def theirs(rules, events, folder):
    p = subprocess.run(
        [rsigma(), "engine", "eval", "-r", str(rules), "-e", f"@{events}", "--input-format", "json", "-q", "--include-event", "--suppress", "1h", "--output-format", "ndjson"],
        capture_output=True, text=True, timeout=300, cwd=folder)
    assert p.returncode == 0, p.stderr
    rows = [json.loads(x) for x in p.stdout.splitlines()]
    return ({(ord(r["event"]["line"]) - NUMBERED, r["rule_id"]) for r in rows if "event" in r},
            [(r["rule_title"], r["group_key"][0][1] if r["group_key"] else "all") for r in rows if "correlation_type" in r])


def write(path, docs):
    path.write_text("---\n".join(docs))
    return path


NUMBERED = 0x4E00  # events carry their number as one character that no rule looks for


def events_file(path, events):
    path.write_text("".join(json.dumps({**e, "line": chr(NUMBERED + i)}, ensure_ascii=False) + "\n" for i, e in enumerate(events, 1)))
    return path


def rule_id(text):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def rule(selection, condition="s", name=None):
    return (f"title: {name or 'T' + rule_id(selection + condition)[:8]}\n" + (f"name: {name}\n" if name else "") +
            f"id: {rule_id(name or selection + condition)}\nstatus: test\nlevel: low\nlogsource:\n  category: application\ndetection:\n{selection}\n  condition: {condition}\n")


VALUES = ["foo", "FOO", "xfoox", "foo bar", "", "f*o", "fxo", "fo", "a\\b", "5", 5, 6.5, True, None, "10.1.2.3", "2001:db8::5", "Zm9vYmFy",
          "eGZvb2Jhcg==", "cABpAG4AZwA=", "x -enc y", "x /enc y", "x –enc y", "--enc", "x\ny", "2026-11-23T03:04:05Z", "äöü", "ÄÖÜ"]
ITEMS = [
    "a: foo", "a|cased: foo", "a|contains: foo", "a|startswith: FOO", "a|endswith: o", "a|contains|all: [f, o]", "a|contains|cased: foo", "a: 'f*o'", "a: 'f?o'",
    "a: 'f\\*o'", "a: 'a\\\\b'", "a: 'a\\b'", "a: '*'", "a: '?*'", "a: ''", "a: null", "a: [foo, null]", "a: 5", "a: '5'", "a: true", "a|neq: foo", "a|neq: 5", "a|re: '^f.o$'",
    "a|re|i: '^f.o'", "a|re|s: 'x.y'", "a|re|m: '^y'", "a|re: 'o{1,2}x'", "a|cidr: 10.0.0.0/8", "a|cidr: '2001:db8::/32'", "a|gt: 5", "a|gte: 5", "a|lt: 6", "a|lte: 5",
    "a|base64: foobar", "a|base64offset|contains: foobar", "a|wide|base64offset|contains: ping", "a|utf16le|base64offset|contains: ping", "a|utf16be|base64offset|contains: ping",
    "a|windash|contains: ' -enc'", "a|windash|contains: ' /enc'", "a|windash: '--enc'", "a|exists: true", "a|exists: false", "a|fieldref: b", "a|fieldref|neq: b",
    "a|fieldref|contains: b", "a|hour: 3", "a|minute: 4", "a|day: 23", "a|week: 48", "a|month: 11", "a|year: 2026", "a|contains: 'ä'",
]
# (item, do we match?, on which values of a): why
EXPLAINED = {
    ("a: '*'", True, ("x\ny",)): "a * is any text; theirs ends at a line's end",
    ("a: '?*'", True, ("x\ny",)): "the same",
    ("a|contains: 'ä'", False, ("ÄÖÜ",)): "our case folding is that of ASCII: logs are bytes in any coding",
    ("a|windash|contains: ' /enc'", True, ("x -enc y", "x –enc y")): "the specification has the five dashes stand for each other; theirs only exchanges the -",
    ("a: [foo, null]", True, ("(absent)",)): "null is a value of a list, too: a field that is absent is null, as in both when it stands alone",
    ("a|neq: foo", True, ("(absent)",)): "neq is `not`, as in the backends of pySigma: what is not there is not foo",
    ("a|neq: 5", True, ("(absent)",)): "the same",
    ("a|fieldref|neq: b", True, ("(absent)",)): "the same",
}


def compare(rules_docs, events, folder):
    rules = write(folder / "rules.yml", rules_docs)
    file = events_file(folder / "events.ndjson", events)
    a, alerts_a = ours(rules, file, folder)
    b, alerts_b = theirs(rules, file, folder)
    return a, b, alerts_a, alerts_b


def test_modifiers_and_values(tmp_path):
    docs, events = [], [{"a": v, "b": w} for v in VALUES for w in ("foo", "o")] + [{"b": "foo"}]
    for k, start in enumerate(range(0, len(ITEMS), 12)):  # an event keeps 16 detections
        folder = tmp_path / str(k)
        folder.mkdir()
        items = ITEMS[start:start + 12]
        ids = {rule_id(f"  s:\n    {i}" + "s"): i for i in items}
        a, b, _, _ = compare([rule(f"  s:\n    {i}") for i in items], events, folder)
        docs += [(ids[i], events[n - 1].get("a", "(absent)"), (n, i) in a) for n, i in sorted(a ^ b)]
    unexplained = [(item, value, "we match" if we else "they match") for item, value, we in docs if not explained(item, value, we)]
    assert not unexplained, "\n".join(map(str, sorted(set(map(str, unexplained)))))
    used = {(item, we) for item, _, we in docs}
    assert used == {k[:2] for k in EXPLAINED}, "reasons without a difference"


def explained(item, value, we):
    return any(k[0] == item and k[1] == we and (k[2] is None or value in k[2]) for k in EXPLAINED)


CONDITIONS = ["s_a and not s_b", "s_a or s_b and t", "(s_a or s_b) and t", "not (s_a or t)", "1 of s_*", "all of s_*", "1 of them", "all of them", "not 1 of s_*", "1 of *a or t",
              "s_a and 1 of (s_*)", "not s_a and not t", "all of s_* or not t"]
BAD_FOR_US = {"s_a and 1 of (s_*)"}  # not in the specification's grammar


def test_conditions(tmp_path):
    conditions = [c for c in CONDITIONS if c not in BAD_FOR_US]
    selections = "  s_a: {a: x}\n  s_b: {b: x}\n  t: {c: x}\n  _h: {a: y}"
    events = [dict(zip("abc", v)) for v in itertools.product("xy", repeat=3)]
    a, b, _, _ = compare([rule(selections, c) for c in conditions], events, tmp_path)
    assert a == b
    assert len({n for n, _ in a}) == len(events)


def test_keywords(tmp_path):
    """
    Keywords are looked for across the whole event. Theirs takes those of `|all` for whole values, and with `|contains|all` wants all
    of them in one value; lists of keywords are alike.
    """
    docs = [rule("  s: [two, four]"), rule("  s: {'|all': [one, two]}"), rule("  s: {'|contains|all': [one, two]}")]
    some, whole, within = (re.search("^id: (.*)$", d, re.M)[1] for d in docs)
    a, b, _, _ = compare(docs, [{"a": "xx one two"}, {"a": "one", "b": "Two"}, {"a": "two"}, {"a": "three"}], tmp_path)
    assert {x for x in a if x[1] == some} == {x for x in b if x[1] == some} == {(1, some), (2, some), (3, some)}
    assert {x for x in a if x[1] != some} == {(1, whole), (1, within), (2, whole), (2, within)}
    assert {x for x in b if x[1] != some} == {(1, within)}


def test_keywords_that_are_numbers(tmp_path):
    """Numbers are looked for as they are written, as all keywords; theirs never finds one."""
    a, b, _, _ = compare([rule("  s: [0, 6]")], [{"a": "init 6"}, {"a": "6"}, {"a": 6}], tmp_path)
    assert len(a) == 3 and not b


def test_filters(tmp_path):
    base = rule("  s: {a: x}", name="base-rule")
    f = "title: f\nid: 7d4f7f0e-0f4e-4b7a-9d4e-5d1a3f1c2b3a\nlogsource:\n  category: application\nfilter:\n  rules: [base-rule]\n  s: {u: svc}\n  condition: not s\n"
    a, b, _, _ = compare([base, f], [{"a": "x", "u": "svc"}, {"a": "x", "u": "man"}, {"a": "x"}, {"a": "y"}], tmp_path)
    assert a == b == {(2, rule_id("base-rule")), (3, rule_id("base-rule"))}


def correlation(name, body):
    return f"title: {name}\nname: {name}\nid: {rule_id(name)}\nstatus: test\nlevel: high\ncorrelation: {{{body}}}\n"


CORRELATIONS = {
    "event_count": "type: event_count, rules: [r-a], group-by: [u], timespan: 1m, condition: {gte: 3}",
    "event_count gt": "type: event_count, rules: [r-a, r-b], group-by: [u], timespan: 1m, condition: {gt: 3}",
    "event_count range": "type: event_count, rules: [r-a], group-by: [u], timespan: 1m, condition: {gte: 2, lte: 4}",
    "value_count": "type: value_count, rules: [r-a, r-b], group-by: [u], timespan: 1m, condition: {field: v, gte: 3}",
    "temporal": "type: temporal, rules: [r-a, r-b], group-by: [u], timespan: 30s, condition: {gte: 2}",
    "temporal_ordered": "type: temporal_ordered, rules: [r-a, r-b], group-by: [u], timespan: 20s, condition: {gte: 2}",
    "value_sum": "type: value_sum, rules: [r-a], group-by: [u], timespan: 1m, condition: {field: v, gte: 12}",
    "value_avg": "type: value_avg, rules: [r-a], group-by: [u], timespan: 1m, condition: {field: v, gt: 4}",
    "aliases": "type: temporal, rules: [r-a, r-b], group-by: [who], timespan: 30s, condition: {gte: 2}, aliases: {who: {r-a: u, r-b: w}}",
}


@pytest.mark.parametrize("name", CORRELATIONS)
@pytest.mark.parametrize("seed", range(4))
def test_correlations_fire_for_the_same_groups(name, seed, tmp_path):
    """Events of ten users, few enough that a group fires or not; which does must be the same."""
    r = random.Random(seed)
    at, events = 0, []
    for _ in range(60):
        at += r.randrange(1, 8)
        events.append({"timestamp": f"2026-11-23T06:{at // 60:02d}:{at % 60:02d}Z", "k": r.choice("abc"), "u": f"u{r.randrange(10)}", "w": f"u{r.randrange(10)}", "v": r.randrange(6)})
    docs = [rule("  s: {k: a}", name="r-a"), rule("  s: {k: b}", name="r-b"), correlation("c-" + name.replace(" ", "-"), CORRELATIONS[name])]
    _, _, a, b = compare(docs, events, tmp_path)
    assert {g for _, g in a} == {g for _, g in b}


def test_a_chain(tmp_path):
    docs = [rule("  s: {k: a}", name="r-a"), rule("  s: {k: b}", name="r-b"),
            correlation("many", "type: event_count, rules: [r-a], group-by: [u], timespan: 1m, condition: {gte: 3}"),
            correlation("then", "type: temporal_ordered, rules: [many, r-b], group-by: [u], timespan: 5m, condition: {gte: 2}")]
    events = [{"timestamp": f"2026-11-23T06:00:{i:02d}Z", "k": k, "u": u} for i, (k, u) in enumerate([("a", "x"), ("a", "x"), ("a", "y"), ("a", "x"), ("b", "y"), ("b", "x")])]
    _, _, a, b = compare(docs, events, tmp_path)
    assert a == [("then", "x")]
    assert ("then", "x") in b and ("then", "y") not in b


# ---- SigmaHQ's rules, over events made of their own values ----

def renamed(y):
    """
    Fields under other names: ours mean more than JSON has (c-uri is path?query), and both must see plain fields. Keywords with
    `all` say `contains` for theirs, see test_keywords.
    """
    if isinstance(y, dict):
        return {"|contains|all" if k == "|all" else re.sub(r"[-.]", "_", re.sub(r"^([^|]+)", r"x_\1", k)): renamed(v) for k, v in y.items()}
    return [renamed(v) for v in y] if isinstance(y, list) else y


def collect(y, fields, words):
    if isinstance(y, dict):
        for k, v in y.items():
            name = k.split("|")[0]
            values = v if isinstance(v, list) else [v]
            (fields.setdefault(name, []) if name else words).extend(x for x in values if not isinstance(x, (dict, list)))
    elif isinstance(y, list):
        for x in y:
            collect(x, fields, words) if isinstance(x, dict) else words.append(x)
    else:
        words.append(y)


def made(r, values):
    v = r.choice(values)
    if not isinstance(v, str):
        return v
    v = re.sub(r"\\([*?\\])", r"\1", v.replace("*", r.choice(["", "q", " "])).replace("?", "z"))
    v = r.choice([v, v, v, v.upper(), v + "x", "x" + v, v[1:], v + " " + str(r.choice(values))])
    return "".join(c for c in v if c >= " " and c not in '"\\')  # keywords search our line, which is JSON


# where we match and they do not
WE_FIND_MORE = {
    "7a14080d-a048-4de8-ae58-604ce58a795b": "one of its keywords is a colon: we search the line, and in a line of JSON there is one",
}


def test_rules_of_sigmahq(tmp_path):
    yaml = pytest.importorskip("yaml", reason="PyYAML reads the rules")
    r = random.Random(1)
    files = test_sigmahq.rules()
    checked = hits = 0
    for start in range(0, len(files), 12):
        docs, events = [], []
        for f in files[start:start + 12]:
            y = yaml.safe_load(f.read_text())
            d = {k: v if k == "condition" else renamed(v) for k, v in y["detection"].items()}
            d = {k: [str(x) if isinstance(x, int) else x for x in v] if isinstance(v, list) else v for k, v in d.items()}  # test_keywords
            docs.append(yaml.safe_dump({"title": y["title"], "id": y["id"], "status": "test", "level": "low", "logsource": {"category": "application"}, "detection": d}, allow_unicode=True))
            fields, words = {}, []
            for k, v in d.items():
                if k != "condition":
                    collect(v, fields, words)
            for _ in range(60):
                e = {k: made(r, v) for k, v in fields.items() if r.random() < 0.9}
                if words:
                    e["x_text"] = " ".join(str(made(r, words)) for _ in range(3))
                events.append(e)
        folder = tmp_path / str(start)
        folder.mkdir()
        a, b, _, _ = compare(docs, events, folder)
        across = set(WE_FIND_MORE) | {yaml.safe_load(d)["id"] for d in docs if "|contains|all:" in d.replace("'", "").replace("x_|", "|")}
        a -= {(n, i) for n, i in a - b if i in across}  # in several values: test_keywords
        titles = {y["id"]: y["title"] for y in map(yaml.safe_load, docs)}
        assert a == b, [(titles[i], events[n - 1], "we match" if (n, i) in a else "they match") for n, i in sorted(a ^ b)][:5]
        checked += len(events)
        hits += len(a)
    print(f"{len(files)} rules, {checked} events, {hits} matches, no difference")
    assert hits > 3 * len(files)
