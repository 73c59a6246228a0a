//! A platform for tests: one thread, a clock that jumps to the next timer, sockets that are pipes in memory.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
#[expect(clippy::disallowed_types, reason = "wakers must be `Send`")]
use std::sync::Mutex;
use std::task::{Context, Poll, Wake, Waker};

use tokio::io::DuplexStream;

use crate::driver::{Clock, Network, Platform, Spawner};
use crate::id::Endpoint;
use crate::storage::{Disk, DiskError, DiskOp, DiskOutcome};
use crate::time::{Duration, Instant, Now, Timestamp};

/// Bytes a pipe holds before its writer waits.
const PIPE_BYTES: usize = 1 << 20;

type Task = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
struct World {
    now: u64,
    timers: BTreeMap<(Instant, u64), Waker>,
    timer_next: u64,
    new_tasks: Vec<Task>,
    listeners: BTreeMap<Endpoint, Backlog>,
}

#[derive(Default)]
struct Backlog {
    streams: VecDeque<DuplexStream>,
    acceptor: Option<Waker>,
}

/// The platform: its own network, disk, clock and spawner.
#[derive(Clone, Default)]
pub(in crate::client) struct TestPlatform {
    world: Rc<RefCell<World>>,
}

struct ReadyQueue {
    #[expect(clippy::disallowed_types, reason = "wakers must be `Send`")]
    ready: Mutex<VecDeque<usize>>,
}

impl ReadyQueue {
    fn with<T>(&self, work: impl FnOnce(&mut VecDeque<usize>) -> T) -> T {
        work(&mut self.ready.lock().expect("one thread"))
    }
}

struct TaskWaker {
    task: usize,
    queue: Arc<ReadyQueue>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.queue.with(|ready| {
            if !ready.contains(&self.task) {
                ready.push_back(self.task);
            }
        });
    }
}

impl TestPlatform {
    /// Runs `main` and everything it spawns until `main` ends. Panics when nothing can happen any more, or after an
    /// hour on the clock.
    #[expect(clippy::disallowed_types, reason = "wakers must be `Send`")]
    pub(in crate::client) fn run<T: 'static>(&self, main: impl Future<Output = T> + 'static) -> T {
        let result = Rc::new(RefCell::new(None));
        let slot = result.clone();
        let mut tasks: Vec<Option<Task>> = Vec::new();
        let queue = Arc::new(ReadyQueue { ready: Mutex::new(VecDeque::new()) });
        self.spawn("main", async move {
            let ended = main.await;
            *slot.borrow_mut() = Some(ended);
        });
        loop {
            let new_tasks = std::mem::take(&mut self.world.borrow_mut().new_tasks);
            for task in new_tasks {
                queue.with(|ready| ready.push_back(tasks.len()));
                tasks.push(Some(task));
            }
            let Some(index) = queue.with(VecDeque::pop_front) else {
                assert!(self.jump(), "nothing can happen any more");
                continue;
            };
            let waker = Waker::from(Arc::new(TaskWaker { task: index, queue: queue.clone() }));
            if let Some(task) = &mut tasks[index]
                && task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
            {
                tasks[index] = None;
            }
            if let Some(ended) = result.borrow_mut().take() {
                return ended;
            }
        }
    }

    /// Moves the clock to the next timer. False if there is none.
    fn jump(&self) -> bool {
        let world = &mut *self.world.borrow_mut();
        let Some(((deadline, _), waker)) = world.timers.pop_first() else { return false };
        world.now = world.now.max(deadline.as_nanos());
        assert!(world.now < 3_600_000_000_000, "an hour has passed");
        waker.wake();
        true
    }
}

struct Sleep {
    platform: TestPlatform,
    deadline: Instant,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let platform = self.platform.clone();
        let world = &mut *platform.world.borrow_mut();
        if world.now >= self.deadline.as_nanos() {
            return Poll::Ready(());
        }
        let timer = *self.timer.get_or_insert_with(|| {
            world.timer_next += 1;
            world.timer_next
        });
        world.timers.insert((self.deadline, timer), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.platform.world.borrow_mut().timers.remove(&(self.deadline, timer));
        }
    }
}

impl Clock for TestPlatform {
    fn now(&self) -> Now {
        let nanos = self.world.borrow().now;
        let millis = i64::try_from(nanos / 1_000_000).expect("less than an hour");
        Now { mono: Instant::from_nanos(nanos), wall: Timestamp(1_700_000_000_000 + millis) }
    }

    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + 'static {
        Sleep { platform: self.clone(), deadline, timer: None }
    }

    async fn work(&self, _bytes: usize) {}
}

impl Spawner for TestPlatform {
    fn spawn(&self, _name: &'static str, task: impl Future<Output = ()> + 'static) {
        self.world.borrow_mut().new_tasks.push(Box::pin(task));
    }
}

impl Network for TestPlatform {
    type Listener = Endpoint;
    type Stream = DuplexStream;

    async fn bind(&self, endpoint: &Endpoint) -> io::Result<Endpoint> {
        self.world.borrow_mut().listeners.insert(endpoint.clone(), Backlog::default());
        Ok(endpoint.clone())
    }

    async fn accept(&self, listener: &Endpoint) -> io::Result<DuplexStream> {
        poll_fn(|context| {
            let world = &mut *self.world.borrow_mut();
            let Some(backlog) = world.listeners.get_mut(listener) else {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            };
            match backlog.streams.pop_front() {
                Some(stream) => Poll::Ready(Ok(stream)),
                None => {
                    backlog.acceptor = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    async fn connect(&self, endpoint: &Endpoint) -> io::Result<DuplexStream> {
        let world = &mut *self.world.borrow_mut();
        let Some(backlog) = world.listeners.get_mut(endpoint) else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        backlog.streams.push_back(theirs);
        if let Some(acceptor) = backlog.acceptor.take() {
            acceptor.wake();
        }
        Ok(ours)
    }
}

impl Disk for TestPlatform {
    async fn execute(&self, _op: DiskOp) -> DiskOutcome {
        Err(DiskError::Io)
    }

    async fn list(&self, _directory: &str) -> Result<Vec<(String, u64)>, DiskError> {
        Ok(Vec::new())
    }

    async fn directories(&self) -> Result<Vec<String>, DiskError> {
        Ok(Vec::new())
    }
}

impl Platform for TestPlatform {
    type Network = TestPlatform;
    type Disk = TestPlatform;
    type Clock = TestPlatform;
    type Spawner = TestPlatform;

    fn network(&self) -> &TestPlatform {
        self
    }

    fn disk(&self) -> &TestPlatform {
        self
    }

    fn clock(&self) -> &TestPlatform {
        self
    }

    fn spawner(&self) -> &TestPlatform {
        self
    }
}

/// True if `future` is not ready after `wait` on the clock.
pub(in crate::client) async fn is_pending_after<T>(
    platform: &TestPlatform,
    wait: Duration,
    future: &mut (impl Future<Output = T> + Unpin),
) -> bool {
    platform.sleep(wait).await;
    let mut future = pin!(future);
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}
