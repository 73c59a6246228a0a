"""Groups of three members of one client each, while members and the coordinating broker are killed.

    python3 consumer_groups.py TRIBUNAL KCAT

Three broker processes and a controller. For each kind of member (confluent_kafka with `group.protocol=consumer`, that is
KIP-848; confluent_kafka with cooperative-sticky, kcat -G and kafka-python with the classic protocol): three members share
six partitions, each partition has one owner and every record is processed at least once; one member is killed with
kill -9, one leaves, and the last one has everything; the broker that coordinates the group is killed with kill -9, and
what was committed is still there.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading

import kill9
from checks import Steps, equal, until
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PARTITIONS = 6
RECORDS = 300
SECONDS = 60
SETTINGS = {
    "group.consumer.session.timeout.ms": 6000,
    "group.consumer.heartbeat.interval.ms": 500,
    "group.initial.rebalance.delay.ms": 500,
    "offsets.topic.num.partitions": 6,
}


def tell(kind, what):
    print(json.dumps([kind, what]), flush=True)


CONFLUENT = {
    "consumer": {"group.protocol": "consumer"},
    "cooperative": {"group.protocol": "classic", "partition.assignment.strategy": "cooperative-sticky",
                    "session.timeout.ms": 6000, "heartbeat.interval.ms": 500},
}


def confluent_member(bootstrap, topic, group, protocol):
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "log_level": 2, **protocol})
    mine = set()

    def assigned(_, partitions):
        mine.update(one.partition for one in partitions)
        consumer.incremental_assign(partitions)
        tell("owns", sorted(mine))

    def revoked(_, partitions):
        mine.difference_update(one.partition for one in partitions)
        consumer.incremental_unassign(partitions)
        tell("owns", sorted(mine))

    consumer.subscribe([topic], on_assign=assigned, on_revoke=revoked, on_lost=revoked)
    while not ending.is_set():
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            tell("record", [message.partition(), message.offset()])
            try:
                consumer.commit(message, asynchronous=False)
            except Exception as error:  # A stale epoch or a coordinator that is gone: the record comes again.
                print(error, file=sys.stderr, flush=True)
    consumer.close()


def python_member(bootstrap, topic, group):
    from kafka import KafkaConsumer
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap.split(","), group_id=group, session_timeout_ms=6000,
                             heartbeat_interval_ms=500, auto_offset_reset="earliest", enable_auto_commit=False)
    before = None
    while not ending.is_set():
        for batch in consumer.poll(timeout_ms=200).values():
            for record in batch:
                tell("record", [record.partition, record.offset])
            try:
                consumer.commit()
            except Exception as error:
                print(error, file=sys.stderr, flush=True)
        now = sorted(one.partition for one in consumer.assignment())
        if now != before:
            tell("owns", now)
            before = now
    consumer.close()


class Member:
    """A member in a process of its own, and what it told."""

    def __init__(self, kind, kcat, bootstrap, topic, group):
        self.kind = kind
        self.owns, self.seen, self.lock = [], set(), threading.Lock()
        if kind == "kcat":
            # A heartbeat often enough that the session outlives the coordinator, until there is another one.
            command = [kcat, "-b", bootstrap, "-G", group, "-u", "-f", "%p %o\n", "-X", "session.timeout.ms=6000",
                       "-X", "heartbeat.interval.ms=500", "-X", "auto.offset.reset=earliest",
                       "-X", "auto.commit.interval.ms=200", topic]
        else:
            command = [sys.executable, os.path.abspath(__file__), "member", kind, bootstrap, topic, group]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for stream, read in ((self.process.stdout, self.hear), (self.process.stderr, self.hear_kcat)):
            threading.Thread(target=self.listen, args=(stream, read), daemon=True).start()

    def listen(self, stream, read):
        for line in stream:
            with self.lock:
                read(line.strip())

    def hear(self, line):
        if not line.startswith("["):
            partition, offset = line.split()
            self.seen.add((int(partition), int(offset)))
            return
        kind, what = json.loads(line)
        if kind == "owns":
            self.owns = what
        else:
            self.seen.add(tuple(what))

    def hear_kcat(self, line):
        found = re.search(r"rebalanced .*(assigned|revoked):(.*)", line)
        if found:
            partitions = [int(number) for number in re.findall(r"\[(\d+)\]", found.group(2))]
            self.owns = partitions if found.group(1) == "assigned" else []

    def end(self, with_signal):
        self.process.send_signal(with_signal)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            # The librdkafka of kcat 1.7.1 may hang in rd_kafka_destroy, long after its consumer has left (its issue 3470).
            if self.kind != "kcat":
                raise
            self.process.kill()
            self.process.wait()
        self.owns = []


class Group:
    """A group of three."""

    def __init__(self, kind, kcat, cluster):
        self.cluster, self.kind = cluster, kind
        self.topic, self.name = f"of-{kind}", f"group-{kind}"
        self.produced = 0
        self.admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
        new = NewTopic(self.topic, PARTITIONS, 3, config={"min.insync.replicas": "2"})
        self.admin.create_topics([new])[self.topic].result(30)
        self.produce()
        self.members = [Member(kind, kcat, cluster.bootstrap, self.topic, self.name) for _ in range(3)]

    def produce(self):
        producer = Producer({"bootstrap.servers": self.cluster.bootstrap, "log_level": 2})
        for index in range(RECORDS):
            producer.produce(self.topic, b"%d" % index, partition=index % PARTITIONS)
        equal(producer.flush(SECONDS), 0, "records not delivered")
        self.produced += RECORDS

    def shares(self):
        return sorted(sum((member.owns for member in self.members), []))

    def all_processed(self):
        return len(set().union(*(member.seen for member in self.members))) == self.produced

    def share_evenly(self):
        until(lambda: [len(one.owns) for one in self.members] == [2, 2, 2] and
              self.shares() == list(range(PARTITIONS)), SECONDS)
        until(self.all_processed, SECONDS)

    def lose_two(self):
        self.members[0].end(signal.SIGKILL)
        self.members[1].end(signal.SIGTERM)
        until(lambda: sorted(self.members[2].owns) == list(range(PARTITIONS)), SECONDS)
        self.produce()
        until(self.all_processed, SECONDS)

    def committed(self):
        reader = Consumer({"bootstrap.servers": self.cluster.bootstrap, "group.id": self.name, "log_level": 2})
        asked = [TopicPartition(self.topic, partition) for partition in range(PARTITIONS)]
        offsets = [one.offset for one in reader.committed(asked, timeout=30)]
        reader.close()
        return offsets

    def kill_the_coordinator(self):
        everything = [self.produced // PARTITIONS] * PARTITIONS
        until(lambda: self.committed() == everything, SECONDS)
        described = self.admin.describe_consumer_groups([self.name])[self.name].result(30)
        node = next(one for one in self.cluster.all if one.name == f"broker-{described.coordinator.id}")
        node.kill()
        equal(self.committed(), everything, "what was committed, after the coordinator died")
        self.produce()
        until(self.all_processed, SECONDS)
        node.start()
        node.wait_until_ready()
        until(lambda: len(self.admin.list_topics(timeout=30).brokers) == 3, SECONDS)
        self.members[2].end(signal.SIGTERM)
        everything = [self.produced // PARTITIONS] * PARTITIONS
        until(lambda: self.committed() == everything, SECONDS)

    def stop(self):
        for member in self.members:
            if member.process.poll() is None:
                member.process.kill()


def main():
    tribunal, kcat = sys.argv[1:]
    kill9.SETTINGS.update(SETTINGS)
    steps = Steps("groups of three")
    with tempfile.TemporaryDirectory() as folder:
        cluster = kill9.Cluster(tribunal, folder, 1, False)
        steps.run("a cluster starts", cluster.start)
        for kind in (*CONFLUENT, "kcat", "python"):
            group = steps.run(f"{kind}: three members join", Group, kind, kcat, cluster)
            if group is not None:
                steps.run(f"{kind}: each partition has one owner, every record is processed", group.share_evenly)
                steps.run(f"{kind}: one is killed, one leaves, the last one has everything", group.lose_two)
                steps.run(f"{kind}: commits survive the coordinator", group.kill_the_coordinator)
                group.stop()
        # Brokers first: without a controller they cannot hand over what they lead, and wait for one.
        for node in reversed(cluster.nodes()):
            node.stop()
    sys.exit(steps.finish())


if __name__ == "__main__":
    if sys.argv[1] == "member":
        kind, *where = sys.argv[2:]
        confluent_member(*where, CONFLUENT[kind]) if kind in CONFLUENT else python_member(*where)
    else:
        main()
