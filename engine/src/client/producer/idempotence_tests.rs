//! The idempotent producer against scripted brokers: what stands on the wire, in which order.
//!
//! A dialogue is the list of batches a broker got, each as `epoch/sequence value -> answer`.

use std::cell::RefCell;
use std::rc::Rc;

use expect_test::{Expect, expect};

use super::Producer;
use super::tests::{millis, record, start, value_of};
use crate::client::outcome::{ClientError, Outcome};
use crate::client::test_broker::{Answer, TestCluster, produced};
use crate::client::test_platform::TestPlatform;
use crate::driver::Clock as _;
use crate::error::ErrorCode;
use crate::message::Request;
use crate::record::RecordBatch;

/// Settings by which every record is a batch and a request of its own.
const ONE_BY_ONE: [(&str, &str); 4] =
    [("batch.size", "0"), ("linger.ms", "0"), ("retry.backoff.ms", "10"), ("delivery.timeout.ms", "30000")];

/// What a script does with a batch.
#[derive(Clone, Copy)]
enum Say {
    Code(ErrorCode),
    Close,
    /// Answers after so many milliseconds.
    Later(u64, ErrorCode),
}

const OK: Say = Say::Code(ErrorCode::None);
const OUT_OF_ORDER: Say = Say::Code(ErrorCode::OutOfOrderSequenceNumber);
const TOO_FEW: Say = Say::Code(ErrorCode::NotEnoughReplicas);
const LATE: Say = Say::Code(ErrorCode::NotEnoughReplicasAfterAppend);

type Dialogue = Rc<RefCell<String>>;

fn describe(request: &Request) -> String {
    let Request::Produce(produce) = request else { panic!("not a produce: {request:?}") };
    let records = produce.partitions[0].records.clone().expect("records");
    let batch = RecordBatch::parse(records).expect("a batch");
    let value = String::from_utf8(value_of(produce).to_vec()).expect("text");
    let id = batch.producer_id();
    format!("{id} {}/{} {value}", batch.producer_epoch(), batch.base_sequence())
}

/// A broker, and what it was sent and answered.
struct Stage {
    cluster: TestCluster,
    dialogue: Dialogue,
}

impl Stage {
    /// A broker that answers the batches in turn as `says` does, and then well.
    fn new<const COUNT: usize>(says: [Say; COUNT]) -> Stage {
        let cluster = TestCluster::new(&[1]);
        let dialogue = Dialogue::default();
        let written = dialogue.clone();
        let mut says = says.into_iter();
        cluster.broker(1, move |request| {
            let say = says.next().unwrap_or(OK);
            let (answer, text) = match say {
                Say::Code(code) => (produced(request, code), code.to_string()),
                Say::Close => (Answer::Close, "closes".to_owned()),
                Say::Later(wait, code) => match produced(request, code) {
                    Answer::Now(response) => (Answer::After(millis(wait), response), format!("later {code}")),
                    other => (other, String::new()),
                },
            };
            written.borrow_mut().push_str(&format!("{} -> {text}\n", describe(request)));
            answer
        });
        Stage { cluster, dialogue }
    }

    /// A producer whose records are batches and requests of their own, with these settings besides.
    fn producer(&self, settings: &[(&str, &str)]) -> Producer<TestPlatform> {
        let settings: Vec<(&str, &str)> = ONE_BY_ONE.into_iter().chain(settings.iter().copied()).collect();
        start(&self.cluster, &settings)
    }

    /// Sends `a` alone, so that it is acknowledged, and then the others at once.
    fn run(&self, settings: &[(&str, &str)], values: &[&str]) -> Vec<Outcome<()>> {
        let producer = self.producer(settings);
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        self.cluster.platform.run(async move {
            let first = producer.send(record("a")).await;
            let sends: Vec<_> = values.iter().map(|value| producer.send(record(value))).collect();
            let rest = futures_util::future::join_all(sends).await;
            [first].into_iter().chain(rest).map(|outcome| outcome.map(|_| ())).collect()
        })
    }

    /// Fails unless this is what was said.
    fn said(&self, expected: &Expect) {
        expected.assert_eq(&self.dialogue.borrow());
    }
}

fn all_are_written(outcomes: &[Outcome<()>]) {
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Ok(()))), "{outcomes:?}");
}

#[test]
fn batches_are_numbered_by_their_records() {
    let stage = Stage::new([]);
    all_are_written(&stage.run(&[], &["b", "c"]));
    stage.said(&expect![[r#"
        1000 0/0 a -> NONE
        1000 0/1 b -> NONE
        1000 0/2 c -> NONE
    "#]]);
}

#[test]
fn a_batch_whose_answer_was_lost_is_sent_again_under_its_number() {
    let stage = Stage::new([OK, Say::Close]);
    all_are_written(&stage.run(&[], &["b"]));
    stage.said(&expect![[r#"
        1000 0/0 a -> NONE
        1000 0/1 b -> closes
        1000 0/1 b -> NONE
    "#]]);
}

#[test]
fn what_follows_a_refused_batch_is_refused_and_all_are_sent_again_in_order() {
    let stage = Stage::new([OK, TOO_FEW, OUT_OF_ORDER, OUT_OF_ORDER]);
    all_are_written(&stage.run(&[], &["b", "c", "d"]));
    stage.said(&expect![[r#"
        1000 0/0 a -> NONE
        1000 0/1 b -> NOT_ENOUGH_REPLICAS
        1000 0/2 c -> OUT_OF_ORDER_SEQUENCE_NUMBER
        1000 0/3 d -> OUT_OF_ORDER_SEQUENCE_NUMBER
        1000 0/1 b -> NONE
        1000 0/2 c -> NONE
        1000 0/3 d -> NONE
    "#]]);
}

#[test]
fn before_the_first_acknowledgement_one_batch_is_under_way() {
    let stage = Stage::new([Say::Later(100, ErrorCode::NotEnoughReplicas)]);
    let producer = stage.producer(&[]);
    stage.cluster.platform.run(async move {
        for value in ["a", "b"] {
            drop(producer.send(record(value)));
        }
        producer.close().await;
    });
    stage.said(&expect![[r#"
        1000 0/0 a -> later NOT_ENOUGH_REPLICAS
        1000 0/0 a -> NONE
        1000 0/1 b -> NONE
    "#]]);
}

#[test]
fn a_batch_that_is_refused_for_good_leaves_a_gap_and_the_next_epoch_begins_at_zero() {
    let refused = Say::Code(ErrorCode::MessageTooLarge);
    let stage = Stage::new([OK, refused, OUT_OF_ORDER]);
    let outcomes = stage.run(&[], &["b", "c"]);
    assert_eq!(outcomes[1], Outcome::Failed(ClientError::Broker(ErrorCode::MessageTooLarge)));
    assert_eq!(outcomes[2], Outcome::Ok(()));
    stage.said(&expect![[r#"
        1000 0/0 a -> NONE
        1000 0/1 b -> MESSAGE_TOO_LARGE
        1000 0/2 c -> OUT_OF_ORDER_SEQUENCE_NUMBER
        1000 1/0 c -> NONE
    "#]]);
}

#[test]
fn a_batch_out_of_order_that_is_the_next_gets_a_new_number_in_the_next_epoch() {
    let stage = Stage::new([OK, OUT_OF_ORDER]);
    all_are_written(&stage.run(&[], &["b"]));
    stage.said(&expect![[r#"
        1000 0/0 a -> NONE
        1000 0/1 b -> OUT_OF_ORDER_SEQUENCE_NUMBER
        1000 1/0 b -> NONE
    "#]]);
}

/// KAFKA-14034: under another number the leader could not tell that it has the batch.
#[test]
fn a_batch_that_may_have_been_written_is_never_renumbered() {
    let stage = Stage::new([OK, LATE, OUT_OF_ORDER]);
    let outcomes = stage.run(&[], &["b"]);
    let doubt = ClientError::Broker(ErrorCode::NotEnoughReplicasAfterAppend);
    assert_eq!(outcomes[1], Outcome::Unknown(doubt));
    stage.said(&expect![[r#"
        1000 0/0 a -> NONE
        1000 0/1 b -> NOT_ENOUGH_REPLICAS_AFTER_APPEND
        1000 0/1 b -> OUT_OF_ORDER_SEQUENCE_NUMBER
    "#]]);
}

#[test]
fn after_a_batch_given_up_in_doubt_the_next_epoch_begins() {
    let stage = Stage::new([OK, LATE]);
    let settings = [
        ("request.timeout.ms", "1500"),
        ("delivery.timeout.ms", "2000"),
        ("retry.backoff.ms", "10000"),
        ("retry.backoff.max.ms", "10000"),
    ];
    let producer = stage.producer(&settings);
    let platform = stage.cluster.platform.clone();
    let (doubtful, next) = stage.cluster.platform.run(async move {
        assert!(matches!(producer.send(record("a")).await, Outcome::Ok(_)));
        let doubtful = producer.send(record("b"));
        platform.sleep(millis(1000)).await;
        let next = producer.send(record("c"));
        (doubtful.await, next.await)
    });
    assert!(matches!(doubtful, Outcome::Unknown(ClientError::DeliveryTimeout { .. })), "{doubtful:?}");
    assert!(matches!(next, Outcome::Ok(_)), "{next:?}");
    stage.said(&expect![[r#"
        1000 0/0 a -> NONE
        1000 0/1 b -> NOT_ENOUGH_REPLICAS_AFTER_APPEND
        1000 1/0 c -> NONE
    "#]]);
}

#[test]
fn a_duplicate_whose_offsets_are_forgotten_is_success() {
    let code = ErrorCode::DuplicateSequenceNumber;
    let stage = Stage::new([OK, Say::Code(code)]);
    all_are_written(&stage.run(&[], &["b"]));
    stage.said(&expect![[r#"
        1000 0/0 a -> NONE
        1000 0/1 b -> DUPLICATE_SEQUENCE_NUMBER
    "#]]);
}

#[test]
fn without_idempotence_batches_have_no_number() {
    let stage = Stage::new([]);
    all_are_written(&stage.run(&[("enable.idempotence", "false")], &["b"]));
    stage.said(&expect![[r#"
        -1 -1/-1 a -> NONE
        -1 -1/-1 b -> NONE
    "#]]);
}
