//! A small reader of our own HTML: elements with their attributes, enough to check structure.

use std::collections::BTreeMap;

/// One opening tag.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Names of the elements it is in, outermost first.
    pub(crate) inside: Vec<String>,
    /// Position of the tag in the list of the element that holds it; `None` at the top.
    pub(crate) parent: Option<usize>,
}

const VOID: [&str; 4] = ["meta", "link", "br", "!DOCTYPE"];

/// All opening tags in order. Fails on an element that is not closed in order.
pub(crate) fn tags(html: &str) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("every tag ends");
        let text = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = text.strip_prefix('/') {
            let index = open.pop().unwrap_or_else(|| panic!("</{name}> closes nothing"));
            assert_eq!(tags[index].name, name, "elements close in order");
            continue;
        }
        let name = text.split([' ', '\n', '/']).next().unwrap_or_default().to_owned();
        let inside = open.iter().map(|index| tags[*index].name.clone()).collect();
        tags.push(Tag {
            attributes: attributes(&text[name.len()..]),
            inside,
            parent: open.last().copied(),
            name,
        });
        let tag = tags.last().expect("just pushed");
        if VOID.contains(&tag.name.as_str()) || text.ends_with('/') {
            continue;
        }
        let raw = matches!(tag.name.as_str(), "script" | "style").then(|| format!("</{}>", tag.name));
        open.push(tags.len() - 1);
        if let Some(closing) = raw {
            rest = &rest[rest.find(&closing).expect("raw text ends")..];
        }
    }
    assert!(open.is_empty(), "every element is closed");
    tags
}

fn attributes(text: &str) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::new();
    let mut rest = text;
    while let Some(equals) = rest.find("=\"") {
        let name = rest[..equals].split_whitespace().last().unwrap_or_default().to_owned();
        let value = &rest[equals + 2..];
        let end = value.find('"').expect("every attribute ends");
        attributes.insert(name, value[..end].to_owned());
        rest = &value[end + 1..];
    }
    attributes
}
