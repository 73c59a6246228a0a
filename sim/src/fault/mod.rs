//! Faults: when they fire, whom they hit, how they end.
//!
//! The schedule is part of the plan, the moment and the victims are found at run time: a trigger fires on the state
//! of the cluster, a target is resolved when its fault fires. Both draw from the fault's own random stream.
//!
//! A fault may fire many times, and a time may begin while an earlier one is under way: a machine that several keep
//! down or stopped comes back with the last of them. When load ends everything that is under way ends: who is down is
//! started, who stands still goes on, slow members work as planned; who was added stays, who was removed stays away.
//!
//! | action     | begin                                | end                                   |
//! |------------|--------------------------------------|---------------------------------------|
//! | crash      | the process dies, page cache stays   | it starts again                       |
//! | power-loss | silence, unsynced bytes go           | the machine boots                     |
//! | restart    | the process is asked to stop (a member leaves its group, unless it is static) | it starts again, so long after it stopped |
//! | pause      | the process stands still             | it goes on                            |
//! | partition  | messages between the sides are held  | they arrive, with the retransmission  |
//! | slow-link  | messages take longer                 | they do not                           |
//! | add        | a new broker or member starts        | nothing: it stays                     |
//! | remove     | a member is asked to leave its group | its process has ended; it stays away  |
//! | slow-work  | a member takes longer for a record   | it does not                           |
//! | reassign, move-leader | the operator asks the controller | the controller has done it     |
//! | disk-...   | operations fail, lie or wait         | they do not; brokers whose logs went offline start again |

mod facts;
mod firing;
mod holds;
mod schedule;
mod target;

pub use facts::RunningFacts;
pub use schedule::Schedule;

#[cfg(test)]
mod tests;
