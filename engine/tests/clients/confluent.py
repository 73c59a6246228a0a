"""confluent-kafka (librdkafka): topics, every acks and codec, reading by offset and by time, byte for byte.

    python3 confluent.py HOST:PORT[,HOST:PORT...]
"""

import sys

from checks import CODECS, FIRST_TIMESTAMP, TIMESTAMP_STEP, Steps, equal, equal_records, record, until
from confluent_kafka import (
    Consumer,
    ElectionType,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

COUNT = 300
WAIT = 20.0


class Client:
    def __init__(self, bootstrap):
        self.bootstrap = {"bootstrap.servers": bootstrap}
        self.admin = AdminClient(self.bootstrap)

    def create(self, topic, partitions=1, **config):
        new = NewTopic(topic, num_partitions=partitions, replication_factor=3, config=config)
        self.admin.create_topics([new])[topic].result(WAIT)

    def brokers(self):
        brokers = self.admin.list_topics(timeout=WAIT).brokers
        equal(sorted(brokers), [1, 2, 3], "brokers")

    def topics(self):
        self.create("ck-topics", 3, **{"min.insync.replicas": "2"})
        listed = until(lambda: self.admin.list_topics(timeout=WAIT).topics.get("ck-topics"))
        equal(sorted(listed.partitions), [0, 1, 2], "partitions")
        for partition in listed.partitions.values():
            equal(sorted(partition.replicas), [1, 2, 3], "replicas")

    def topic_again(self):
        try:
            self.create("ck-topics", 3)
        except KafkaException as error:
            equal(error.args[0].name(), "TOPIC_ALREADY_EXISTS", "error")
        else:
            raise AssertionError("the topic was created twice")

    def config(self, name):
        resource = ConfigResource(ResourceType.TOPIC, "ck-topics")
        return self.admin.describe_configs([resource])[resource].result(WAIT)[name].value

    def describe(self):
        equal(self.config("min.insync.replicas"), "2", "min.insync.replicas")

    def alter(self):
        entry = ConfigEntry("min.insync.replicas", "1", incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, "ck-topics", incremental_configs=[entry])
        self.admin.incremental_alter_configs([resource])[resource].result(WAIT)
        until(lambda: self.config("min.insync.replicas") == "1")

    def grow(self):
        self.admin.create_partitions([NewPartitions("ck-topics", 5)])["ck-topics"].result(WAIT)
        until(lambda: len(self.admin.list_topics(timeout=WAIT).topics["ck-topics"].partitions) == 5)

    def delete(self):
        self.admin.delete_topics(["ck-topics"])["ck-topics"].result(WAIT)
        until(lambda: "ck-topics" not in self.admin.list_topics(timeout=WAIT).topics)

    def cluster(self):
        found = self.admin.describe_cluster().result(WAIT)
        equal(sorted(node.id for node in found.nodes), [1, 2, 3], "brokers")
        equal(found.controller.id in [1, 2, 3], True, "the controller is one of them")

    def topic_described(self):
        names = TopicCollection(["ck-topics"])
        found = self.admin.describe_topics(names)["ck-topics"].result(WAIT)
        equal([sorted(node.id for node in one.isr) for one in found.partitions], [[1, 2, 3]] * 3, "ISR")

    def elect(self):
        partition = TopicPartition("ck-topics", 0)
        found = self.admin.elect_leaders(ElectionType.PREFERRED, [partition]).result(WAIT)
        error = found[partition]
        equal(error is None or error.name() in ["NO_ERROR", "ELECTION_NOT_NEEDED"], True, f"no election: {error}")

    def latest_record(self, topic):
        partition = TopicPartition(topic, 0)
        found = self.admin.list_offsets({partition: OffsetSpec.max_timestamp()})[partition].result(WAIT)
        equal(found.offset, COUNT - 1, "offset of the record with the latest timestamp")

    def truncate(self, topic):
        partition = TopicPartition(topic, 0, 100)
        self.admin.delete_records([partition])[partition].result(WAIT)
        consumer = self.consumer()
        equal(consumer.get_watermark_offsets(TopicPartition(topic, 0), WAIT), (100, COUNT), "watermarks")
        consumer.close()

    def produce(self, topic, count, **settings):
        """Sends the records of a topic; (offset by number, errors)."""
        producer = Producer({**self.bootstrap, "linger.ms": 1, **settings})
        failures = []

        def delivered(error, _message):
            if error is not None:
                failures.append(error)

        for number in range(count):
            key, value, headers, timestamp = record(number)
            producer.produce(
                topic, value, key, partition=0, headers=headers, timestamp=timestamp, on_delivery=delivered
            )
            if number % 50 == 49:
                # Several batches, so that batches' borders are read across.
                producer.flush(WAIT)
        equal(producer.flush(WAIT), 0, "records not delivered in time")
        equal(failures, [], "failed deliveries")

    def consumer(self):
        return Consumer(
            {
                **self.bootstrap,
                "group.id": "none",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "check.crcs": True,
            }
        )

    def consume(self, topic, start, count):
        consumer = self.consumer()
        consumer.assign([TopicPartition(topic, 0, start)])
        found = []

        def enough():
            for message in consumer.consume(1000, 0.2):
                if message.error():
                    raise KafkaException(message.error())
                headers = [(name, value) for name, value in message.headers() or []]
                row = (message.offset(), message.key(), message.value(), headers, message.timestamp()[1])
                found.append(row)
            return len(found) >= count

        until(enough)
        consumer.close()
        return found

    def round_trip(self, topic, **settings):
        self.create(topic)
        self.produce(topic, COUNT, **settings)
        equal_records(self.consume(topic, 0, COUNT), COUNT)

    def by_offset(self, topic):
        for start in range(0, COUNT, 37):
            first = self.consume(topic, start, 1)[0]
            equal(first[0], start, "first offset")
            equal(first[1:3], record(start)[:2], f"record at offset {start}")

    def by_time(self, topic):
        consumer = self.consumer()
        for number in [0, 1, 49, 50, 51, 123, COUNT - 1]:
            for early in [0, TIMESTAMP_STEP - 1]:
                time = FIRST_TIMESTAMP + TIMESTAMP_STEP * number - early
                found = consumer.offsets_for_times([TopicPartition(topic, 0, time)], WAIT)[0]
                equal(found.offset, number, f"offset at {early} ms before record {number}")
        later = FIRST_TIMESTAMP + TIMESTAMP_STEP * COUNT
        found = consumer.offsets_for_times([TopicPartition(topic, 0, later)], WAIT)[0]
        equal(found.offset, -1, "offset after the last record")
        consumer.close()

    def watermarks(self, topic):
        consumer = self.consumer()
        equal(consumer.get_watermark_offsets(TopicPartition(topic, 0), WAIT), (0, COUNT), "watermarks")
        consumer.close()

    def out_of_range(self, topic):
        consumer = self.consumer()
        consumer.assign([TopicPartition(topic, 0, COUNT + 1000)])
        message = until(lambda: consumer.poll(0.2))
        equal(message.error().name(), "_AUTO_OFFSET_RESET", "error")
        consumer.close()


def main():
    client = Client(sys.argv[1])
    steps = Steps("confluent-kafka")
    steps.run("brokers are listed", client.brokers)
    steps.run("a topic is created and listed", client.topics)
    steps.run("a topic is not created twice", client.topic_again)
    steps.run("the cluster is described", client.cluster)
    steps.run("a topic is described", client.topic_described)
    steps.run("the preferred leader is elected", client.elect)
    steps.run("a topic's settings are described", client.describe)
    steps.run("a topic's settings are altered", client.alter)
    steps.run("a topic grows", client.grow)
    steps.run("a topic is deleted", client.delete)
    for acks in ["0", "1", "all"]:
        for codec in CODECS:
            settings = {"acks": acks, "compression.type": codec}
            steps.run(f"acks={acks} {codec}", lambda: client.round_trip(f"ck-{acks}-{codec}", **settings))
    for codec in CODECS:
        settings = {"enable.idempotence": True, "compression.type": codec}
        steps.run(f"idempotent {codec}", lambda: client.round_trip(f"ck-idempotent-{codec}", **settings))
    for codec in ["none", "zstd"]:
        topic = f"ck-all-{codec}"
        steps.run(f"read by offset, {codec}", client.by_offset, topic)
        steps.run(f"read by time, {codec}", client.by_time, topic)
    steps.run("watermarks", client.watermarks, "ck-all-none")
    steps.run("the latest record is found", client.latest_record, "ck-all-none")
    steps.run("an offset out of range is an error", client.out_of_range, "ck-all-none")
    steps.run("records are deleted", client.truncate, "ck-all-none")
    return steps.finish()


sys.exit(main())
