//! Kafka clients over the same traits as the shell: producer, consumer, admin.
