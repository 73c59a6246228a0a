"""Three brokers and three controllers, each a process of its own; kill -9 of each in turn under load.

    python3 kill9.py TRIBUNAL [--rounds N] [--controllers 1|3] [--combined]

Idempotent producers write with acks=all to a topic with min.insync.replicas=2 while every broker and every controller
is killed and started again, one after the other, once a round; the others go on to acknowledge records and to decide
about topics. In the end every record that was acknowledged is read
back, once, in the order in which its producer sent it. With --combined each broker's process is a controller, too, and
dies as both. The full test is ten rounds; CI runs fewer.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from checks import Steps, until
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

TOPIC = "ledger"
PARTITIONS = 3
PRODUCERS = 3
RECORDS_PER_SECOND = 200
# How long everybody may take to serve again after a kill.
RECOVERY_SECONDS = 60
# Sessions are short, so that a round is seconds rather than minutes.
SETTINGS = {
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 300,
    "replica.lag.time.max.ms": 3000,
}


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Node:
    """One process of the cluster."""

    def __init__(self, tribunal, folder, node, listeners, voters):
        """`listeners` is the port of each of its roles, by their names."""
        self.roles = sorted(listeners)
        self.name = f"{'-'.join(self.roles)}-{node}"
        self.file = os.path.join(folder, f"{self.name}.properties")
        self.log = open(os.path.join(folder, f"{self.name}.log"), "ab")
        names = {"broker": "PLAINTEXT", "controller": "CONTROLLER"}
        lines = {
            "node.id": node,
            "process.roles": ",".join(self.roles),
            "listeners": ",".join(f"{names[role]}://127.0.0.1:{port}" for role, port in listeners.items()),
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": voters,
            "log.dirs": os.path.join(folder, self.name),
            **SETTINGS,
        }
        with open(self.file, "w", encoding="ascii") as file:
            file.writelines(f"{key}={value}\n" for key, value in lines.items())
        self.command = [tribunal, "serve", "--node", str(node), "--config", self.file, "--log-level", "info"]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.log)

    def wait_until_ready(self):
        line = self.process.stdout.readline().decode()
        if not line.startswith("ready: "):
            raise AssertionError(f"{self.name} is not ready, see {self.log.name}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                return self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return None
        return 0


class Load(threading.Thread):
    """One producer, and what it was promised."""

    def __init__(self, number, bootstrap):
        super().__init__(daemon=True)
        self.number = number
        self.producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                # Five requests in flight, in order and without duplicates all the same.
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": 120000,
                "retry.backoff.ms": 50,
                "reconnect.backoff.ms": 50,
                "reconnect.backoff.max.ms": 500,
                # Refused connections are what this is about.
                "log_level": 2,
            }
        )
        self.acknowledged = []
        self.failed = []
        self.sent = 0
        self.ending = threading.Event()

    def run(self):
        while not self.ending.is_set():
            number = self.sent
            self.producer.produce(
                TOPIC,
                b"%d %d" % (self.number, number),
                partition=self.number % PARTITIONS,
                on_delivery=lambda error, message, number=number: self.delivered(number, error, message),
            )
            self.sent += 1
            self.producer.poll(1 / RECORDS_PER_SECOND)
        self.producer.flush(120)

    def delivered(self, number, error, message):
        if error is None:
            self.acknowledged.append((number, message.offset()))
        else:
            self.failed.append((number, error))


def read_everything(bootstrap, partition):
    """(producer, number) of every record of a partition, by offset."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none", "enable.auto.commit": False})
    _, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), 30)
    consumer.assign([TopicPartition(TOPIC, partition, 0)])
    found = {}

    def enough():
        for message in consumer.consume(1000, 0.2):
            if message.error():
                raise KafkaException(message.error())
            producer, number = message.value().split()
            found[message.offset()] = (int(producer), int(number))
        return not end or (found and max(found) >= end - 1)

    until(enough, RECOVERY_SECONDS)
    consumer.close()
    return found


class Cluster:
    def __init__(self, tribunal, folder, controllers, combined):
        ports = free_ports(3 + controllers)
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in ports[:3])
        first = 1 if combined else 101
        quorum = dict(enumerate(ports[3:], first))
        voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in quorum.items())
        roles = {node: {"controller": port} for node, port in quorum.items()}
        for node, port in enumerate(ports[:3], 1):
            roles.setdefault(node, {})["broker"] = port
        self.all = [Node(tribunal, folder, node, listeners, voters) for node, listeners in roles.items()]
        self.controllers = controllers
        self.loads = []
        self.decisions = 0

    def nodes(self):
        return self.all

    def start(self):
        for node in self.nodes():
            node.start()
        for node in self.nodes():
            node.wait_until_ready()
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap})
        until(lambda: len(self.admin.list_topics(timeout=30).brokers) == 3, RECOVERY_SECONDS)
        new = NewTopic(TOPIC, PARTITIONS, 3, config={"min.insync.replicas": "2"})
        self.admin.create_topics([new])[TOPIC].result(30)

    def start_load(self):
        self.loads = [Load(number, self.bootstrap) for number in range(PRODUCERS)]
        for load in self.loads:
            load.start()
        self.progress()

    def progress(self):
        """Waits until every producer has been acknowledged something that it sent from now on."""
        sent = [load.sent for load in self.loads]

        def all_moved():
            newest = [load.acknowledged[-1][0] if load.acknowledged else -1 for load in self.loads]
            return all(now > then for now, then in zip(newest, sent, strict=True))

        until(all_moved, RECOVERY_SECONDS)

    def in_sync(self):
        try:
            topic = self.admin.list_topics(TOPIC, timeout=10).topics[TOPIC]
        except KafkaException:
            return False
        return len(topic.partitions) == PARTITIONS and all(len(one.isrs) == 3 for one in topic.partitions.values())

    def decides(self):
        """Waits until the controllers have committed something new."""
        self.decisions += 1
        name = f"decision-{self.decisions}"

        def created():
            try:
                # The client asks the one broker it knows as the controller; with fresh metadata that is one alive.
                self.admin.list_topics(timeout=5)
                self.admin.create_topics([NewTopic(name, 1, 1)], request_timeout=5)[name].result(10)
            except KafkaException as error:
                return error.args[0].name() == "TOPIC_ALREADY_EXISTS"
            except TimeoutError:
                return False
            return True

        until(created, RECOVERY_SECONDS)

    def kill_and_restart(self, node):
        node.kill()
        # The others go on without it; or wait for it, if it is the only controller.
        if "controller" not in node.roles or self.controllers > 1:
            self.decides()
            self.progress()
        node.start()
        node.wait_until_ready()
        self.decides()
        until(self.in_sync, RECOVERY_SECONDS)
        self.progress()

    def finish_load(self):
        for load in self.loads:
            load.ending.set()
        for load in self.loads:
            load.join(180)
            assert not load.is_alive(), f"producer {load.number} does not end"
        counts = [(load.sent, len(load.acknowledged), len(load.failed)) for load in self.loads]
        print(f"sent, acknowledged, failed by producer: {counts}")
        assert all(acknowledged > 0 for _, acknowledged, _ in counts)

    def everything_is_there(self):
        partitions = [read_everything(self.bootstrap, partition) for partition in range(PARTITIONS)]
        for load in self.loads:
            found = partitions[load.number % PARTITIONS]
            lost = [
                (number, offset)
                for number, offset in load.acknowledged
                if found.get(offset) != (load.number, number)
            ]
            assert not lost, f"producer {load.number}: {len(lost)} lost, the first (number, offset): {lost[:5]}"
            order = [found[offset][1] for offset in sorted(found) if found[offset][0] == load.number]
            assert order == sorted(order), f"producer {load.number}: records out of order"
            assert len(order) == len(set(order)), f"producer {load.number}: records written twice"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tribunal")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--controllers", type=int, default=3)
    parser.add_argument("--combined", action="store_true")
    arguments = parser.parse_args()
    steps = Steps("kill9")
    with tempfile.TemporaryDirectory(prefix="tribunal-kill9-") as folder:
        cluster = Cluster(arguments.tribunal, folder, arguments.controllers, arguments.combined)
        try:
            steps.run("the cluster starts", cluster.start)
            steps.run("producers are acknowledged", cluster.start_load)
            for number in range(1, arguments.rounds + 1):
                for node in cluster.nodes():
                    if steps.failed == 0:
                        name = f"round {number}: kill -9 and restart of {node.name}"
                        steps.run(name, cluster.kill_and_restart, node)
            steps.run("producers end", cluster.finish_load)
            steps.run("every acknowledged record is there once, in order", cluster.everything_is_there)
        finally:
            codes = {node.name: node.stop() for node in reversed(cluster.nodes())}
        steps.run("everybody stops in order", lambda: check_codes(codes))
        if steps.failed:
            for node in cluster.nodes():
                print(f"-- the end of {node.log.name}")
                with open(node.log.name, encoding="utf-8") as log:
                    print("".join(log.readlines()[-15:]))
    return steps.finish()


def check_codes(codes):
    assert all(code == 0 for code in codes.values()), codes


if __name__ == "__main__":
    sys.exit(main())
