//! A scenario of several files as one text.
//!
//! A file may `include` others and name `properties-file`s. All of them together are one text: the scenario itself, then
//! each other file behind a line `#:file NAME`, its name relative to the scenario's folder. Places in that text are
//! places in files, so everything that points at text (problems, settings, the report) works for every file, and the
//! text alone reproduces a run: [`Bundle::read`] finds the files of a text that carries them, without a disk.

use std::collections::BTreeMap;
use std::ops::Range;

use super::FILE_MAX;
use super::diagnostic::Sink;
use super::tree::{self, Kind, Node, Table};

/// What a line starts with that another file follows.
const MARK: &str = "#:file ";
/// Most files of one scenario.
const FILES_MAX: usize = 64;

/// The tables whose objects may have a `properties-file`.
const WITH_PROPERTIES: &[&str] = &["cluster", "topic", "producer", "consumer", "matrix"];

/// Where a file stands in the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct File {
    /// Relative to the scenario's folder; empty for the scenario itself.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) at: Range<usize>,
}

/// Every file of a scenario.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Bundle {
    /// The files one after the other, the scenario first.
    pub(crate) text: String,
    files: Vec<File>,
    /// Why files that are named are not here.
    missing: BTreeMap<String, String>,
}

/// The files that a text carries.
pub(crate) fn files(text: &str) -> Vec<File> {
    let mut files = vec![File { name: String::new(), at: 0..text.len() }];
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        if let (Some(name), Some(last)) = (line.strip_prefix(MARK), files.last_mut()) {
            last.at.end = start;
            files.push(File { name: name.trim().to_owned(), at: end..text.len() });
        }
        start = end;
    }
    files
}

/// The file that line `line` (from 1) of a text stands in, empty for the scenario itself, and the line there.
#[must_use]
pub fn place(text: &str, line: usize) -> (&str, usize) {
    let (mut file, mut first) = ("", 0);
    for (index, content) in text.lines().enumerate().take(line) {
        if let Some(name) = content.strip_prefix(MARK) {
            (file, first) = (name.trim(), index + 1);
        }
    }
    (file, line - first.min(line - 1))
}

impl Bundle {
    /// The text of a scenario with every file it names: those it carries, and what `read` finds under a name.
    pub(crate) fn read(text: &str, read: &dyn Fn(&str) -> Result<String, String>) -> Bundle {
        let mut bundle = Bundle { text: text.to_owned(), files: files(text), missing: BTreeMap::new() };
        let mut next = 0;
        while let Some(file) = bundle.files.get(next).cloned() {
            next += 1;
            for name in bundle.named_by(&file) {
                if bundle.file(&name).is_none() && !bundle.missing.contains_key(&name) {
                    bundle.add(name, read);
                }
            }
        }
        bundle
    }

    fn add(&mut self, name: String, read: &dyn Fn(&str) -> Result<String, String>) {
        let found = if self.files.len() >= FILES_MAX {
            Err(format!("a scenario has at most {FILES_MAX} files"))
        } else {
            read(&name)
        };
        let found = found.and_then(|content| {
            if content.lines().any(|line| line.starts_with(MARK)) {
                return Err(format!("it has a line that starts with `{}`", MARK.trim()));
            }
            if self.text.len() + content.len() > FILE_MAX {
                return Err("the files of a scenario together are at most 256 KiB".to_owned());
            }
            Ok(content)
        });
        match found {
            Ok(content) => {
                if !self.text.ends_with('\n') {
                    self.text.push('\n');
                }
                self.text.push_str(MARK);
                self.text.push_str(&name);
                self.text.push('\n');
                self.text.push_str(&content);
                self.files = files(&self.text);
            }
            Err(why) => drop(self.missing.insert(name, why)),
        }
    }

    /// The file of that name.
    pub(crate) fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }

    /// The scenario itself.
    pub(crate) fn main(&self) -> &File {
        &self.files[0]
    }

    /// Why there is no file of that name.
    pub(crate) fn why_missing(&self, name: &str) -> &str {
        self.missing.get(name).map_or("it is not there", String::as_str)
    }

    /// The name of the file that `written` at `place` of the text means.
    ///
    /// # Errors
    /// Why it can mean none.
    pub(crate) fn resolve(&self, place: usize, written: &str) -> Result<String, &'static str> {
        let here = self.files.iter().find(|file| file.at.contains(&place));
        resolved(here.map_or("", |file| file.name.as_str()), written)
    }

    /// The tree of a file; its places are those in the whole text.
    pub(crate) fn tree(&self, file: &File, sink: &mut Sink<'_>) -> Table {
        let content = self.text.get(file.at.clone()).unwrap_or_default();
        if file.at.start == 0 {
            return tree::parse(content, sink);
        }
        tree::parse(&[&" ".repeat(file.at.start), content].concat(), sink)
    }

    /// Names of the files that a file names.
    fn named_by(&self, file: &File) -> Vec<String> {
        if !is_scenario(&file.name) {
            return Vec::new();
        }
        let mut scratch = Sink::new(&self.text);
        let table = self.tree(file, &mut scratch);
        let mut written: Vec<&str> = Vec::new();
        if let Some(includes) = table.get("include") {
            written.extend(includes.node.array().into_iter().flatten().filter_map(Node::text));
        }
        for key in WITH_PROPERTIES {
            table.get(key).into_iter().for_each(|entry| properties_files(&entry.node, &mut written));
        }
        written.into_iter().filter_map(|written| resolved(&file.name, written).ok()).collect()
    }
}

/// Whether a file is TOML, and not properties.
fn is_scenario(name: &str) -> bool {
    name.is_empty() || name.ends_with(".toml")
}

fn properties_files<'n>(node: &'n Node, found: &mut Vec<&'n str>) {
    let Kind::Table(table) = &node.kind else { return };
    for entry in &table.entries {
        match entry.node.text() {
            Some(name) if entry.key == "properties-file" => found.push(name),
            _ => properties_files(&entry.node, found),
        }
    }
}

/// `written` in the file `from`, relative to the scenario's folder.
fn resolved(from: &str, written: &str) -> Result<String, &'static str> {
    if written.is_empty() {
        return Err("a file has a name");
    }
    if written.starts_with('/') || written.contains('\\') || written.contains(':') {
        return Err("files are named relative to the file that names them, with `/`");
    }
    if written.chars().any(char::is_control) {
        return Err("no file of a scenario has such a name");
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(written.split('/')).filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." && parts.last().is_some_and(|last| *last != "..") {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    if parts.is_empty() { Err("a file has a name") } else { Ok(parts.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(name: &str) -> Result<String, String> {
        match name {
            "lib/a.toml" => Ok("include = [\"b.toml\"]\n[cluster]\nbrokers = 3".to_owned()),
            "lib/b.toml" => Ok("[cluster]\nproperties-file = \"../prod/s.properties\"\n".to_owned()),
            "prod/s.properties" => Ok("a=b\n".to_owned()),
            _ => Err("there is none".to_owned()),
        }
    }

    #[test]
    fn a_text_that_carries_its_files_needs_no_disk() {
        let bundle = Bundle::read("include = [\"lib/a.toml\"]\n", &disk);
        let names: Vec<&str> = bundle.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["", "lib/a.toml", "lib/b.toml", "prod/s.properties"]);
        assert_eq!(Bundle::read(&bundle.text, &|_| Err("no disk".to_owned())), bundle);
    }

    #[test]
    fn a_line_of_the_text_is_a_line_of_a_file() {
        let text = Bundle::read("include = [\"lib/a.toml\"]\n", &disk).text;
        let line = text.lines().position(|line| line == "brokers = 3").expect("the line") + 1;
        assert_eq!(place(&text, line), ("lib/a.toml", 3));
        assert_eq!(place(&text, 1), ("", 1));
    }

    #[test]
    fn names_are_relative_to_the_file_that_says_them_and_never_absolute() {
        assert_eq!(resolved("lib/a.toml", "../prod/./x.properties").as_deref(), Ok("prod/x.properties"));
        assert_eq!(resolved("", "../x.toml").as_deref(), Ok("../x.toml"));
        for written in ["/etc/passwd", "", ".", "a\\b", "c:/x"] {
            assert!(resolved("", written).is_err(), "{written}");
        }
    }
}
