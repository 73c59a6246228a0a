//! The wire: frames, headers, and the translation between our messages and every version of Kafka's.
