//! Nodes that run: started together, watched, stopped together.
//!
//! If one of them ends by itself, the others are stopped: half a cluster that nobody asked for would look like a
//! fault of the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use tracing::{error, info, warn};
use tribunal_engine::driver::real::{DataDirectory, Hear, Process, ProcessEnd, ProcessSettings, Report};
use tribunal_engine::time::Duration;

use super::members::{self, ServeError, Temporary};

/// How long processes may take to stop before they are left behind.
const STOP_MAX: Duration = Duration::from_secs(30);

/// What wakes whoever waits for the nodes.
#[derive(Debug)]
pub enum Wake {
    /// A process reported.
    Report(Report),
    /// The user wants it to end.
    Interrupted,
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Everybody stopped in order; what was written is durable.
    Clean,
    /// Somebody could not start or could not keep its data.
    Failed,
    /// Somebody panicked, or did not stop.
    Bug,
}

impl Ending {
    fn worse(self, other: Ending) -> Ending {
        let weight = |ending: Ending| match ending {
            Ending::Clean => 0,
            Ending::Failed => 1,
            Ending::Bug => 2,
        };
        if weight(self) >= weight(other) { self } else { other }
    }
}

/// Running nodes.
pub struct Running {
    processes: BTreeMap<String, Process>,
    /// The directories, each with the names of the processes that must stop in order to leave it clean.
    directories: Vec<(DataDirectory, Vec<String>)>,
    waiting: Vec<String>,
    ended: BTreeMap<String, Ending>,
    wakes: Receiver<Wake>,
    waker: Sender<Wake>,
    /// Goes last: the nodes' files are in it.
    _temporary: Temporary,
}

impl Running {
    /// Starts every process.
    ///
    /// # Errors
    /// If the system refuses a thread. What had started is stopped.
    pub fn start(open: members::Open, hear: &Hear) -> Result<Running, ServeError> {
        let (waker, wakes) = channel();
        let (members, temporary) = open.take();
        let mut running = Running {
            processes: BTreeMap::new(),
            directories: Vec::new(),
            waiting: Vec::new(),
            ended: BTreeMap::new(),
            wakes,
            waker: waker.clone(),
            _temporary: temporary,
        };
        for member in members {
            let path = member.directory.path().to_owned();
            let mut names = Vec::new();
            for process in member.processes {
                let members::Process { name, role, listener } = process;
                let waker = waker.clone();
                // Whoever does not listen any more does not want to know.
                let tell = Arc::new(move |report| drop(waker.send(Wake::Report(report))));
                let settings =
                    ProcessSettings { name: name.clone(), role, listener, directory: path.clone() };
                let started = Process::start(settings, hear.clone(), tell).map_err(ServeError::System);
                match started {
                    Ok(process) => running.processes.insert(name.clone(), process),
                    Err(error) => {
                        running.stop();
                        return Err(error);
                    }
                };
                running.waiting.push(name.clone());
                names.push(name);
            }
            running.directories.push((member.directory, names));
        }
        Ok(running)
    }

    /// For whoever else wants to wake us.
    #[must_use]
    pub fn waker(&self) -> Sender<Wake> {
        self.waker.clone()
    }

    /// Waits until every process serves; false if it is over before.
    pub fn wait_until_ready(&mut self) -> bool {
        while !self.waiting.is_empty() {
            if !self.next() {
                return false;
            }
        }
        true
    }

    /// Waits until it is over: interrupted, or a process ended by itself.
    pub fn wait(&mut self) {
        while self.next() {}
    }

    /// Stops whoever runs, and says how it all ended. Brokers before controllers: they have something to say to them.
    pub fn stop(&mut self) -> Ending {
        for name in self.processes.keys().filter(|name| !self.ended.contains_key(*name)) {
            info!("{name}: stopping");
        }
        for kind in ["broker-", "controller-"] {
            let of_kind = |name: &&String| name.starts_with(kind);
            for name in self.processes.keys().filter(of_kind) {
                self.processes[name].stop();
            }
            let count = self.processes.keys().filter(of_kind).count();
            while self.ended.keys().filter(of_kind).count() < count {
                match self.wakes.recv_timeout(STOP_MAX) {
                    Ok(wake) => drop(self.take(wake)),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                        error!("not every process stopped within {} s", STOP_MAX.as_secs());
                        return Ending::Bug;
                    }
                }
            }
        }
        for process in std::mem::take(&mut self.processes).into_values() {
            process.join();
        }
        self.leave_clean_marks();
        self.ended.values().fold(Ending::Clean, |worst, ending| worst.worse(*ending))
    }

    fn leave_clean_marks(&mut self) {
        for (directory, names) in &self.directories {
            if !names.iter().all(|name| self.ended.get(name) == Some(&Ending::Clean)) {
                continue;
            }
            if let Err(error) = directory.leave_clean_mark() {
                let path = directory.path().display();
                warn!(
                    "{path}: cannot leave the mark of a clean shutdown: {error}; the next start checks the logs"
                );
            }
        }
    }

    /// Takes what comes next; false if it is over.
    fn next(&mut self) -> bool {
        match self.wakes.recv() {
            Ok(wake) => self.take(wake),
            Err(_) => false,
        }
    }

    fn take(&mut self, wake: Wake) -> bool {
        match wake {
            Wake::Interrupted => false,
            Wake::Report(Report::Ready { name }) => {
                self.waiting.retain(|waiting| *waiting != name);
                true
            }
            Wake::Report(Report::Ended { name, end }) => {
                let ending = match end {
                    ProcessEnd::Stopped => Ending::Clean,
                    ProcessEnd::Unsynced(error) => {
                        error!("{name}: its last writes may not survive a power loss: {error}");
                        Ending::Failed
                    }
                    ProcessEnd::Failed(error) => {
                        error!("{name}: cannot start: {error}");
                        Ending::Failed
                    }
                    ProcessEnd::Panicked => {
                        error!(
                            "{name}: ended by a bug, or by a disk that failed under it; the lines above say where"
                        );
                        Ending::Bug
                    }
                };
                self.ended.insert(name, ending);
                false
            }
        }
    }
}
