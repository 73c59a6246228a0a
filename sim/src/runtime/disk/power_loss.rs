//! What a power loss leaves of a file.
//!
//! | model          | unsynced appends                                   | unsynced truncation | name never synced |
//! |----------------|----------------------------------------------------|---------------------|-------------------|
//! | `KeepAll`      | kept                                               | kept                | kept              |
//! | `LoseUnsynced` | lost                                               | undone              | gone              |
//! | `TornTail`     | a prefix is kept, cut at any byte                  | either              | either            |
//! | `LosePages`    | each 4 KiB page kept or lost; a hole reads as zero | either              | either            |
//!
//! An undone truncation brings the old end back, and then nothing of the appends after it is left. Synced bytes
//! are always kept, unless the sync failed or lied: bytes that a failed sync left behind read as zeros, or the file
//! ends before them.

use bytes::{Bytes, BytesMut};
use tribunal_engine::rng::Rng;

use super::content::Content;
use super::file::{File, PAGE};

/// How a machine that loses power treats unsynced bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PowerLoss {
    /// Nothing is lost: the page cache happened to be written back.
    KeepAll,
    /// Everything unsynced is lost.
    LoseUnsynced,
    /// Of each file's unsynced bytes a prefix is kept, cut anywhere.
    TornTail,
    /// Of each file's unsynced 4 KiB pages a random subset is kept; what is missing before a kept page reads as
    /// zeros.
    LosePages,
}

/// Applies a power loss to `file`; false if it is gone.
pub(super) fn strike(file: &mut File, model: PowerLoss, rng: &mut Rng) -> bool {
    let mut either = |keep_all: bool| match model {
        PowerLoss::KeepAll => keep_all,
        PowerLoss::LoseUnsynced => !keep_all,
        PowerLoss::TornTail | PowerLoss::LosePages => rng.chance(0.5),
    };
    if !file.named && !either(true) {
        return false;
    }
    if file.cut.length() > 0 && either(false) {
        file.seen.truncate(file.synced);
        file.seen.extend(std::mem::take(&mut file.cut));
    } else {
        lose_appends(file, model, rng);
    }
    file.lose_gone();
    file.sync(file.length());
    true
}

fn lose_appends(file: &mut File, model: PowerLoss, rng: &mut Rng) {
    let unsynced = file.unsynced();
    if unsynced == 0 {
        return;
    }
    match model {
        PowerLoss::KeepAll => {}
        PowerLoss::LoseUnsynced => file.seen.truncate(file.synced),
        PowerLoss::TornTail => file.seen.truncate(file.synced + rng.between(0, unsynced)),
        PowerLoss::LosePages => {
            let start = file.synced;
            let mut written = file.seen.split_off(start);
            file.seen.extend(lose_pages(start, &mut written, rng));
        }
    }
}

/// Zeroes or cuts random pages of `written`, which begins at `start` of its file.
fn lose_pages(start: u64, written: &mut Content, rng: &mut Rng) -> Content {
    let length = written.length();
    let mut left = Content::default();
    let mut position = 0;
    while position < length {
        let page_end = ((start + position) / PAGE + 1) * PAGE - start;
        let end = page_end.min(length);
        if rng.chance(0.5) {
            let hole = usize::try_from(position - left.length()).expect("a file lies in memory");
            left.append(Bytes::from(BytesMut::zeroed(hole)));
            left.append(written.read(position, end - position));
        }
        position = end;
    }
    left
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    fn written(synced: usize, unsynced: usize) -> File {
        let mut file = File::durable(Bytes::from(vec![1; synced]));
        file.append(Bytes::from(vec![2; unsynced]));
        file
    }

    fn after(mut file: File, model: PowerLoss, seed: u64) -> Option<Bytes> {
        strike(&mut file, model, &mut Rng::from_seed(seed)).then(|| file.read(0, u64::MAX))
    }

    #[test]
    fn keep_all_keeps_all() {
        let mut file = File::default();
        file.append(Bytes::from_static(b"never synced"));
        assert_eq!(after(file, PowerLoss::KeepAll, 1), Some(Bytes::from_static(b"never synced")));
    }

    #[test]
    fn lose_unsynced_leaves_the_synced_prefix_and_no_unsynced_name() {
        assert_eq!(after(written(5, 9), PowerLoss::LoseUnsynced, 1), Some(Bytes::from(vec![1; 5])));
        let mut file = File::default();
        file.append(Bytes::from_static(b"never synced"));
        assert_eq!(after(file, PowerLoss::LoseUnsynced, 1), None);
    }

    #[test]
    fn lose_unsynced_undoes_a_truncation() {
        let mut file = written(8, 0);
        file.truncate(3);
        file.append(Bytes::from_static(b"new"));
        assert_eq!(after(file, PowerLoss::LoseUnsynced, 1), Some(Bytes::from(vec![1; 8])));
    }

    #[test]
    fn lost_pages_leave_holes_and_the_synced_bytes() {
        let holes = (0..20).filter_map(|seed| after(written(5000, 20_000), PowerLoss::LosePages, seed));
        let holes: Vec<Bytes> = holes.filter(|left| left.contains(&0)).collect();
        assert!(!holes.is_empty());
        assert!(holes.iter().all(|left| left[..5000].iter().all(|byte| *byte == 1)));
    }

    proptest! {
        #[test]
        fn synced_bytes_survive_every_model_and_a_torn_tail_is_a_prefix(
            synced in 0usize..9000, unsynced in 0usize..9000, seed in any::<u64>(),
        ) {
            for model in [PowerLoss::KeepAll, PowerLoss::LoseUnsynced, PowerLoss::TornTail, PowerLoss::LosePages] {
                let left = after(written(synced, unsynced), model, seed).expect("its name is durable");
                prop_assert!(left.len() >= synced && left.len() <= synced + unsynced);
                prop_assert!(left[..synced].iter().all(|byte| *byte == 1));
                if model == PowerLoss::TornTail {
                    prop_assert!(left[synced..].iter().all(|byte| *byte == 2));
                }
            }
        }
    }
}
