//! How far a campaign is, on stderr: a bar for a person, a line for each tenth for a log.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use crate::campaign::Progress;

/// Shows how far a campaign is.
pub(super) struct Shown {
    bar: Option<ProgressBar>,
    tenth: AtomicUsize,
    name: String,
}

impl Shown {
    /// For a campaign of `total` runs; `terminal` says whether a person looks at it.
    pub(super) fn new(name: &str, total: usize, terminal: bool) -> Shown {
        let bar = terminal.then(|| {
            let bar = ProgressBar::new(total as u64);
            let template = "  {bar:30} {pos}/{len} runs, {elapsed}, {msg}";
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.progress_chars("█▌·"));
            bar
        });
        Shown { bar, tenth: AtomicUsize::new(0), name: name.to_owned() }
    }

    /// Shows it.
    pub(super) fn show(&self, progress: Progress) {
        let message = format!(
            "{} s of virtual time, {} with a broken promise",
            progress.simulated_ns / 1_000_000_000,
            progress.broken
        );
        if let Some(bar) = &self.bar {
            bar.set_position(progress.done as u64);
            bar.set_message(message);
            return;
        }
        let tenth = progress.done * 10 / progress.total.max(1);
        if self.tenth.fetch_max(tenth, Ordering::Relaxed) < tenth {
            // Progress that nobody reads is no reason to stop.
            let _ = writeln!(
                std::io::stderr(),
                "{}: {} of {} runs, {message}",
                self.name,
                progress.done,
                progress.total
            );
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
