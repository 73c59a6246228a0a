"""kafka-python: topics, every acks and codec, reading by offset and by time, byte for byte.

    python3 kafka_python.py HOST:PORT[,HOST:PORT...]
"""

import sys

from checks import CODECS, FIRST_TIMESTAMP, TIMESTAMP_STEP, Steps, equal, equal_records, record, until
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import TopicAlreadyExistsError

COUNT = 300
WAIT = 20.0


class Client:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap.split(",")
        self.admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)

    def create(self, topic, partitions=1, config=None):
        new = NewTopic(topic, num_partitions=partitions, replication_factor=3, topic_configs=config or {})
        self.admin.create_topics([new])

    def brokers(self):
        found = self.admin.describe_cluster()
        equal(sorted(broker["broker_id"] for broker in found["brokers"]), [1, 2, 3], "brokers")

    def topics(self):
        self.create("kp-topics", 3, {"min.insync.replicas": "2"})
        until(lambda: "kp-topics" in self.admin.list_topics())
        (found,) = self.admin.describe_topics(["kp-topics"])
        equal(len(found["partitions"]), 3, "partitions")

    def topic_again(self):
        try:
            self.create("kp-topics", 3)
        except TopicAlreadyExistsError:
            return
        raise AssertionError("the topic was created twice")

    def config(self, name):
        found = self.admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "kp-topics")], config_filter="all")
        ((topics,),) = [list(found.values())]
        return topics["kp-topics"][name]["value"]

    def describe(self):
        equal(self.config("min.insync.replicas"), "2", "min.insync.replicas")

    def describe_broker(self):
        found = self.admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, "1")], config_filter="all")
        entries = found["broker"]["1"]
        (endpoint,) = [f"{it['host']}:{it['port']}" for it in self.admin.describe_cluster()["brokers"] if it["broker_id"] == 1]
        equal(entries["advertised.listeners"]["value"], f"PLAINTEXT://{endpoint}", "advertised.listeners")
        equal(entries["min.insync.replicas"]["value"], "1", "min.insync.replicas")

    def log_dirs(self):
        found = self.admin.describe_log_dirs()
        equal(sorted(broker["broker"] for broker in found), [1, 2, 3], "brokers")
        topics = {topic["name"] for broker in found for log_dir in broker["log_dirs"] for topic in log_dir["topics"]}
        equal("kp-topics" in topics, True, "the topic has logs")

    def alter(self):
        resource = ConfigResource(ConfigResourceType.TOPIC, "kp-topics", {"min.insync.replicas": "1"})
        self.admin.alter_configs([resource])
        until(lambda: self.config("min.insync.replicas") == "1")

    def grow(self):
        self.admin.create_partitions({"kp-topics": NewPartitions(5)})
        until(lambda: len(self.admin.describe_topics(["kp-topics"])[0]["partitions"]) == 5)

    def delete(self):
        self.admin.delete_topics(["kp-topics"])
        until(lambda: "kp-topics" not in self.admin.list_topics())

    def alter_broker(self):
        def value():
            found = self.admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, "2")], config_filter="all")
            return found["broker"]["2"]["message.max.bytes"]["value"]

        resource = ConfigResource(ConfigResourceType.BROKER, "2", {"message.max.bytes": "2000000"})
        self.admin.alter_configs([resource])
        until(lambda: value() == "2000000")

    def replaced_settings(self):
        resource = ConfigResource(ConfigResourceType.TOPIC, "kp-topics", {"retention.ms": "1000000"})
        self.admin.alter_configs([resource], incremental=False)
        until(lambda: self.config("retention.ms") == "1000000")

    def quorum(self):
        found = self.admin.describe_metadata_quorum()
        ((partition,),) = [topic["partitions"] for topic in found["topics"]]
        equal(sorted(voter["replica_id"] for voter in partition["current_voters"]), [1, 2, 3], "voters")

    def move(self):
        partition = TopicPartition("kp-topics", 0)
        replicas = lambda: self.admin.describe_topics(["kp-topics"])[0]["partitions"][0]["replica_nodes"]
        self.admin.alter_partition_reassignments({partition: [3, 1]})
        until(lambda: replicas() == [3, 1] and not self.admin.list_partition_reassignments())

    def elect(self):
        partition = lambda: self.admin.describe_topics(["kp-topics"])[0]["partitions"][0]
        self.admin.elect_leaders(0, {"kp-topics": [0]})
        until(lambda: partition()["leader_id"] == partition()["replica_nodes"][0])

    def producers(self, topic):
        partition = TopicPartition(topic, 0)
        found = self.admin.describe_producers([partition])
        equal(len(found[partition].active_producers), 1, "producers that have written")

    def truncate(self, topic):
        partition = TopicPartition(topic, 0)
        self.admin.delete_records({partition: 100})
        consumer, _ = self.consumer(topic)
        equal(consumer.beginning_offsets([partition])[partition], 100, "first offset")
        consumer.close()

    def produce(self, topic, count, **settings):
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, **settings)
        sent = []
        for number in range(count):
            key, value, headers, timestamp = record(number)
            sent.append(producer.send(topic, value, key, headers, 0, timestamp))
            if number % 50 == 49:
                producer.flush(WAIT)
        producer.flush(WAIT)
        for future in sent:
            future.get(WAIT)
        producer.close(WAIT)

    def consumer(self, topic):
        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap, enable_auto_commit=False, auto_offset_reset="none", check_crcs=True
        )
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        return consumer, partition

    def consume(self, topic, start, count):
        consumer, partition = self.consumer(topic)
        consumer.seek(partition, start)
        found = []

        def enough():
            for records in consumer.poll(timeout_ms=200).values():
                found.extend((one.offset, one.key, one.value, one.headers, one.timestamp) for one in records)
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
        consumer, partition = self.consumer(topic)
        for number in [0, 1, 49, 50, 51, 123, COUNT - 1]:
            for early in [0, TIMESTAMP_STEP - 1]:
                time = FIRST_TIMESTAMP + TIMESTAMP_STEP * number - early
                found = consumer.offsets_for_times({partition: time})[partition]
                equal(found.offset, number, f"offset at {early} ms before record {number}")
        later = FIRST_TIMESTAMP + TIMESTAMP_STEP * COUNT
        equal(consumer.offsets_for_times({partition: later})[partition], None, "offset after the last record")
        consumer.close()

    def watermarks(self, topic):
        consumer, partition = self.consumer(topic)
        equal(consumer.beginning_offsets([partition])[partition], 0, "first offset")
        equal(consumer.end_offsets([partition])[partition], COUNT, "high watermark")
        consumer.close()


def main():
    client = Client(sys.argv[1])
    steps = Steps("kafka-python")
    steps.run("brokers are listed", client.brokers)
    steps.run("a topic is created and listed", client.topics)
    steps.run("a topic is not created twice", client.topic_again)
    steps.run("a topic's settings are described", client.describe)
    steps.run("a broker's settings are described", client.describe_broker)
    steps.run("logs are described", client.log_dirs)
    steps.run("a topic's settings are altered", client.alter)
    steps.run("a topic's settings are replaced", client.replaced_settings)
    steps.run("a broker's settings are altered", client.alter_broker)
    steps.run("the controllers are described", client.quorum)
    steps.run("a partition moves", client.move)
    steps.run("the preferred leader is elected", client.elect)
    steps.run("a topic grows", client.grow)
    steps.run("a topic is deleted", client.delete)
    for acks in [0, 1, "all"]:
        for codec in CODECS:
            settings = {
                "acks": acks,
                "compression_type": None if codec == "none" else codec,
                "enable_idempotence": False,
            }
            steps.run(f"acks={acks} {codec}", lambda: client.round_trip(f"kp-{acks}-{codec}", **settings))
    for codec in CODECS:
        settings = {"enable_idempotence": True, "compression_type": None if codec == "none" else codec}
        steps.run(f"idempotent {codec}", lambda: client.round_trip(f"kp-idempotent-{codec}", **settings))
    for codec in ["none", "zstd"]:
        topic = f"kp-all-{codec}"
        steps.run(f"read by offset, {codec}", client.by_offset, topic)
        steps.run(f"read by time, {codec}", client.by_time, topic)
    steps.run("watermarks", client.watermarks, "kp-all-none")
    steps.run("producers are described", client.producers, "kp-idempotent-none")
    steps.run("records are deleted", client.truncate, "kp-all-none")
    return steps.finish()


sys.exit(main())
