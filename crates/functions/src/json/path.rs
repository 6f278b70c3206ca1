//! JSON paths in the Jayway dialect.
//!
//! `$`, `.key`, `['key']`, `['a','b']`, `[0]`, `[-1]`, `[0,2]`, `[1:3]`, `.*`, `[*]`, `..key`, filters
//! `[?(@.price < 10 && @.kind == 'x')]` and the functions `length()`, `size()`, `keys()`, `min()`, `max()`, `sum()`,
//! `avg()` at the end. A path of keys and single positions is definite: it gives one value or none. Any other gives a
//! list.

use serde_json::Value as Json;

use super::{
    filter::{self, Condition},
    seek::{self, Plain},
};

/// A compiled path.
#[derive(Clone, Debug)]
pub struct Path {
    steps: Vec<Step>,
    /// The same steps when nothing but keys and positions from the start are used.
    plain: Option<Vec<Plain>>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Keys(Vec<String>),
    Indexes(Vec<i64>),
    Slice(Option<i64>, Option<i64>),
    Wildcard,
    /// This value and all below it.
    Descend,
    Filter(Condition),
    Function(Function),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    Length,
    Keys,
    Min,
    Max,
    Sum,
    Avg,
}

/// Values that a path may visit at once; nested `..` multiply.
const MAX_NODES: usize = 1_000_000;

struct Node<'a> {
    /// Normalised: `$['a'][0]`. Only kept when asked for.
    path: Option<String>,
    value: &'a Json,
}

impl<'a> Node<'a> {
    fn key(&self, key: &str, value: &'a Json) -> Self {
        Node { path: self.path.as_ref().map(|p| format!("{p}['{key}']")), value }
    }

    fn index(&self, index: usize, value: &'a Json) -> Self {
        Node { path: self.path.as_ref().map(|p| format!("{p}[{index}]")), value }
    }
}

impl Path {
    /// Compiles a path; `$.` in front may be missing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let mut parser = Parser { text: trimmed, at: 0, depth: 0 };
        if trimmed.is_empty() {
            return Err("the JSON path is empty".to_owned());
        }
        let steps = if parser.eat("$") {
            parser.steps()?
        } else {
            let full = format!("$.{trimmed}");
            let mut parser = Parser { text: &full, at: 1, depth: 0 };
            let steps = parser.steps()?;
            return Self::finish(steps, parser.at == full.len(), trimmed);
        };
        Self::finish(steps, parser.at == trimmed.len(), trimmed)
    }

    fn finish(steps: Vec<Step>, complete: bool, text: &str) -> Result<Self, String> {
        if !complete {
            return Err(bad(text, "characters are left over"));
        }
        let plain = |step: &Step| match step {
            Step::Keys(keys) if keys.len() == 1 => Some(Plain::Key(keys[0].clone())),
            Step::Indexes(at) if at.len() == 1 => usize::try_from(at[0]).ok().map(Plain::Index),
            _ => None,
        };
        let plain = steps.iter().map(plain).collect();
        Ok(Self { steps, plain })
    }

    /// Whether the path can give no more than one value.
    pub fn is_definite(&self) -> bool {
        self.steps.iter().all(|step| match step {
            Step::Keys(keys) => keys.len() == 1,
            Step::Indexes(at) => at.len() == 1,
            Step::Function(_) => true,
            _ => false,
        })
    }

    /// Reads from a document's text. `None` when it is no JSON or the path leads nowhere; a JSON null is `Null`.
    pub fn read(&self, text: &str) -> Option<Json> {
        if let Some(plain) = &self.plain {
            return seek::seek(text, plain);
        }
        self.read_value(&serde_json::from_str(text).ok()?)
    }

    /// Reads from a document.
    pub fn read_value(&self, document: &Json) -> Option<Json> {
        let (steps, function) = match self.steps.split_last() {
            Some((Step::Function(function), steps)) => (steps, Some(*function)),
            _ => (self.steps.as_slice(), None),
        };
        let nodes = walk(steps, document, document, false)?;
        let definite = steps
            .iter()
            .all(|s| matches!(s, Step::Keys(k) if k.len() == 1) || matches!(s, Step::Indexes(i) if i.len() == 1));
        let value = if definite {
            nodes.first().map(|n| n.value.clone())?
        } else {
            Json::Array(nodes.into_iter().map(|n| n.value.clone()).collect())
        };
        match function {
            None => Some(value),
            Some(function) => apply(function, &value),
        }
    }

    /// Whether the path leads to something.
    pub fn exists(&self, text: &str) -> bool {
        match self.read(text) {
            None => false,
            Some(Json::Array(items)) if !self.is_definite() => !items.is_empty(),
            Some(_) => true,
        }
    }

    /// The normalised paths of all values that the path leads to, e.g. `$['a'][0]`; of no JSON none.
    pub fn paths(&self, text: &str) -> Vec<String> {
        let Ok(document) = serde_json::from_str::<Json>(text) else { return Vec::new() };
        let nodes = walk(&self.steps, &document, &document, true).unwrap_or_default();
        nodes.into_iter().filter_map(|n| n.path).collect()
    }
}

/// Follows steps from `start`; `None` when they visit too much.
fn walk<'a>(steps: &[Step], root: &'a Json, start: &'a Json, paths: bool) -> Option<Vec<Node<'a>>> {
    let mut nodes = vec![Node { path: paths.then(|| "$".to_owned()), value: start }];
    for step in steps {
        let mut next = Vec::new();
        for node in &nodes {
            follow(step, node, root, &mut next);
            if next.len() > MAX_NODES {
                return None;
            }
        }
        nodes = next;
    }
    Some(nodes)
}

/// The values that steps lead to from `start`, for conditions.
pub(super) fn values<'a>(steps: &[Step], root: &'a Json, start: &'a Json) -> Vec<&'a Json> {
    walk(steps, root, start, false).unwrap_or_default().into_iter().map(|n| n.value).collect()
}

fn resolve(index: i64, length: usize) -> Option<usize> {
    let at = if index < 0 { index.checked_add(length as i64)? } else { index };
    usize::try_from(at).ok().filter(|at| *at < length)
}

fn follow<'a>(step: &Step, node: &Node<'a>, root: &'a Json, next: &mut Vec<Node<'a>>) {
    match (step, node.value) {
        (Step::Keys(keys), Json::Object(fields)) => {
            next.extend(keys.iter().filter_map(|key| fields.get(key).map(|value| node.key(key, value))));
        }
        (Step::Indexes(indexes), Json::Array(items)) => {
            let found = indexes.iter().filter_map(|i| resolve(*i, items.len()));
            next.extend(found.map(|at| node.index(at, &items[at])));
        }
        (Step::Slice(from, to), Json::Array(items)) => {
            let length = items.len() as i64;
            let clamp = |at: i64| (if at < 0 { at.saturating_add(length) } else { at }).clamp(0, length) as usize;
            let (from, to) = (clamp(from.unwrap_or(0)), clamp(to.unwrap_or(length)));
            next.extend((from..to).map(|at| node.index(at, &items[at])));
        }
        (Step::Wildcard, Json::Object(fields)) => next.extend(fields.iter().map(|(key, value)| node.key(key, value))),
        (Step::Wildcard, Json::Array(items)) => {
            next.extend(items.iter().enumerate().map(|(at, value)| node.index(at, value)));
        }
        (Step::Descend, _) => descend(Node { path: node.path.clone(), value: node.value }, next),
        (Step::Filter(condition), Json::Array(items)) => {
            let kept = items.iter().enumerate().filter(|(_, item)| filter::holds(condition, root, item));
            next.extend(kept.map(|(at, value)| node.index(at, value)));
        }
        (Step::Filter(condition), value @ Json::Object(_)) if filter::holds(condition, root, value) => {
            next.push(Node { path: node.path.clone(), value });
        }
        _ => {}
    }
}

fn descend<'a>(node: Node<'a>, next: &mut Vec<Node<'a>>) {
    if next.len() > MAX_NODES {
        return;
    }
    let children: Vec<Node<'a>> = match node.value {
        Json::Object(fields) => fields.iter().map(|(key, value)| node.key(key, value)).collect(),
        Json::Array(items) => items.iter().enumerate().map(|(at, value)| node.index(at, value)).collect(),
        _ => Vec::new(),
    };
    next.push(node);
    children.into_iter().for_each(|child| descend(child, next));
}

fn apply(function: Function, value: &Json) -> Option<Json> {
    let numbers = || -> Option<Vec<f64>> {
        let numbers: Vec<f64> = value.as_array()?.iter().filter_map(Json::as_f64).collect();
        (!numbers.is_empty()).then_some(numbers)
    };
    Some(match function {
        Function::Length => match value {
            Json::Array(items) => items.len().into(),
            Json::Object(fields) => fields.len().into(),
            Json::String(text) => crate::utf16::length(text).into(),
            _ => return None,
        },
        Function::Keys => value.as_object()?.keys().cloned().collect(),
        Function::Min => numbers()?.into_iter().fold(f64::INFINITY, f64::min).into(),
        Function::Max => numbers()?.into_iter().fold(f64::NEG_INFINITY, f64::max).into(),
        Function::Sum => numbers()?.into_iter().sum::<f64>().into(),
        Function::Avg => {
            let numbers = numbers()?;
            (numbers.iter().sum::<f64>() / numbers.len() as f64).into()
        }
    })
}

fn bad(text: &str, reason: &str) -> String {
    format!("invalid JSON path '{}': {reason}", crate::convert::clip(text))
}

/// Reads steps and conditions.
pub(super) struct Parser<'a> {
    pub text: &'a str,
    pub at: usize,
    /// Nesting of conditions.
    pub depth: usize,
}

impl Parser<'_> {
    pub(super) fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    pub(super) fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    pub(super) fn error<T>(&self, reason: &str) -> Result<T, String> {
        Err(bad(self.text, &format!("{reason} at character {}", self.at + 1)))
    }

    pub(super) fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        loop {
            if self.eat("..") {
                steps.push(Step::Descend);
                // `..**` is another way to write `..*`.
                if self.eat("**") {
                    steps.push(Step::Wildcard);
                    continue;
                }
                if !self.rest().starts_with('[') {
                    let step = self.name()?;
                    steps.push(step);
                }
            } else if self.eat(".") {
                let step = self.name()?;
                steps.push(step);
            } else if self.eat("[") {
                let step = self.bracket()?;
                steps.push(step);
            } else {
                return Ok(steps);
            }
            if steps.len() > 100 {
                return self.error("more than 100 steps");
            }
        }
    }

    /// What follows a dot: `*`, a key or a function.
    fn name(&mut self) -> Result<Step, String> {
        if self.eat("*") {
            return Ok(Step::Wildcard);
        }
        let ends =
            |c: char| matches!(c, '.' | '[' | ']' | ')' | '(' | ' ' | '=' | '<' | '>' | '!' | '&' | '|' | ',' | '~');
        let length = self.rest().find(ends).unwrap_or(self.rest().len());
        if length == 0 {
            return self.error("a key is missing");
        }
        let name = self.rest()[..length].to_owned();
        self.at += length;
        if !self.eat("()") {
            return Ok(Step::Keys(vec![name]));
        }
        Ok(Step::Function(match name.as_str() {
            "length" | "size" => Function::Length,
            "keys" => Function::Keys,
            "min" => Function::Min,
            "max" => Function::Max,
            "sum" => Function::Sum,
            "avg" => Function::Avg,
            _ => return self.error("the function is unknown"),
        }))
    }

    fn bracket(&mut self) -> Result<Step, String> {
        self.skip_space();
        if self.eat("?") {
            self.skip_space();
            if !self.eat("(") {
                return self.error("'(' is missing");
            }
            let condition = self.condition()?;
            self.skip_space();
            if !self.eat(")") {
                return self.error("')' is missing");
            }
            self.close()?;
            return Ok(Step::Filter(condition));
        }
        if self.eat("*") {
            self.close()?;
            return Ok(Step::Wildcard);
        }
        if self.rest().starts_with(['\'', '"']) {
            let mut keys = Vec::new();
            loop {
                self.skip_space();
                keys.push(self.quoted()?);
                self.skip_space();
                if !self.eat(",") {
                    break;
                }
            }
            self.close()?;
            return Ok(Step::Keys(keys));
        }
        let first = self.number();
        self.skip_space();
        if self.eat(":") {
            self.skip_space();
            let last = self.number();
            self.close()?;
            return Ok(Step::Slice(first, last));
        }
        let Some(first) = first else { return self.error("a position or key is missing") };
        let mut indexes = vec![first];
        while self.eat(",") {
            self.skip_space();
            match self.number() {
                Some(index) => indexes.push(index),
                None => return self.error("a position is missing"),
            }
            self.skip_space();
        }
        self.close()?;
        Ok(Step::Indexes(indexes))
    }

    fn close(&mut self) -> Result<(), String> {
        self.skip_space();
        if self.eat("]") { Ok(()) } else { self.error("']' is missing") }
    }

    fn number(&mut self) -> Option<i64> {
        let sign = usize::from(self.rest().starts_with('-'));
        let digits = self.rest()[sign..].bytes().take_while(u8::is_ascii_digit).count();
        let number = self.rest()[..sign + digits].parse().ok()?;
        self.at += sign + digits;
        Some(number)
    }

    /// A text in single or double quotes, with backslash escapes.
    pub(super) fn quoted(&mut self) -> Result<String, String> {
        let Some(quote) = self.rest().chars().next().filter(|c| matches!(c, '\'' | '"')) else {
            return self.error("a quoted text is missing");
        };
        let mut out = String::new();
        let mut chars = self.text[self.at + 1..].char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                '\\' => out.extend(chars.next().map(|(_, c)| c)),
                c if c == quote => {
                    self.at += 1 + offset + 1;
                    return Ok(out);
                }
                other => out.push(other),
            }
        }
        self.error("the closing quote is missing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::text::to_text;

    const STORE: &str = r#"{"store":{"book":[
        {"category":"reference","author":"Nigel","title":"Sayings","price":8.95},
        {"category":"fiction","author":"Evelyn","title":"Sword","price":12.99},
        {"category":"fiction","author":"Herman","title":"Moby","isbn":"0-553","price":8.99}],
        "bicycle":{"color":"red","price":19.95}},"a b":{"c.d":1},"n":null,"expensive":10}"#;

    #[track_caller]
    fn check(path: &str, expected: Option<&str>) {
        let got = Path::parse(path).unwrap().read(STORE).map(|v| to_text(&v));
        assert_eq!(got.as_deref(), expected, "{path}");
    }

    #[test]
    fn reads() {
        check("$.store.bicycle.color", Some("\"red\""));
        check("store.bicycle.color", Some("\"red\""));
        check("$['store']['bicycle'][\"price\"]", Some("19.95"));
        check("$['a b']['c.d']", Some("1"));
        check("$.store.book[0].title", Some("\"Sayings\""));
        check("$.store.book[-1].title", Some("\"Moby\""));
        check("$.store.book[*].author", Some("[\"Nigel\",\"Evelyn\",\"Herman\"]"));
        check("$.store.book[0,2].price", Some("[8.95,8.99]"));
        check("$.store.book[1:].title", Some("[\"Sword\",\"Moby\"]"));
        check("$.store.book[:1].title", Some("[\"Sayings\"]"));
        check("$.store.book[-2:].title", Some("[\"Sword\",\"Moby\"]"));
        check("$..price", Some("[8.95,12.99,8.99,19.95]"));
        check("$.store.*.color", Some("[\"red\"]"));
        check("$.store.book[?(@.isbn)].title", Some("[\"Moby\"]"));
        check("$.store.book[?(@.price < 10 && @.category == 'fiction')].title", Some("[\"Moby\"]"));
        check("$.store.book[?(@.price > $.expensive)].title", Some("[\"Sword\"]"));
        check("$.store.book[?(@.author =~ /h.*/i)].title", Some("[\"Moby\"]"));
        check("$.store.book[?(!(@.price < 9) || @.author in ['Nigel'])].title", Some("[\"Sayings\",\"Sword\"]"));
        check("$.store.book.length()", Some("3"));
        check("$.store.book[*].price.max()", Some("12.99"));
        check("$.store.bicycle['color','price']", Some("[\"red\",19.95]"));
        check("$.nope", None);
        check("$.n", Some("null"));
        check("$.store.book[9]", None);
        check("$.store.book[9].title", None);
        check("$.store.nope[*]", Some("[]"));
        check("$.expensive.x", None);
        assert_eq!(Path::parse("$.a").unwrap().read("{broken"), None);
        assert_eq!(Path::parse("$.a").unwrap().read(r#"{"a":1} x"#), None);
        assert_eq!(Path::parse("$.a").unwrap().read(r#"{"a":1,"a":2}"#), Some(2.into()));
        assert_eq!(Path::parse("$[1]").unwrap().read("[1,2]"), Some(2.into()));
        assert_eq!(Path::parse("$").unwrap().read("[1, 2]").map(|v| to_text(&v)).as_deref(), Some("[1,2]"));
    }

    #[test]
    fn paths_of_values() {
        let paths = |path: &str, text: &str| Path::parse(path).unwrap().paths(text);
        assert_eq!(paths("$.*", r#"{"a":1,"b":{"c":2}}"#), ["$['a']", "$['b']"]);
        assert_eq!(paths("$[*]", r#"{"a":1}"#), ["$['a']"]);
        assert_eq!(paths("$..*", r#"{"a":[{"b":1}]}"#), ["$['a']", "$['a'][0]", "$['a'][0]['b']"]);
        assert!(paths("$.*", "broken").is_empty());
    }

    #[test]
    fn refuses() {
        for path in ["", "$.", "$[", "$['a", "$[?(@.a", "$.a b", "$[?(@.a ==)]", "$.a.frob()", "$[1,]"] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
        assert_eq!(
            Path::parse("$['a").unwrap_err(),
            "invalid JSON path '$['a': the closing quote is missing at character 3"
        );
        let deep = format!("$[?{}@.a{}]", "(".repeat(5000), ")".repeat(5000));
        assert!(Path::parse(&deep).is_err());
    }
}
