"""kcat (Debian's, on librdkafka 2.0.2): topics that appear when they are named, every acks and codec, reading by
offset and by time, byte for byte.

    python3 kcat.py KCAT HOST:PORT[,HOST:PORT...]

kcat creates no topics: they appear when it produces, with the settings of the cluster. It chooses the timestamps.
"""

import json
import subprocess
import sys
import time

from checks import CODECS, Steps, equal, until

COUNT = 100
WAIT = 20.0


def key_and_value(number):
    # One line a record: no line feeds, and a separator that is in neither.
    return f"key-{number % 5}", f"value {number} " + "x" * (number * 7 % 300)


class Client:
    def __init__(self, kcat, bootstrap):
        self.command = [kcat, "-b", bootstrap, "-q"]

    def run(self, *arguments, stdin=""):
        done = subprocess.run(
            [*self.command, *arguments], input=stdin.encode(), capture_output=True, timeout=WAIT, check=False
        )
        if done.returncode != 0:
            raise AssertionError(f"kcat {' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout.decode()

    def list(self):
        found = json.loads(self.run("-L", "-J"))
        equal(sorted(broker["id"] for broker in found["brokers"]), [1, 2, 3], "brokers")
        return found["topics"]

    def appears(self, topic):
        self.run("-P", "-t", topic, "-p", "0", stdin="first\n")
        (found,) = [one for one in self.list() if one["topic"] == topic]
        equal(len(found["partitions"]), 4, "partitions")
        for partition in found["partitions"]:
            equal(len(partition["replicas"]), 3, "replicas")

    def produce(self, topic, acks, codec, *more):
        lines = "".join("{}\t{}\n".format(*key_and_value(number)) for number in range(COUNT))
        headers = ["-H", "h=1", "-H", "h=2"]
        settings = ["-X", f"acks={acks}", "-z", codec, *more]
        self.run("-P", "-t", topic, "-p", "0", "-K", "\t", *headers, *settings, stdin=lines)

    def consume(self, topic, start, count):
        read = self.run("-C", "-t", topic, "-p", "0", "-o", str(start), "-c", str(count), "-J", "-X", "check.crcs=true")
        return [json.loads(line) for line in read.splitlines()]

    def round_trip(self, topic, acks, codec, *more):
        before = int(time.time() * 1000)
        self.produce(topic, acks, codec, *more)
        found = self.consume(topic, 0, COUNT)
        equal(len(found), COUNT, "number of records")
        for number, one in enumerate(found):
            equal(one["offset"], number, "offset")
            equal((one["key"], one["payload"]), key_and_value(number), f"record at offset {number}")
            equal(one["headers"], ["h", "1", "h", "2"], "headers")
            assert before - 1000 <= one["ts"] <= time.time() * 1000 + 1000, one["ts"]

    def by_offset(self, topic):
        for start in [0, 1, 33, COUNT - 1]:
            (one,) = self.consume(topic, start, 1)
            equal((one["offset"], one["key"], one["payload"]), (start, *key_and_value(start)), "record")

    def by_time(self, topic):
        records = self.consume(topic, 0, COUNT)
        for number in [0, 10, COUNT - 1]:
            at = records[number]["ts"]
            # Several records may share a millisecond: the first of them is the answer.
            expected = next(one["offset"] for one in records if one["ts"] >= at)
            answer = self.run("-Q", "-t", f"{topic}:0:{at}").split()
            equal(int(answer[-1]), expected, f"offset at {at}")


def main():
    client = Client(sys.argv[1], sys.argv[2])
    steps = Steps("kcat")
    steps.run("brokers are listed", client.list)
    steps.run("a topic appears when it is named", client.appears, "kcat-appears")
    for acks in ["0", "1", "all"]:
        for codec in CODECS:
            steps.run(f"acks={acks} {codec}", client.round_trip, f"kcat-{acks}-{codec}", acks, codec)
    idempotent = ["-X", "enable.idempotence=true"]
    steps.run("idempotent", client.round_trip, "kcat-idempotent", "all", "none", *idempotent)
    for codec in ["none", "zstd"]:
        steps.run(f"read by offset, {codec}", client.by_offset, f"kcat-all-{codec}")
        steps.run(f"read by time, {codec}", client.by_time, f"kcat-all-{codec}")
    return steps.finish()


sys.exit(main())
