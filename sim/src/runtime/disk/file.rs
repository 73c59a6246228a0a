//! One file: the bytes a reader sees and the bytes a power loss leaves.
//!
//! Both share a prefix, `synced`. Behind it the reader sees unsynced appends; the platter still has `cut`, the
//! durable bytes that a truncation took from the reader and no sync has made durable yet.

use bytes::Bytes;

use super::content::Content;

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
}

impl File {
    /// A file whose content and name are durable.
    pub(super) fn durable(content: Bytes) -> Self {
        let mut seen = Content::default();
        seen.append(content);
        File { synced: seen.length(), seen, cut: Content::default(), named: true }
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
            cut.truncate(self.synced - length);
            cut.extend(std::mem::take(&mut self.cut));
            self.cut = cut;
            self.synced = length;
        } else {
            self.seen.truncate(length);
        }
    }

    /// Makes the first `end` bytes durable (as far as they still exist), and every truncation.
    pub(super) fn sync(&mut self, end: u64) {
        self.synced = self.synced.max(end.min(self.length()));
        self.cut = Content::default();
        self.named = true;
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
}
