//! Reading a group of keys: what is unknown, missing or of the wrong kind is collected with its place.

use std::{cell::RefCell, collections::BTreeMap};

use super::yaml::{Key, Kind, Node};
use crate::error::Problem;

/// Collects problems and warnings while a spec is read.
#[derive(Default)]
pub(super) struct Findings {
    pub problems: RefCell<Vec<Problem>>,
    pub warnings: RefCell<Vec<String>>,
}

impl Findings {
    pub fn problem(&self, (line, column): (usize, usize), text: impl Into<String>) {
        self.problems.borrow_mut().push(Problem { line, column, text: text.into() });
    }

    pub fn warn(&self, text: impl Into<String>) {
        self.warnings.borrow_mut().push(text.into());
    }
}

/// One group of keys.
pub(super) struct Section<'a> {
    /// Empty for the whole file.
    name: &'a str,
    at: (usize, usize),
    entries: &'a [(Key, Node)],
    pub findings: &'a Findings,
}

/// Group, and the keys it knows. The whole file is the group without a name.
pub(super) type Keys = (&'static str, &'static [&'static str]);

impl<'a> Section<'a> {
    /// Opens a group and reports keys that it does not know.
    pub fn open(name: &'a str, node: &'a Node, tables: &[Keys], findings: &'a Findings) -> Self {
        let at = (node.line, node.column);
        let entries: &[(Key, Node)] = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Null => &[],
            _ => {
                let what = if name.is_empty() { "a job spec" } else { name };
                findings.problem(at, format!("{what} must be a group of keys, found {}", node.described()));
                &[]
            }
        };
        let known = tables.iter().find(|(n, _)| *n == name).map_or(&[][..], |(_, keys)| keys);
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
            findings.problem((key.line, key.column), unknown(&key.text, name, known, tables));
        }
        Self { name, at, entries, findings }
    }

    pub fn at(&self) -> (usize, usize) {
        self.at
    }

    /// The value of a key; `None` when it is absent or empty.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        let found = self.entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node);
        found.filter(|node| !matches!(node.kind, Kind::Null))
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn wrong(&self, key: &str, node: &Node, expected: &str) {
        let path = self.path(key);
        self.findings
            .problem((node.line, node.column), format!("{path} must be {expected}, found {}", node.described()));
    }

    pub fn text(&self, key: &str) -> Option<String> {
        let node = self.get(key)?;
        match &node.kind {
            Kind::Text(text) => Some(text.clone()),
            _ => {
                self.wrong(key, node, "a text");
                None
            }
        }
    }

    /// As [`Self::text`], with a problem when there is none. `why` says what it is for.
    pub fn required(&self, key: &str, why: &str) -> String {
        let text = self.text(key).filter(|t| !t.trim().is_empty());
        if text.is_none() && self.get(key).is_none_or(|n| matches!(n.kind, Kind::Text(_))) {
            self.missing(key, why);
        }
        text.unwrap_or_default()
    }

    pub fn missing(&self, key: &str, why: &str) {
        let at = self.entries.iter().find(|(k, _)| k.text == key).map_or(self.at, |(k, _)| (k.line, k.column));
        self.findings.problem(at, format!("{} is missing: {why}", self.path(key)));
    }

    pub fn flag(&self, key: &str, default: bool) -> bool {
        let Some(node) = self.get(key) else { return default };
        if let Kind::Text(text) = &node.kind {
            match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => return true,
                "false" | "no" | "off" => return false,
                _ => {}
            }
        }
        self.wrong(key, node, "true or false");
        default
    }

    /// A whole number from 0 to `u32::MAX`; a negative one is 0.
    pub fn number(&self, key: &str, default: u32) -> u32 {
        let Some(node) = self.get(key) else { return default };
        if let Kind::Text(text) = &node.kind
            && let Ok(number) = text.trim().replace('_', "").parse::<i64>()
            && number <= i64::from(u32::MAX)
        {
            return u32::try_from(number).unwrap_or(0);
        }
        self.wrong(key, node, "a whole number");
        default
    }

    pub fn list(&self, key: &str) -> &'a [Node] {
        match self.get(key) {
            Some(Node { kind: Kind::List(items), .. }) => items,
            Some(node) => {
                self.wrong(key, node, "a list (each entry begins with '- ')");
                &[]
            }
            None => &[],
        }
    }

    /// A group whose keys are free, with texts as values.
    pub fn map(&self, key: &str) -> BTreeMap<String, String> {
        let entries = match self.get(key) {
            Some(Node { kind: Kind::Map(entries), .. }) => entries,
            Some(node) => {
                self.wrong(key, node, "a group of keys");
                return BTreeMap::new();
            }
            None => return BTreeMap::new(),
        };
        let mut map = BTreeMap::new();
        for (name, node) in entries {
            match &node.kind {
                Kind::Text(text) => _ = map.insert(name.text.clone(), text.clone()),
                Kind::Null => {}
                _ => self.wrong(&format!("{key}.{}", name.text), node, "a text"),
            }
        }
        map
    }
}

fn unknown(key: &str, section: &str, known: &[&str], tables: &[Keys]) -> String {
    let place = if section.is_empty() { "a job spec".to_owned() } else { section.to_owned() };
    if let Some(near) = nearest(key, known) {
        return format!("unknown key '{key}' in {place}, did you mean '{near}'?");
    }
    // Right key, wrong indentation.
    if let Some((other, _)) = tables.iter().find(|(name, keys)| *name != section && keys.contains(&key)) {
        let home = if other.is_empty() { "at the left edge of the file".to_owned() } else { format!("under {other}") };
        return format!("key '{key}' is not one of {place}, it belongs {home}");
    }
    format!("unknown key '{key}' in {place}; it knows {}", known.join(", "))
}

/// The candidate that is most like `word`, when one is like it.
pub fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let plain =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let word = plain(word);
    let best =
        candidates.iter().map(|c| (strsim::damerau_levenshtein(&word, &plain(c)), *c)).min_by_key(|(d, _)| *d)?;
    if best.0 <= (word.chars().count() / 4).clamp(1, 4) {
        return Some(best.1);
    }
    // A part of a longer name, where it is a part of one alone.
    let mut longer = candidates.iter().filter(|c| word.chars().count() >= 5 && plain(c).contains(&word));
    longer.next().filter(|_| longer.next().is_none()).copied()
}
