"""What every client script shares: named steps with a verdict, and the records a client must bring back.

A step that raises has failed; the others go on. The last line counts them. Nothing here knows a Kafka client.
"""

import sys
import time
import traceback

# Timestamps of records: fixed, so that a lookup by time has one right answer. Milliseconds since 1970.
FIRST_TIMESTAMP = 1_700_000_000_000
TIMESTAMP_STEP = 10

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


class Steps:
    """Runs steps one after the other and counts them."""

    def __init__(self, client):
        self.client = client
        self.passed = 0
        self.failed = 0

    def run(self, name, step, *arguments):
        """Runs one step; what it returns, or None if it failed."""
        started = time.monotonic()
        try:
            result = step(*arguments)
        except Exception:
            self.failed += 1
            print(f"FAILED {self.client}: {name}")
            traceback.print_exc(file=sys.stdout)
            return None
        self.passed += 1
        print(f"ok     {self.client}: {name} ({1000 * (time.monotonic() - started):.0f} ms)")
        return result

    def finish(self):
        """Prints the count; the exit code."""
        print(f"{self.client}: {self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1


def record(number):
    """Key, value, headers and timestamp of the record at offset `number` of a topic."""
    # kafka-python refuses records without key and value.
    key = None if number % 7 == 3 and number % 11 != 5 else b"key-%d" % (number % 5)
    # Empty, absent, small, larger than a batch header, incompressible and compressible ones.
    if number % 11 == 5:
        value = None
    elif number % 13 == 4:
        value = b""
    elif number % 17 == 2:
        value = bytes((number * 31 + position * position) % 256 for position in range(3000))
    else:
        value = b"value %d " % number + b"x" * (number % 200)
    headers = [("h", b"1"), ("h", b"2"), ("number", b"%d" % number)] if number % 3 == 0 else []
    return key, value, headers, FIRST_TIMESTAMP + TIMESTAMP_STEP * number


def equal(actual, expected, what):
    """Raises if they differ, and says where."""
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r}, expected {expected!r}")


def equal_records(actual, count):
    """`actual` is (offset, key, value, headers, timestamp) of every record from offset 0 on, in order."""
    equal(len(actual), count, "number of records")
    for number, (offset, key, value, headers, timestamp) in enumerate(actual):
        equal(offset, number, "offset")
        equal((key, value, list(headers or []), timestamp), record(number), f"record at offset {number}")


def until(condition, seconds=20.0):
    """Waits until `condition` returns something true, and returns it."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.02)
