//! One file: the bytes a reader sees and the bytes a power loss leaves.
//!
//! Both share a prefix, `synced`. Behind it the reader sees unsynced appends; the platter still has `cut`, the
//! durable bytes that a truncation took from the reader and no sync has made durable yet.
//!
//! A sync that failed leaves `gone` behind: bytes below `synced` that the page cache calls clean and the platter does
//! not have. They stay readable; a power loss takes them. A page that is written again goes to the platter whole, so
//! the next sync that has something to write to it mends it.

use std::ops::Range;

use bytes::Bytes;

use super::content::Content;

/// What the kernel writes at a time.
pub(super) const PAGE: u64 = 4096;

/// A file of a simulated disk.
#[derive(Debug, Default)]
pub(super) struct File {
    /// What a reader sees.
    pub(super) seen: Content,
    /// How many bytes of it, from the start, are durable.
    pub(super) synced: u64,
    /// Durable bytes behind `synced` that a reader no longer sees.
    pub(super) cut: Content,
    /// Whether the name itself survives a power loss.
    pub(super) named: bool,
    /// Bytes below `synced` that never reached the platter; ascending, apart from each other.
    gone: Vec<Range<u64>>,
}

impl File {
    /// A file whose content and name are durable.
    pub(super) fn durable(content: Bytes) -> Self {
        let mut seen = Content::default();
        seen.append(content);
        File { synced: seen.length(), seen, cut: Content::default(), named: true, gone: Vec::new() }
    }

    pub(super) fn length(&self) -> u64 {
        self.seen.length()
    }

    pub(super) fn synced(&self) -> u64 {
        self.synced
    }

    /// Bytes a sync would have to write.
    pub(super) fn unsynced(&self) -> u64 {
        self.length() - self.synced
    }

    pub(super) fn append(&mut self, part: Bytes) {
        self.seen.append(part);
    }

    pub(super) fn read(&mut self, position: u64, length: u64) -> Bytes {
        self.seen.read(position, length)
    }

    pub(super) fn truncate(&mut self, length: u64) {
        if length < self.synced {
            let mut cut = self.seen.split_off(length);
            let older = std::mem::take(&mut self.cut);
            match self.gone.iter().find(|gone| gone.end > length) {
                // The platter ends where the first lost page began.
                Some(gone) => cut.truncate(gone.start.saturating_sub(length)),
                None => {
                    cut.truncate(self.synced - length);
                    cut.extend(older);
                }
            }
            self.cut = cut;
            self.synced = length;
            self.keep_gone(0, length);
        } else {
            self.seen.truncate(length);
        }
    }

    /// Makes the first `end` bytes durable (as far as they still exist), and every truncation.
    pub(super) fn sync(&mut self, end: u64) {
        let end = end.min(self.length());
        if end > self.synced {
            // The pages of the new bytes are written whole, with what an earlier sync had failed to write.
            self.keep_gone(0, self.synced / PAGE * PAGE);
            self.synced = end;
        }
        self.cut = Content::default();
        self.named = true;
    }

    /// A sync of the first `end` bytes failed: they count as clean from now on and are not on the platter. What
    /// waits behind a truncation that is not durable either goes on waiting with it.
    pub(super) fn sync_failed(&mut self, end: u64) {
        let end = end.min(self.length());
        if end > self.synced && self.cut.length() == 0 {
            self.gone.push(self.synced..end);
            self.synced = end;
        }
    }

    /// New content that a reader sees and the platter has not: a power loss may bring back what was durable before.
    pub(super) fn replaced(self, content: Bytes) -> Self {
        let mut old = self;
        old.truncate(0);
        old.append(content);
        old
    }

    /// What a power loss leaves of the bytes that a failed sync did not write: zeros, or the end of the file if
    /// nothing durable is behind them.
    pub(super) fn lose_gone(&mut self) {
        while let Some(gone) = self.gone.pop() {
            if gone.end >= self.length() {
                self.seen.truncate(gone.start);
                self.synced = self.synced.min(gone.start);
            } else {
                self.seen.zero(gone.start, gone.end - gone.start);
            }
        }
    }

    /// Forgets lost bytes outside `from..to`.
    fn keep_gone(&mut self, from: u64, to: u64) {
        for gone in &mut self.gone {
            gone.start = gone.start.max(from);
            gone.end = gone.end.min(to);
        }
        self.gone.retain(|gone| gone.start < gone.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncation_keeps_the_durable_end_until_a_sync() {
        let mut file = File::durable(Bytes::from_static(b"0123456789"));
        file.append(Bytes::from_static(b"unsynced"));
        file.truncate(6);
        file.truncate(4);
        file.append(Bytes::from_static(b"ab"));
        assert_eq!(file.read(0, 100), Bytes::from_static(b"0123ab"));
        assert_eq!(file.cut.read(0, 100), Bytes::from_static(b"456789"));
        assert_eq!(file.unsynced(), 2);
        file.sync(6);
        assert_eq!((file.unsynced(), file.cut.length()), (0, 0));
    }

    #[test]
    fn a_failed_sync_makes_pages_clean_that_the_platter_never_gets() {
        let mut file = File::durable(Bytes::from_static(b"durable"));
        file.append(Bytes::from_static(b"lost"));
        file.sync_failed(11);
        assert_eq!((file.unsynced(), file.read(0, 100)), (0, Bytes::from_static(b"durablelost")));
        file.sync(11);
        file.lose_gone();
        assert_eq!(file.read(0, 100), Bytes::from_static(b"durable"));
    }

    #[test]
    fn a_lost_page_reads_as_zeros_before_what_a_later_sync_wrote() {
        let mut file = File::default();
        let page = usize::try_from(PAGE).expect("a small number");
        file.append(Bytes::from(vec![1; page]));
        file.sync_failed(PAGE);
        file.append(Bytes::from_static(b"later"));
        file.sync(PAGE + 5);
        file.lose_gone();
        assert_eq!(file.read(0, PAGE), Bytes::from(vec![0; page]));
        assert_eq!(file.read(PAGE, 9), Bytes::from_static(b"later"));
    }

    #[test]
    fn a_page_that_is_written_again_is_written_whole() {
        let mut file = File::default();
        file.append(Bytes::from_static(b"first"));
        file.sync_failed(5);
        file.append(Bytes::from_static(b"second"));
        file.sync(11);
        file.lose_gone();
        assert_eq!(file.read(0, 100), Bytes::from_static(b"firstsecond"));
    }

    #[test]
    fn a_truncation_into_lost_pages_leaves_nothing_of_them_to_come_back() {
        let mut file = File::durable(Bytes::from_static(b"0123456789"));
        file.append(Bytes::from_static(b"lost"));
        file.sync_failed(14);
        file.truncate(4);
        assert_eq!(file.cut.read(0, 100), Bytes::from_static(b"456789"));
        file.sync(4);
        file.lose_gone();
        assert_eq!(file.read(0, 100), Bytes::from_static(b"0123"));
    }
}
