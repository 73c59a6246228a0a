//! Epochs: counters that fence what is old.
//!
//! Three kinds that must never be mixed: a **leader epoch** counts the leaders of one partition, a
//! **partition epoch** counts every change of its metadata (KIP-497's compare-and-set), a **broker epoch** is
//! the metadata offset of a broker's registration (KIP-631).

use std::fmt;

macro_rules! epoch {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub $inner);

        impl $name {
            /// "Unknown": -1 on the wire.
            pub const NONE: $name = $name(-1);
            /// The first epoch.
            pub const ZERO: $name = $name(0);

            /// The next epoch.
            #[must_use]
            pub fn next(self) -> Self {
                $name(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

epoch! {
    /// Counts the leaders of one partition; each batch carries the epoch it was written in (KIP-101).
    LeaderEpoch(i32)
}
epoch! {
    /// Counts the changes of one partition's metadata; AlterPartition compares and sets it (KIP-497).
    PartitionEpoch(i32)
}
epoch! {
    /// Offset of the broker's registration record: tells one boot from the next (KIP-631, KIP-903).
    BrokerEpoch(i64)
}
