//! Java's properties format, as Kafka's configuration files have it.
//!
//! Comments start with `#` or `!`; `=`, `:` or blanks part a name from its value; a backslash at the end of a line
//! goes on in the next one. Of the escapes only `\\` and escaped blanks, `=`, `:`, `#`, `!` are read: no setting needs
//! more, and another one is a problem rather than a guess.

use std::ops::Range;

/// A setting of a text, or what is wrong with its line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    /// The line it starts at, from 1.
    pub(crate) number: usize,
    /// The bytes of that line.
    pub(crate) at: Range<usize>,
    /// Name and value.
    pub(crate) setting: Result<(String, String), String>,
}

/// Every setting of a text, in its order.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    logical_lines(text)
        .into_iter()
        .map(|(number, at, logical)| Line { number, at, setting: split(&logical) })
        .collect()
}

/// Lines with their continuations joined, without comments and empty ones; each with the number it starts at.
fn logical_lines(text: &str) -> Vec<(usize, Range<usize>, String)> {
    let mut lines: Vec<(usize, Range<usize>, String)> = Vec::new();
    let mut continued = false;
    let mut end = 0;
    for (index, physical) in text.split_inclusive('\n').enumerate() {
        end += physical.len();
        let line = physical.trim_end_matches(['\n', '\r']).trim_start();
        if !continued && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        let backslashes = line.chars().rev().take_while(|c| *c == '\\').count();
        let goes_on = backslashes % 2 == 1;
        let part = if goes_on { &line[..line.len() - 1] } else { line };
        match lines.last_mut() {
            Some((.., logical)) if continued => logical.push_str(part),
            _ => {
                let start = end - physical.len() + physical.find(line).unwrap_or(0);
                lines.push((index + 1, start..start + line.len(), part.to_owned()));
            }
        }
        continued = goes_on;
    }
    lines
}

/// Key and value of a logical line.
fn split(line: &str) -> Result<(String, String), String> {
    let (mut key, mut rest) = (String::new(), "");
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if !escaped && (c == '=' || c == ':' || c.is_whitespace()) {
            rest = line[at..].trim_start();
            rest = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim();
            break;
        }
        escaped = c == '\\' && !escaped;
        key.push(c);
    }
    let key = unescape(&key)?;
    if key.is_empty() {
        return Err("a value without a name".to_owned());
    }
    Ok((key, unescape(rest)?))
}

fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some(c @ ('\\' | ' ' | '=' | ':' | '#' | '!')) => plain.push(c),
            Some(other) => {
                return Err(format!("`\\{other}` is not understood; write `\\\\` for one backslash"));
            }
            None => {}
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_knows_its_line_and_its_bytes() {
        let text = "# comment\r\n\r\n  linger.ms = 5\r\nacks=\\\n  all\n";
        let lines = lines(text);
        let found: Vec<(usize, &str)> =
            lines.iter().map(|line| (line.number, &text[line.at.clone()])).collect();
        assert_eq!(found, [(3, "linger.ms = 5"), (4, "acks=\\")]);
        assert_eq!(lines[1].setting, Ok(("acks".to_owned(), "all".to_owned())));
    }
}
