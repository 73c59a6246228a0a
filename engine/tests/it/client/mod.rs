//! The engine's own clients against the mini cluster: the clients run on their test platform, whose pipes end at the
//! machines of the cluster.

mod members;
#[path = "../../../src/client/test_platform.rs"]
#[expect(dead_code, reason = "the clients' own tests need more of it")]
mod test_platform;

use std::cell::RefCell;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tribunal_engine::client::{Admin, ClusterConfig, Outcome, Producer, ProducerRecord};
use tribunal_engine::config::{ProducerConfig, Properties};
use tribunal_engine::driver::{Clock as _, Network as _, Spawner as _};
use tribunal_engine::id::{Endpoint, PartitionIndex, TopicName};
use tribunal_engine::message::NewTopic;
use tribunal_engine::rng::Rng;
use tribunal_engine::time::{Duration, Timestamp};
use tribunal_engine::variant::ProtocolVariant;
use tribunal_engine::wire::{FRAME_BYTES_MAX, decode_request, encode_response, split_frame};

use self::test_platform::TestPlatform;
use crate::mini_cluster::{CONTROLLER, MiniCluster};

/// How often the cluster is told the time, and answers are looked for.
const BEAT: Duration = Duration::from_millis(5);
const BROKERS: i32 = 3;

/// A cluster of three brokers that clients can connect to.
#[derive(Clone)]
struct World {
    platform: TestPlatform,
    cluster: Rc<RefCell<MiniCluster>>,
}

impl World {
    fn start(properties: &[(&str, &str)]) -> World {
        let common = [("offsets.topic.num.partitions", "1"), ("group.initial.rebalance.delay.ms", "100")];
        let properties = [&common, properties].concat();
        let mut cluster = MiniCluster::new(BROKERS, 1, &properties, ProtocolVariant::SAFE);
        for id in [CONTROLLER].into_iter().chain(1..=BROKERS) {
            cluster.start(id);
        }
        cluster.advance(Duration::from_secs(5));
        let platform = TestPlatform::default();
        let world = World { platform, cluster: Rc::new(RefCell::new(cluster)) };
        for id in 1..=BROKERS {
            world.platform.spawn("listener", world.clone().listen(id));
        }
        let ticking = world.clone();
        world.platform.spawn("time", async move {
            loop {
                ticking.platform.sleep(BEAT).await;
                ticking.cluster.borrow_mut().advance(BEAT);
            }
        });
        world
    }

    fn bootstrap() -> Vec<Endpoint> {
        (1..=BROKERS).map(endpoint).collect()
    }

    async fn listen(self, id: i32) {
        let listener = self.platform.bind(&endpoint(id)).await.expect("a test network");
        loop {
            let stream = self.platform.accept(&listener).await.expect("a test network");
            self.platform.spawn("connection", self.clone().serve(id, stream));
        }
    }

    async fn serve(self, id: i32, mut stream: DuplexStream) {
        let mut reading = BytesMut::new();
        loop {
            let frame = match split_frame(&mut reading, FRAME_BYTES_MAX).expect("clients send frames") {
                Some(frame) => frame,
                None => match stream.read_buf(&mut reading).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => continue,
                },
            };
            let (header, request) = decode_request(frame).expect("clients send requests");
            let asked = self.cluster.borrow_mut().submit(id, header.version, request);
            let response = loop {
                let answer = self.cluster.borrow_mut().answer_to(asked);
                match answer {
                    Some(response) => break response,
                    None => self.platform.sleep(BEAT).await,
                }
            };
            let mut out = BytesMut::new();
            encode_response(header.key, header.version, header.correlation, &response, &mut out);
            if stream.write_all(&out).await.is_err() {
                return;
            }
        }
    }

    /// Creates a topic, and waits until it is there.
    async fn create_topic(&self, name: &str, partitions: i32) {
        let rng = Rng::from_seed(7);
        let config = ClusterConfig::default();
        let admin = Admin::start(self.platform.clone(), World::bootstrap(), "admin", config, rng);
        let topic = NewTopic {
            name: name.to_owned(),
            partitions,
            replication_factor: 3,
            assignments: Vec::new(),
            configs: std::collections::BTreeMap::new(),
        };
        let created = admin.create_topics(vec![topic]).await;
        assert!(matches!(created[name], Outcome::Ok(_)), "{created:?}");
    }

    /// Writes records with these values to each partition of a topic.
    async fn produce(&self, topic: &str, partitions: i32, values: std::ops::Range<u32>) {
        let config = ProducerConfig::from_properties(&Properties::new()).expect("defaults");
        let rng = Rng::from_seed(8);
        let producer = Producer::start(self.platform.clone(), World::bootstrap(), "p", config, rng);
        for value in values {
            for partition in 0..partitions {
                let outcome = producer
                    .send(ProducerRecord {
                        topic: TopicName::new(topic),
                        partition: Some(PartitionIndex(partition)),
                        key: None,
                        value: Some(Bytes::from(format!("{partition}/{value}"))),
                        timestamp: Some(Timestamp(0)),
                    })
                    .await;
                assert!(matches!(outcome, Outcome::Ok(_)), "{outcome:?}");
            }
        }
    }
}

fn endpoint(id: i32) -> Endpoint {
    Endpoint::new(&format!("host-{id}"), 9092)
}
