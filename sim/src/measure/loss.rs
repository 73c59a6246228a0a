//! Over what time records were lost (the recovery point objective, in time).

use std::time::Duration;

use crate::history::RecordId;
use crate::run::RunOutcome;
use crate::scenario::Guarantee;

/// From the first to the last acknowledgement of a record that the final read did not find; zero if the checker found
/// no loss, `None` if it checked nothing. Partitions the final read could not read to their end are left out.
pub(super) fn window(run: &RunOutcome) -> Option<Duration> {
    let finding = run.finding(Guarantee::NoAckedRecordLost).filter(|finding| finding.checked > 0)?;
    if finding.violated == 0 {
        return Some(Duration::ZERO);
    }
    let reads = run.history.final_reads.values().flatten();
    let mut found: Vec<RecordId> = reads.filter_map(|(_, record)| *record).collect();
    found.sort_unstable();
    let missing = run.history.load_sends().filter_map(|(_, send)| {
        let (partition, _) = send.acknowledged()?;
        let unread = run.history.unread.contains(partition);
        (!unread && found.binary_search(&send.record).is_err()).then_some(send.completed?)
    });
    let (first, last) = missing.fold((None, None), |(first, last), at| {
        (Some(first.map_or(at, |known: tribunal_engine::time::Instant| known.min(at))), last.max(Some(at)))
    });
    Some(last?.since(first?))
}
