//! `tribunal serve` as a user meets it: real sockets, real files, exit codes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use tribunal_engine::client::{Admin, ClusterConfig, Consumer, Outcome, Producer, ProducerRecord};
use tribunal_engine::config::{ConsumerConfig, ProducerConfig, Properties};
use tribunal_engine::driver::real::{FileDisk, LocalSpawner, RealPlatform, TcpNetwork};
use tribunal_engine::id::{Endpoint, PartitionIndex, TopicName, TopicPartition};
use tribunal_engine::message::NewTopic;
use tribunal_engine::rng::Rng;

/// Longest any wait of a test may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An empty folder for the files of one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("serve").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("an old folder goes");
    }
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn serve(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tribunal"));
    command.arg("serve").args(arguments).stdin(Stdio::null());
    command
}

/// A served cluster; killed if the test fails before it stops it.
struct Served {
    child: Child,
    bootstrap: Vec<Endpoint>,
}

impl Served {
    /// Starts a cluster and waits for its ready line.
    fn start(arguments: &[&str]) -> Served {
        let mut child = serve(arguments)
            .args(["--log-level", "warn"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let Some(list) = line.trim_end().strip_prefix("ready: bootstrap.servers=") else {
            let mut said = String::new();
            let stderr = child.stderr.as_mut().expect("a pipe");
            stderr.read_to_string(&mut said).expect("text");
            panic!("no ready line but {line:?}: {said}");
        };
        let endpoint = |text: &str| {
            let (host, port) = text.rsplit_once(':').expect("host:port");
            Endpoint::new(host, port.parse().expect("a port"))
        };
        let bootstrap = list.split(',').map(endpoint).collect();
        Served { child, bootstrap }
    }

    /// Stops it as a user would; its exit code and what it said on stderr.
    fn stop(mut self) -> (Option<i32>, String) {
        interrupt(&self.child);
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        (self.child.wait().expect("it ends").code(), said)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended already unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// SIGTERM, by the command every system has: there is no safe call for it in std.
fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(status.expect("kill runs").success(), "the signal is sent");
}

/// Exit code and stderr of a cluster that does not start.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let output = serve(arguments).args(["--log-level", "error"]).output().expect("the binary runs");
    assert_eq!(output.stdout, b"", "nothing is ready");
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

/// Runs a client on real sockets.
fn client<T>(work: impl AsyncFnOnce(RealPlatform) -> T) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().expect("a runtime");
    let tasks = tokio::task::LocalSet::new();
    let disk = FileDisk::new(Path::new("."), |_| ());
    runtime.block_on(tasks.run_until(async {
        work(RealPlatform::new(TcpNetwork::default(), disk, LocalSpawner::default())).await
    }))
}

async fn create(platform: &RealPlatform, bootstrap: &[Endpoint], topic: &str) {
    create_with(platform, bootstrap, topic, 3).await;
}

async fn create_one(platform: &RealPlatform, bootstrap: &[Endpoint], topic: &str) {
    create_with(platform, bootstrap, topic, 1).await;
}

async fn create_with(platform: &RealPlatform, bootstrap: &[Endpoint], topic: &str, replicas: i16) {
    let config = ClusterConfig::default();
    let admin = Admin::start(platform.clone(), bootstrap.to_vec(), "test", config, Rng::from_seed(1));
    let new = NewTopic {
        name: topic.to_owned(),
        partitions: 1,
        replication_factor: replicas,
        assignments: Vec::new(),
        configs: BTreeMap::new(),
    };
    let created = admin.create_topics(vec![new]).await;
    assert!(matches!(created[topic], Outcome::Ok(_)), "{created:?}");
}

async fn produce(platform: &RealPlatform, bootstrap: &[Endpoint], topic: &str, values: &[String]) {
    let config = ProducerConfig::from_properties(&Properties::new()).expect("defaults");
    let producer = Producer::start(platform.clone(), bootstrap.to_vec(), "test", config, Rng::from_seed(2));
    for value in values {
        let value = Some(Bytes::from(value.clone()));
        let topic = TopicName::new(topic);
        let record =
            ProducerRecord { topic, partition: Some(PartitionIndex(0)), key: None, value, timestamp: None };
        let sent = producer.send(record).await;
        assert!(matches!(sent, Outcome::Ok(_)), "{sent:?}");
    }
}

async fn consume(platform: &RealPlatform, bootstrap: &[Endpoint], topic: &str, count: usize) -> Vec<String> {
    let given: Properties = [("auto.offset.reset".to_owned(), "earliest".to_owned())].into();
    let config = ConsumerConfig::from_properties(&given).expect("settings");
    let consumer = Consumer::start(platform.clone(), bootstrap.to_vec(), "test", config, Rng::from_seed(3));
    consumer.assign(vec![TopicPartition::new(topic, 0)]);
    let mut values = Vec::new();
    while values.len() < count {
        for record in consumer.poll(PATIENCE).await {
            let value = record.value.expect("every record has a value").to_vec();
            values.push(String::from_utf8(value).expect("text"));
        }
    }
    values
}

fn values(prefix: &str) -> Vec<String> {
    (0..20).map(|number| format!("{prefix}-{number}")).collect()
}

#[test]
fn a_restart_keeps_every_record() {
    let data = folder("restart").join("data");
    let arguments = ["--port", "0", "--data", data.to_str().expect("UTF-8")];
    let first = Served::start(&arguments);
    client(async |platform| {
        create(&platform, &first.bootstrap, "orders").await;
        produce(&platform, &first.bootstrap, "orders", &values("first")).await;
    });
    assert_eq!(first.stop(), (Some(0), String::new()));
    for broker in ["broker-1", "broker-2", "broker-3"] {
        assert!(data.join(broker).join(".kafka_cleanshutdown").exists(), "{broker} is marked as closed");
        assert!(data.join(broker).join("orders-0/00000000000000000000.log").exists(), "{broker} has the log");
    }
    let second = Served::start(&arguments);
    let read = client(async |platform| {
        produce(&platform, &second.bootstrap, "orders", &values("second")).await;
        consume(&platform, &second.bootstrap, "orders", 40).await
    });
    assert_eq!(read, [values("first"), values("second")].concat());
    assert_eq!(second.stop().0, Some(0));
}

#[test]
fn without_data_nothing_is_left_behind() {
    let temporary = folder("temporary");
    let mut command = serve(&["--port", "0", "--brokers", "1", "--log-level", "warn"]);
    let mut child =
        command.env("TMPDIR", &temporary).stdout(Stdio::piped()).spawn().expect("the binary runs");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a line");
    let entries = || fs::read_dir(&temporary).expect("a folder").count();
    assert!(line.starts_with("ready: "), "{line}");
    assert_eq!(entries(), 1, "data is under the folder for temporary files");
    interrupt(&child);
    assert!(child.wait().expect("it ends").success());
    assert_eq!(entries(), 0);
}

#[test]
fn a_taken_port_is_named_and_nothing_is_left() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let data = folder("taken").join("data");
    let (code, said) = refused(&["--port", &port.to_string(), "--data", data.to_str().expect("UTF-8")]);
    assert_eq!(code, Some(2));
    let expected = format!("tribunal: cannot listen on 127.0.0.1:{port}: ");
    assert!(said.starts_with(&expected) && said.contains("choose another --port"), "{said}");
    assert!(!data.exists(), "nothing was made");
}

#[test]
fn a_directory_in_use_is_refused() {
    let data = folder("locked").join("data");
    let arguments = ["--port", "0", "--brokers", "1", "--data", data.to_str().expect("UTF-8")];
    let first = Served::start(&arguments);
    let (code, said) = refused(&arguments);
    assert_eq!(code, Some(2));
    assert!(said.contains("broker-1 is in use by another process"), "{said}");
    assert_eq!(first.stop().0, Some(0));
}

#[test]
fn a_directory_of_another_node_is_refused_and_stays_as_it_is() {
    let data = folder("other-node").join("data");
    let arguments = ["--port", "0", "--brokers", "1", "--data", data.to_str().expect("UTF-8")];
    assert_eq!(Served::start(&arguments).stop().0, Some(0));
    let meta = data.join("broker-1/meta.properties");
    let text = fs::read_to_string(&meta).expect("readable").replace("node.id=1", "node.id=7");
    fs::write(&meta, &text).expect("written");
    let (code, said) = refused(&arguments);
    assert_eq!(code, Some(2));
    assert!(said.contains("belongs to node 7, not to node 1"), "{said}");
    assert_eq!(fs::read_to_string(&meta).expect("readable"), text);
}

#[test]
fn every_bad_setting_is_named_at_once_with_its_place() {
    let file = folder("settings").join("server.properties");
    fs::write(&file, "# cluster\nnum.partition=4\nmin.insync.replicas=none\nnode.id=1\n").expect("written");
    let name = file.to_str().expect("UTF-8");
    let (code, said) = refused(&["--config", name, "--config", "fetch.max.bytes=1"]);
    assert_eq!(code, Some(2));
    for expected in [
        &format!("{name}:2: unknown broker setting `num.partition`\n  help: did you mean `num.partitions`?"),
        &format!("{name}:3: `min.insync.replicas` = `none`: expected a whole number"),
        &format!("{name}:4: unknown broker setting `node.id`\n  help: this is a setting of one process"),
        "--config fetch.max.bytes=1: `fetch.max.bytes` = `1`: expected a number from 1024",
    ] {
        assert!(said.contains(expected), "{expected}\nis not in\n{said}");
    }
}

#[test]
fn a_node_of_its_own_serves_from_a_file_of_kafka() {
    let folder = folder("node");
    let free = || TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    let (broker, controller) = (free().expect("a port").port(), free().expect("a port").port());
    let file = folder.join("server.properties");
    let text = format!(
        "process.roles=broker,controller\nnode.id=5\n\
         listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\ncontroller.quorum.voters=5@127.0.0.1:{controller}\n\
         log.dirs={}\n",
        folder.join("data").display()
    );
    fs::write(&file, text).expect("written");
    let name = file.to_str().expect("UTF-8");
    let node = Served::start(&["--node", "5", "--config", name]);
    assert_eq!(node.bootstrap, [Endpoint::new("127.0.0.1", broker)]);
    assert_eq!(node.stop(), (Some(0), String::new()));
    let (code, said) = refused(&["--node", "6", "--config", name]);
    assert_eq!(code, Some(2));
    assert!(said.contains(&format!("{name}:2: `node.id` is 5, and this is to be node 6")), "{said}");
}

/// Sends bytes on a connection of their own and waits until the broker closes it.
fn send_and_be_closed(to: &Endpoint, bytes: &[u8]) {
    let mut stream = TcpStream::connect((&*to.host, to.port)).expect("the broker listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    // The broker may have closed before all of it is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => assert_eq!(answer, b"", "nothing is answered"),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
}

#[test]
fn hostile_bytes_close_their_connection_with_one_line_and_harm_nobody() {
    let served = Served::start(&["--port", "0"]);
    let victim = &served.bootstrap[0];
    let frame = |body: &[u8]| [&u32::try_from(body.len()).expect("short").to_be_bytes(), body].concat();
    let hostile: Vec<Vec<u8>> = vec![
        // A frame above socket.request.max.bytes, a negative one, one too short for a header.
        0x7fff_ffff_u32.to_be_bytes().to_vec(),
        0xffff_ffff_u32.to_be_bytes().to_vec(),
        frame(&[0, 3]),
        // An unknown API, an unknown version of Metadata.
        frame(&[0x7f, 0, 0, 0, 0, 0, 0, 7, 0xff, 0xff]),
        frame(&[0, 3, 0x7f, 0, 0, 0, 0, 7, 0xff, 0xff, 0]),
        // Metadata 1 with an array of four thousand million topics.
        frame(&[0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]),
        // An HTTP client that came to the wrong port.
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
    ];
    let read = client(async |platform| {
        create(&platform, &served.bootstrap, "orders").await;
        produce(&platform, &served.bootstrap, "orders", &values("before")).await;
        for bytes in &hostile {
            send_and_be_closed(victim, bytes);
        }
        produce(&platform, &served.bootstrap, "orders", &values("after")).await;
        consume(&platform, &served.bootstrap, "orders", 40).await
    });
    assert_eq!(read, [values("before"), values("after")].concat());
    let (code, said) = served.stop();
    assert_eq!(code, Some(0));
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("broker-1: closed ")).collect();
    assert_eq!(lines.len(), hostile.len(), "{said}");
}

/// One request frame: its length, its header with the client id `curious`, its body.
fn request(key: i16, version: i16, correlation: i32, body: &[u8]) -> Vec<u8> {
    let mut frame = [&key.to_be_bytes()[..], &version.to_be_bytes(), &correlation.to_be_bytes()].concat();
    frame.extend_from_slice(&7_i16.to_be_bytes());
    frame.extend_from_slice(b"curious");
    frame.extend_from_slice(body);
    [&u32::try_from(frame.len()).expect("short").to_be_bytes()[..], &frame].concat()
}

/// Reads one answer, without its length.
fn answer(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("an answer");
    let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("short")];
    stream.read_exact(&mut answer).expect("a whole answer");
    answer
}

fn connect(to: &Endpoint) -> TcpStream {
    let stream = TcpStream::connect((&*to.host, to.port)).expect("the broker listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream
}

#[test]
fn q26_requests_in_flight_are_answered_in_their_order() {
    let served = Served::start(&["--port", "0", "--brokers", "1"]);
    client(async |platform| create_one(&platform, &served.bootstrap, "orders").await);
    // Fetch 4 of orders/0 that waits 300 ms for bytes that never come, then two requests that need no wait.
    let mut fetch = Vec::new();
    fetch.extend([-1, 300, 1, 1 << 20].iter().flat_map(|number: &i32| number.to_be_bytes()));
    fetch.push(0);
    fetch.extend([0, 0, 0, 1, 0, 6].iter().chain(b"orders").chain(&[0, 0, 0, 1, 0, 0, 0, 0]));
    fetch.extend(0_i64.to_be_bytes());
    fetch.extend((1_i32 << 20).to_be_bytes());
    let three = [request(1, 4, 1, &fetch), request(18, 0, 2, &[]), request(3, 1, 3, &[0; 4])].concat();
    let mut stream = connect(&served.bootstrap[0]);
    stream.write_all(&three).expect("sent");
    let order: Vec<u8> = (0..3).map(|_| answer(&mut stream)[3]).collect();
    assert_eq!(order, [1, 2, 3]);
    assert_eq!(served.stop().0, Some(0));
}

#[test]
fn q27_clients_are_told_an_address_and_not_a_name() {
    let served = Served::start(&["--port", "0"]);
    assert!(served.bootstrap.iter().all(|endpoint| &*endpoint.host == "127.0.0.1"), "{:?}", served.bootstrap);
    let mut stream = connect(&served.bootstrap[0]);
    // Metadata 1 of no topic.
    stream.write_all(&request(3, 1, 7, &[0; 4])).expect("sent");
    let told = answer(&mut stream);
    assert_eq!(told.windows(9).filter(|part| part == b"127.0.0.1").count(), 3, "{told:?}");
    assert_eq!(served.stop().0, Some(0));
}

#[test]
fn q28_the_line_of_a_closed_connection_names_api_version_and_client() {
    let served = Served::start(&["--port", "0", "--brokers", "1"]);
    send_and_be_closed(&served.bootstrap[0], &request(999, 4, 7, &[]));
    let (code, said) = served.stop();
    assert_eq!(code, Some(0));
    let expected = "broker-1: closed client=\"curious\" API 999 is not known (version 4)";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_cluster_keeps_the_controllers_it_began_with() {
    let data = folder("controllers").join("data");
    let data = data.to_str().expect("UTF-8");
    let start = |more: &[&str]| Served::start(&[&["--port", "0", "--data", data], more].concat()).stop();
    assert_eq!(start(&["--controllers", "1"]), (Some(0), String::new()));
    assert_eq!(start(&[]), (Some(0), String::new()));
    let (code, said) = refused(&["--port", "0", "--data", data, "--controllers", "3"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("whose first 1 brokers are controllers"), "{said}");
}

#[test]
fn a_cluster_that_lacks_controllers_is_refused() {
    let data = folder("fewer-brokers").join("data");
    let data = data.to_str().expect("UTF-8");
    assert_eq!(Served::start(&["--port", "0", "--data", data]).stop().0, Some(0));
    let (code, said) = refused(&["--port", "0", "--data", data, "--brokers", "1"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("start with --brokers 3 or more and --controllers 3"), "{said}");
}

#[test]
fn more_controllers_than_brokers_are_refused() {
    let (code, said) = refused(&["--port", "0", "--controllers", "5"]);
    assert_eq!(code, Some(2));
    let expected = "--controllers 5: controllers are brokers, too, and there are 3 of those";
    assert!(said.contains(expected), "{said}");
}
