"""A served cluster is stopped in order and started again: quickly, with clean logs and every record.

    python3 restart.py TRIBUNAL

All brokers and controllers of the cluster are told to stop at the same time, while a producer writes with acks=all.
Nobody may wait for anybody who is gone.
"""

import os
import subprocess
import sys
import tempfile
import time

from checks import Steps, equal, until
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

TOPIC = "kept"
PARTITIONS = 6
COUNT = 3000
ROUNDS = 3
STOP_MS_MAX = 2000
WAIT = 20.0


class Cluster:
    """One process with three brokers and three controllers, over the same directory each time."""

    def __init__(self, tribunal, folder):
        self.folder = os.path.join(folder, "data")
        self.said = os.path.join(folder, "said")
        self.command = [tribunal, "serve", "--port", "0", "--data", self.folder, "--log-level", "info"]
        self.acknowledged = [set() for _ in range(PARTITIONS)]
        self.next = 0

    def start(self):
        with open(self.said, "wb") as said:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=said)
        line = self.process.stdout.readline().decode()
        assert line.startswith("ready: bootstrap.servers="), line
        self.bootstrap = {"bootstrap.servers": line.strip().split("=", 1)[1]}

    def warnings(self):
        with open(self.said, encoding="utf-8") as said:
            return [line for line in said if " WARN " in line or " ERROR " in line]

    def create(self):
        admin = AdminClient(self.bootstrap)
        new = NewTopic(TOPIC, PARTITIONS, 3, config={"min.insync.replicas": "2"})
        admin.create_topics([new])[TOPIC].result(WAIT)

    def producer(self):
        # What cannot be delivered because the cluster stops is given up soon.
        settings = {"acks": "all", "linger.ms": 5, "message.timeout.ms": 1000, "log_level": 2}
        return Producer({**self.bootstrap, **settings})

    def send(self, producer, count):
        def delivered(error, message, number):
            if error is None:
                self.acknowledged[message.partition()].add(number)

        for _ in range(count):
            number = self.next
            self.next += 1
            report = lambda error, message, number=number: delivered(error, message, number)
            producer.produce(TOPIC, b"%d" % number, partition=number % PARTITIONS, on_delivery=report)

    def load(self):
        producer = self.producer()
        before = sum(map(len, self.acknowledged))
        self.send(producer, COUNT)
        equal(producer.flush(WAIT), 0, "records not delivered")
        equal(sum(map(len, self.acknowledged)) - before, COUNT, "acknowledged records")

    def stop_under_load(self):
        producer = self.producer()
        stopping = time.monotonic()
        self.process.terminate()
        while self.process.poll() is None:
            self.send(producer, 5)
            producer.poll(0.002)
            assert time.monotonic() < stopping + WAIT, "it does not stop"
        took = 1000 * (time.monotonic() - stopping)
        producer.flush(WAIT)
        equal(self.process.returncode, 0, "exit code")
        for broker in ["broker-1", "broker-2", "broker-3"]:
            marker = os.path.join(self.folder, broker, ".kafka_cleanshutdown")
            assert os.path.exists(marker), f"{broker} has not left its log clean"
        print(f"stopped within {took:.0f} ms")
        assert took < STOP_MS_MAX, f"{took:.0f} ms, bound {STOP_MS_MAX}"

    def nothing_to_repair(self):
        equal(self.warnings(), [], "warnings")

    def everything_is_there(self):
        for partition in range(PARTITIONS):
            found = self.read(partition)
            lost = self.acknowledged[partition] - set(found)
            assert not lost, f"partition {partition}: {len(lost)} lost, the first: {sorted(lost)[:5]}"

    def end_offset(self, consumer, partition):
        """None while a new leader does not know yet how much of its log is committed (KIP-207)."""
        try:
            return consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), WAIT)[1]
        except KafkaException as error:
            if error.args[0].name() != "OFFSET_NOT_AVAILABLE":
                raise
            return None

    def read(self, partition):
        consumer = Consumer({**self.bootstrap, "group.id": "none", "enable.auto.commit": False})
        end = until(lambda: self.end_offset(consumer, partition))
        consumer.assign([TopicPartition(TOPIC, partition, 0)])
        found = {}

        def enough():
            for message in consumer.consume(1000, 0.2):
                if message.error():
                    raise KafkaException(message.error())
                found[message.offset()] = int(message.value())
            return len(found) >= end

        until(enough)
        consumer.close()
        return found.values()


def main():
    steps = Steps("restart")
    with tempfile.TemporaryDirectory(prefix="tribunal-restart-") as folder:
        cluster = Cluster(sys.argv[1], folder)
        try:
            steps.run("the cluster starts", cluster.start)
            steps.run("a topic is created", cluster.create)
            for number in range(1, ROUNDS + 1):
                steps.run(f"round {number}: records are acknowledged", cluster.load)
                steps.run(f"round {number}: everybody stops at once", cluster.stop_under_load)
                steps.run(f"round {number}: the cluster starts again", cluster.start)
                steps.run(f"round {number}: every acknowledged record is there", cluster.everything_is_there)
                steps.run(f"round {number}: no log was repaired", cluster.nothing_to_repair)
        finally:
            cluster.process.terminate()
            cluster.process.wait(30)
        if steps.failed:
            print("".join(cluster.warnings()[-15:]))
    return steps.finish()


sys.exit(main())
