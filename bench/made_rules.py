"""Sigma rules out of syllables, to fill the pack up to a number: made_rules.py COUNT > rules.yml

They look like the rules that people write for a product of theirs (a function call, a file, a header, a tool's
name, a chain of two words) and match nothing in honest logs.
"""
import random
import sys
import uuid

R = random.Random(7)
SYLLABLES = "ka shi to ru mi ne po zu gra vel dor xin qua ble tor myk fen lix oda wur".split()
SHAPES = [
    ("c-uri", r"\b{a}\s*\(\s*(?:{b}|{c})\b"),
    ("c-uri", r"/(?:{a}|{b})/(?:{c}|{d})\.(?:php|jsp|cgi)"),
    ("c-uri", r"(?:^|[&?;]){a}_{b}=[^&]{{0,40}}(?:{c}|{d})"),
    ("sekisho.param.value", r"^{a}:(?://)?{b}"),
    ("sekisho.param.value", r"[;|`]\s*(?:{a}|{b})\s+-{c}"),
    ("cs-user-agent", r"\b(?:{a}{b}|{c}-scan)/\d"),
    ("cs-referer", r"//{a}{b}\.(?:{c}|{d})/"),
]


def word():
    return "".join(R.choice(SYLLABLES) for _ in range(R.randint(2, 3)))


for i in range(int(sys.argv[1])):
    field, shape = SHAPES[i % len(SHAPES)]
    pattern = shape.format(a=word(), b=word(), c=word(), d=word())
    print(f"""---
title: Made rule {i}
name: made.rule-{i}
id: {uuid.UUID(int=R.getrandbits(128), version=4)}
status: test
logsource: {{category: webserver}}
detection:
    selection:
        {field}|re|i: '{pattern}'
    condition: selection
level: medium
category: scanner""")
