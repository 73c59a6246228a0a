//! Faults: when they fire, whom they hit, how they end.
//!
//! The schedule is part of the plan, the moment and the victims are found at run time: a trigger fires on the state
//! of the cluster, a target is resolved when its fault fires. Both draw from the fault's own random stream.
//!
//! | action     | begin                                | end                                   |
//! |------------|--------------------------------------|---------------------------------------|
//! | crash      | the process dies, page cache stays   | it starts again                       |
//! | power-loss | silence, unsynced bytes go           | the machine boots                     |
//! | restart    | the process is asked to stop         | it starts again, so long after it stopped |
//! | pause      | the process stands still             | it goes on                            |
//! | partition  | messages between the sides are held  | they arrive, with the retransmission  |
//! | slow-link  | messages take longer                 | they do not                           |
//! | add        | a new broker starts                  | nothing: it stays                     |
//! | reassign, move-leader | the operator asks the controller | the controller has done it     |
//! | disk-...   | operations fail, lie or wait         | they do not; brokers whose logs went offline start again |

mod facts;
mod schedule;
mod target;

pub use facts::RunningFacts;
pub use schedule::Schedule;
