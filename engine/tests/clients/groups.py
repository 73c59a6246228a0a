"""Consumer groups with real clients: members of two client libraries share one group.

    groups.py BOOTSTRAP

Needs confluent_kafka and kafka (kafka-python) on the path. A member of each library and a third join; every partition
has one owner and every record is processed; a member is killed, the others take over; commits are there for whoever
comes next.
"""
import multiprocessing as mp
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BOOTSTRAP = sys.argv[1]
TOPIC, GROUP = f"groups-{int(time.time())}", "shared"
PARTITIONS, RECORDS = 6, 600


def confluent_member(name, events):
    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": GROUP, "session.timeout.ms": 6000,
                         "auto.offset.reset": "earliest", "enable.auto.commit": False,
                         "partition.assignment.strategy": "range", "client.id": name})
    own = lambda kind: lambda _, parts: events.put((kind, name, sorted(p.partition for p in parts)))
    consumer.subscribe([TOPIC], on_assign=own("assigned"), on_revoke=own("revoked"))
    while True:
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            events.put(("record", name, (message.partition(), message.offset())))
            consumer.commit(message, asynchronous=False)


def python_member(name, events):
    from kafka import KafkaConsumer
    consumer = KafkaConsumer(TOPIC, bootstrap_servers=BOOTSTRAP, group_id=GROUP, session_timeout_ms=6000,
                             heartbeat_interval_ms=1000, auto_offset_reset="earliest", enable_auto_commit=False,
                             client_id=name)
    before = None
    while True:
        for batch in consumer.poll(timeout_ms=200).values():
            for record in batch:
                events.put(("record", name, (record.partition, record.offset)))
            consumer.commit()
        now = sorted(p.partition for p in consumer.assignment())
        if now != before:
            events.put(("assigned", name, now))
            before = now


def drain(events, until, seconds, owners, seen):
    end = time.time() + seconds
    while time.time() < end:
        try:
            kind, name, what = events.get(timeout=0.2)
        except Exception:
            if until():
                return True
            continue
        if kind == "record":
            seen.add(what)
        else:
            owners[name] = what if kind == "assigned" else []
            print(f"   {kind} {name} {what}", flush=True)
        if until():
            return True
    return False


def produce(count):
    producer = Producer({"bootstrap.servers": BOOTSTRAP})
    for index in range(count):
        producer.produce(TOPIC, str(index), partition=index % PARTITIONS)
    producer.flush(30)


def main():
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    for future in admin.create_topics([NewTopic(TOPIC, PARTITIONS, 3)]).values():
        future.result(30)
    produce(RECORDS)
    events, owners, seen = mp.Queue(), {}, set()
    kinds = {"confluent-1": confluent_member, "confluent-2": confluent_member, "python-1": python_member}
    members = {name: mp.Process(target=kind, args=(name, events), daemon=True) for name, kind in kinds.items()}
    for member in members.values():
        member.start()
    even = lambda: sorted(len(parts) for parts in owners.values()) == [2, 2, 2] and \
        sorted(sum(owners.values(), [])) == list(range(PARTITIONS))
    assert drain(events, lambda: even() and len(seen) == RECORDS, 60, owners, seen), (owners, len(seen))
    print("ok three members of two libraries share six partitions, all records processed")
    described = admin.describe_consumer_groups([GROUP])[GROUP].result(10)
    print("ok described:", described.state, len(described.members), "members")
    members["confluent-2"].kill()
    owners.pop("confluent-2")
    took_over = lambda: len(owners) == 2 and sorted(sum(owners.values(), [])) == list(range(PARTITIONS))
    assert drain(events, took_over, 60, owners, seen), owners
    produce(RECORDS)
    assert drain(events, lambda: len(seen) == 2 * RECORDS, 60, owners, seen), len(seen)
    print("ok a killed member's partitions are taken over, all records processed")
    time.sleep(1)
    for member in members.values():
        member.kill()
    reader = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": GROUP})
    committed = reader.committed([TopicPartition(TOPIC, p) for p in range(PARTITIONS)], timeout=20)
    assert [p.offset for p in committed] == [2 * RECORDS // PARTITIONS] * PARTITIONS, committed
    print("ok everything is committed")
    listed = admin.list_consumer_groups().result(10)
    print("ok listed:", [(g.group_id, str(g.state)) for g in listed.valid])
    time.sleep(8)
    print("ok deleted:", {k: v.result(10) for k, v in admin.delete_consumer_groups([GROUP]).items()})


main()
