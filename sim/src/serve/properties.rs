//! The settings of `server.properties` and of the command line, and where each came from.

use std::collections::BTreeMap;
use std::fmt;

use crate::properties::lines;

/// Where a setting was given.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Origin {
    /// In a file.
    File {
        /// Its name, as it was given.
        name: String,
        /// The line, from 1.
        line: usize,
    },
    /// On the command line.
    Flag(String),
    /// By a profile of ours.
    Profile(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { name, line } => write!(formatter, "{name}:{line}"),
            Origin::Flag(flag) => formatter.write_str(flag),
            Origin::Profile(profile) => formatter.write_str(profile),
        }
    }
}

/// Something wrong with a setting.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Problem {
    /// Where it was given.
    pub origin: Origin,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Problem {
    pub(crate) fn new(origin: &Origin, message: impl Into<String>) -> Problem {
        Problem { origin: origin.clone(), message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.origin, self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(formatter, "\n  help: {help}"))
    }
}

/// A value and where it came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// As text.
    pub value: String,
    /// Where from.
    pub origin: Origin,
}

/// Settings by name. A later one replaces an earlier one, as in Kafka.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServerProperties(BTreeMap<String, Given>);

impl ServerProperties {
    /// Adds the settings of a file.
    ///
    /// # Errors
    /// Every line that is not understood; the others are added.
    pub fn add_file(&mut self, name: &str, text: &str) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        for line in lines(text) {
            let origin = Origin::File { name: name.to_owned(), line: line.number };
            match line.setting {
                Ok((key, value)) => {
                    self.0.insert(key, Given { value, origin });
                }
                Err(message) => problems.push(Problem::new(&origin, message)),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Adds `key=value` from the command line.
    ///
    /// # Errors
    /// If there is no `=` or no key.
    pub fn add_flag(&mut self, text: &str) -> Result<(), Problem> {
        let origin = Origin::Flag(format!("--config {text}"));
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                self.0.insert(key.trim().to_owned(), Given { value: value.trim().to_owned(), origin });
                Ok(())
            }
            _ => Err(Problem::new(&origin, "expected key=value")),
        }
    }

    /// Adds a setting of a profile, unless it was given.
    pub fn add_default(&mut self, profile: &'static str, key: &str, value: &str) {
        let given = || Given { value: value.to_owned(), origin: Origin::Profile(profile) };
        self.0.entry(key.to_owned()).or_insert_with(given);
    }

    /// Takes a setting out.
    pub fn take(&mut self, key: &str) -> Option<Given> {
        self.0.remove(key)
    }

    /// Every setting, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Given)> {
        self.0.iter().map(|(key, given)| (key.as_str(), given))
    }

    /// One setting.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Given> {
        self.0.get(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, usize)> {
        let mut properties = ServerProperties::default();
        properties.add_file("f", text).expect("understood");
        let line = |origin: &Origin| match origin {
            Origin::File { line, .. } => *line,
            other => panic!("not from a file: {other}"),
        };
        properties
            .iter()
            .map(|(key, given)| (key.to_owned(), given.value.clone(), line(&given.origin)))
            .collect()
    }

    fn one(key: &str, value: &str, line: usize) -> Vec<(String, String, usize)> {
        vec![(key.to_owned(), value.to_owned(), line)]
    }

    #[test]
    fn every_separator_of_java_parts_a_name_from_its_value() {
        for text in ["a=b", "a: b", "a b", "  a =  b  ", "a = b\r\n"] {
            assert_eq!(read(text), one("a", "b", 1), "{text:?}");
        }
    }

    #[test]
    fn comments_and_empty_lines_count_as_lines_only() {
        assert_eq!(read("# one\n\n! two\na=b # no comment"), one("a", "b # no comment", 4));
    }

    #[test]
    fn a_line_that_ends_with_a_backslash_goes_on() {
        assert_eq!(read("a=b,\\\n   c,\\\n   d\n"), one("a", "b,c,d", 1));
        assert_eq!(read("a=b\\\\\n"), one("a", "b\\", 1));
    }

    #[test]
    fn the_last_of_two_settings_of_one_name_counts() {
        assert_eq!(read("a=1\na=2\n"), one("a", "2", 2));
    }

    #[test]
    fn what_is_not_understood_is_a_problem_with_its_line() {
        let mut properties = ServerProperties::default();
        let problems = properties.add_file("f", "a=1\n=2\nb=\\u0041\n").expect_err("two problems");
        let lines: Vec<String> = problems.iter().map(|problem| problem.origin.to_string()).collect();
        assert_eq!(lines, ["f:2", "f:3"]);
        assert!(properties.get("a").is_some());
    }
}
