//! How text is drawn on a terminal: colours if it is one and nobody said NO_COLOR, and its width.
//!
//! Colour never carries meaning alone: every coloured glyph has its word.

use std::io::IsTerminal;

use tribunal_reports::artifact::Outcome;

/// Width of what is no terminal.
const WIDTH_DEFAULT: usize = 100;
const WIDTH_MIN: usize = 60;

/// Colours and width of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Whether to use colours.
    pub(super) colour: bool,
    /// Columns.
    pub(super) width: usize,
    /// Whether a person looks at it.
    pub(super) terminal: bool,
}

impl Style {
    /// The style of a stream of this process.
    pub(super) fn of(stream: &impl IsTerminal) -> Style {
        let terminal = stream.is_terminal();
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = columns.unwrap_or(WIDTH_DEFAULT).max(WIDTH_MIN);
        Style { colour: terminal && !no_colour, width, terminal }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Important.
    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Beside the point.
    pub(super) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// In the colour of an outcome: blue for good, red for bad, never red against green.
    pub(super) fn outcome(self, outcome: Outcome, text: &str) -> String {
        let code = match outcome {
            Outcome::Held => "34",
            Outcome::Broken => "1;31",
            Outcome::Allowed => "33",
            Outcome::NotTested => "2",
        };
        self.paint(code, text)
    }
}

/// `text` filled up with spaces to `width` characters.
pub(super) fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}

/// `text` broken into lines of at most `width` characters, at spaces.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else if let Some(line) = lines.last_mut() {
            if last > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// `text` wrapped, with every line after the first indented by `indent` spaces.
pub(super) fn hanging(text: &str, indent: usize, width: usize) -> String {
    wrap(text, width.saturating_sub(indent).max(20)).join(&format!("\n{}", " ".repeat(indent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_keep_every_word_and_the_width() {
        let text = "one two three four five six seven";
        let lines = wrap(text, 12);
        assert!(lines.iter().all(|line| line.len() <= 12), "{lines:?}");
        assert_eq!(lines.join(" "), text);
    }
}
