#!/usr/bin/env python3
"""By Google's own client: pull.py make TOPIC... makes topics of project p with a subscription each; pull.py take TOPIC N
prints the data of at least N messages, a line each, and acknowledges them. The server is $PUBSUB_EMULATOR_HOST."""
import sys

from google.cloud import pubsub_v1

what, *rest = sys.argv[1:]
subscriber = pubsub_v1.SubscriberClient()
if what == "make":
    publisher = pubsub_v1.PublisherClient()
    for t in rest:
        publisher.create_topic(request={"name": f"projects/p/topics/{t}"})
        subscriber.create_subscription(request={"name": f"projects/p/subscriptions/{t}", "topic": f"projects/p/topics/{t}"})
else:
    topic, n = rest[0], int(rest[1])
    name = f"projects/p/subscriptions/{topic}"
    while n > 0:
        got = subscriber.pull(request={"subscription": name, "max_messages": 500}, timeout=60).received_messages
        for m in got:
            assert not m.message.attributes and "\n" not in m.message.data.decode()
            print(m.message.data.decode())
        n -= len(got)
        if got:
            subscriber.acknowledge(request={"subscription": name, "ack_ids": [m.ack_id for m in got]})
