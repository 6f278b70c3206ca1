//! A YAML document as a tree that knows where each thing is and keeps scalars as they are written.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::error::Problem;

/// Deeper nesting and more nodes than any job spec has.
const MAX_DEPTH: usize = 32;
const MAX_NODES: usize = 100_000;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub line: usize,
    pub column: usize,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub line: usize,
    pub column: usize,
    pub text: String,
}

impl Node {
    /// What it is, for a sentence.
    pub fn described(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Text(text) => format!("'{text}'"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a group of keys".to_owned(),
        }
    }
}

/// The only document of a text. An empty one is `Null`.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| Problem {
            line: e.marker().line(),
            column: e.marker().col() + 1,
            text: format!("this is not YAML: {}", e.info()),
        })?;
        builder.take(event, span)?;
    }
    Ok(builder.root.unwrap_or(Node { line: 1, column: 1, kind: Kind::Null }))
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: Vec<(usize, Node)>,
    nodes: usize,
}

struct Open {
    node: Node,
    anchor: usize,
    key: Option<Key>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let (line, column) = (span.start.line(), span.start.col() + 1);
        let problem = |text: &str| Problem { line, column, text: text.to_owned() };
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let kind = if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    Kind::Null
                } else {
                    Kind::Text(text.into_owned())
                };
                self.add(Node { line, column, kind }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.open(Node { line, column, kind: Kind::List(Vec::new()) }, anchor),
            Event::MappingStart(anchor, _) => self.open(Node { line, column, kind: Kind::Map(Vec::new()) }, anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.add(open.node, open.anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let found = self.anchors.iter().rev().find(|(a, _)| *a == anchor).map(|(_, node)| node.clone());
                let node = found.ok_or_else(|| problem("this alias names nothing that is known here"))?;
                self.nodes += count(&node);
                self.add(node, 0)
            }
            Event::DocumentStart(_) if self.root.is_some() => Err(problem("a second document begins here")),
            _ => Ok(()),
        }
    }

    fn open(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Problem { line: node.line, column: node.column, text: "nested too deeply".to_owned() });
        }
        self.open.push(Open { node, anchor, key: None });
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        let at = |text: String| Problem { line: node.line, column: node.column, text };
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(at("the file holds too much for a job spec".to_owned()));
        }
        if anchor > 0 {
            self.anchors.push((anchor, node.clone()));
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.node.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(entries) => match parent.key.take() {
                Some(key) => entries.push((key, node)),
                None => {
                    let (line, column) = (node.line, node.column);
                    let text = match node.kind {
                        Kind::Text(text) => text,
                        Kind::Null => String::new(),
                        _ => return Err(at("a key must be a text".to_owned())),
                    };
                    if entries.iter().any(|(key, _)| key.text == text) {
                        return Err(Problem {
                            line,
                            column,
                            text: format!("key '{text}' is here for the second time"),
                        });
                    }
                    parent.key = Some(Key { line, column, text });
                }
            },
            Kind::Null | Kind::Text(_) => {}
        }
        Ok(())
    }
}

fn count(node: &Node) -> usize {
    match &node.kind {
        Kind::Null | Kind::Text(_) => 1,
        Kind::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Kind::Map(entries) => 1 + entries.iter().map(|(_, n)| count(n)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_stay_as_written_and_know_their_place() {
        let root = parse("a: 010\nb:\n  - 'x'\n  - ~\nc: &z {k: 1.0}\nd: *z\n").unwrap();
        let Kind::Map(entries) = root.kind else { panic!("no map") };
        assert!(matches!(&entries[0].1.kind, Kind::Text(t) if t == "010"));
        assert_eq!((entries[1].0.line, entries[1].0.column), (2, 1));
        let Kind::List(items) = &entries[1].1.kind else { panic!("no list") };
        assert!(matches!(items[1].kind, Kind::Null));
        assert_eq!((items[0].line, items[0].column), (3, 5));
        let Kind::Map(inner) = &entries[3].1.kind else { panic!("no alias") };
        assert!(matches!(&inner[0].1.kind, Kind::Text(t) if t == "1.0"));
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        for (text, line, part) in [
            ("a: 1\na: 2\n", 2, "second time"),
            ("a: 1\n---\nb: 2\n", 2, "second document"),
            ("a: [1, 2\nb: 3\n", 2, "not YAML"),
            ("a: *nope\n", 1, ""),
        ] {
            let problem = parse(text).unwrap_err();
            assert_eq!(problem.line, line, "{text:?}: {problem}");
            assert!(problem.text.contains(part), "{text:?}: {problem}");
        }
        let deep = "[".repeat(40) + &"]".repeat(40);
        assert!(parse(&deep).unwrap_err().text.contains("deep"));
    }

    #[test]
    fn aliases_cannot_blow_up() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in 1..9 {
            let refs = vec![format!("*a{}", i - 1); 10].join(",");
            text += &format!("a{i}: &a{i} [{refs}]\n");
        }
        assert!(parse(&text).unwrap_err().text.contains("too much"));
    }
}
