//! A cluster of real processes for real clients: what `tribunal serve` runs.
//!
//! `properties` and `settings` turn files and flags into checked settings; `cluster` lays a whole cluster out in one
//! operating-system process, `node_file` one node of a larger one; both are [`Member`]s. `members` opens every
//! directory and every port before anything starts, so that a mistake changes nothing; `running` starts the
//! members, waits, and stops them.
//!
//! The engine and its shell are the simulation's; only the platform is another (`tribunal_engine::driver::real`).

mod cluster;
mod log;
mod members;
mod node_file;
mod properties;
mod running;
mod settings;

pub use cluster::{ClusterPlan, Data};
pub use log::{Level, hear, start_log};
pub use members::{Member, Open, ServeError};
pub use node_file::NodePlan;
pub use properties::{Given, Origin, Problem, ServerProperties};
pub use running::{Ending, Running, Wake};
