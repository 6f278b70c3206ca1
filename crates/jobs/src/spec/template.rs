//! Filling in the `${name}` of a job spec.
//!
//! Names are looked up in what the command line gives, then in the property file (a variable of the environment with
//! the name of one of its keys replaces that key's value), then in the environment. `today` and `yesterday` are known.
//! `${name ?: 'text'}` has a default; `\$` is a dollar sign. Comments are left alone.

use std::collections::BTreeMap;

use super::nearest;
use crate::error::{Error, Problem};

/// Gives the value of a name.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where values come from.
#[derive(Default)]
pub struct Variables<'a> {
    /// From the command line.
    pub values: BTreeMap<String, String>,
    /// From the property file.
    pub properties: BTreeMap<String, String>,
    /// From the environment.
    pub environment: Option<Lookup<'a>>,
    /// For `today` and `yesterday`.
    pub now_ms: i64,
}

impl Variables<'_> {
    pub fn get(&self, name: &str) -> Option<String> {
        let environment = || self.environment.and_then(|lookup| lookup(name));
        if let Some(value) = self.values.get(name) {
            return Some(value.clone());
        }
        if let Some(value) = self.properties.get(name) {
            return Some(environment().unwrap_or_else(|| value.clone()));
        }
        match name {
            "today" => Some(date(self.now_ms)),
            "yesterday" => Some(date(self.now_ms - 86_400_000)),
            _ => environment(),
        }
    }

    fn known(&self) -> Vec<&str> {
        self.values.keys().chain(self.properties.keys()).map(String::as_str).chain(["today", "yesterday"]).collect()
    }
}

fn date(ms: i64) -> String {
    let text = model::date_time::format_timestamp(ms, model::date_time::TimeZone::UTC);
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// `key=value` texts as they are typed behind `-values`. One without `=` is an error.
pub fn pairs(texts: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let mut map = BTreeMap::new();
    for text in texts {
        let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| Error::Value {
            what: "value",
            value: text.clone(),
            reason: "expected name=value".to_owned(),
        })?;
        map.insert(key.to_owned(), value.to_owned());
    }
    Ok(map)
}

/// Fills in a text. `origin` names it in errors.
pub fn render(text: &str, origin: &str, variables: &Variables<'_>) -> Result<String, Error> {
    let mut out = String::with_capacity(text.len());
    let mut problems = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let mut fail = |at: usize, text: String| {
            problems.push(Problem { line: number + 1, column: line[..at].chars().count() + 1, text });
        };
        render_line(line, variables, &mut out, &mut fail);
    }
    if problems.is_empty() { Ok(out) } else { Err(Error::Spec { origin: origin.to_owned(), problems }) }
}

fn render_line(line: &str, variables: &Variables<'_>, out: &mut String, fail: &mut dyn FnMut(usize, String)) {
    let mut at = 0;
    let line_end = comment_start(line);
    let (line, comment) = line.split_at(line_end);
    while let Some(found) = line[at..].find(['$', '<', '\\']) {
        out.push_str(&line[at..at + found]);
        at += found;
        let rest = &line[at..];
        if rest.starts_with("\\$") {
            out.push('$');
            at += 2;
        } else if rest.starts_with("<%") {
            fail(at, "code in '<% %>' is not run; use ${name} with -values name=…".to_owned());
            at += 2;
        } else if let Some(inner) = rest.strip_prefix("${") {
            let Some(end) = inner.find('}') else {
                fail(at, "'${' without '}'; write \\$ for a dollar sign".to_owned());
                return;
            };
            match expression(inner[..end].trim(), variables) {
                Ok(Some(value)) => out.push_str(&value),
                Ok(None) => out.push_str(&rest[..end + 3]),
                Err(text) => fail(at, text),
            }
            at += end + 3;
        } else if let Some(name) = rest.strip_prefix('$').map(identifier).filter(|name| !name.is_empty()) {
            match variables.get(name) {
                Some(value) => out.push_str(&value),
                None => fail(at, format!("{}; write \\$ for a dollar sign", no_value(name, variables))),
            }
            at += 1 + name.len();
        } else {
            out.push_str(&rest[..1]);
            at += 1;
        }
    }
    out.push_str(&line[at..]);
    out.push_str(comment);
}

/// Where the comment of a line begins: at a `#` behind a blank and outside of quotes; the line's end without one.
fn comment_start(line: &str) -> usize {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() => return at,
            (None, '\'' | '"') if before.is_whitespace() || "[{,:".contains(before) => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
        before = c;
    }
    line.len()
}

/// The value of what stands between the braces; `None` for what is no variable and stays.
fn expression(text: &str, variables: &Variables<'_>) -> Result<Option<String>, String> {
    // Used by the name generator, which looks at it later.
    if text.strip_prefix("filePathPattern:\\").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit())) {
        return Ok(None);
    }
    let (name, default) = match text.split_once("?:") {
        Some((name, default)) => (name.trim(), Some(default.trim())),
        None => (text, None),
    };
    let is_name = |c: char| c.is_alphanumeric() || "_.-".contains(c);
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(format!("'${{{text}}}' is not understood; ${{name}} and ${{name ?: 'default'}} are"));
    }
    if let Some(value) = variables.get(name) {
        return Ok(Some(value));
    }
    let quoted = |q: char| default.and_then(|d| d.strip_prefix(q)?.strip_suffix(q));
    match default {
        Some(default) => Ok(Some(quoted('\'').or_else(|| quoted('"')).unwrap_or(default).to_owned())),
        None => Err(no_value(&format!("{{{name}}}"), variables)),
    }
}

fn no_value(shown: &str, variables: &Variables<'_>) -> String {
    let name = shown.trim_matches(['{', '}']);
    match nearest(name, &variables.known()) {
        Some(near) => format!("there is no value for ${shown}, did you mean '{near}'?"),
        None => format!(
            "there is no value for ${shown}: give one with -values {name}=…, in -propertyFile or in the environment"
        ),
    }
}

fn identifier(text: &str) -> &str {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return "";
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let environment = |name: &str| (name == "HOME" || name == "both").then(|| format!("env-{name}"));
        let variables = Variables {
            values: pairs(&["table=movies".into(), "dir=/a=b".into()]).unwrap(),
            properties: pairs(&["table=other".into(), "both=file".into(), "only.here=yes".into()]).unwrap(),
            environment: Some(&environment),
            now_ms: 1_600_000_000_000,
        };
        let got = match render(text, "spec.yaml", &variables) {
            Ok(text) => text,
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected, "template: {text}");
    }

    #[test]
    fn values_win_over_the_environment_over_the_file() {
        check("t: ${table}\nd: '${dir}/$table'\n", "t: movies\nd: '/a=b/movies'\n");
        check("${both} ${ only.here } ${HOME}", "env-both yes env-HOME");
        check("${today} ${yesterday}", "2020-09-13 2020-09-12");
        check("${x ?: 'd e'}${x ?: 3}${table ?: 'z'}", "d e3movies");
    }

    #[test]
    fn what_is_no_variable_stays() {
        check("a$ $1 \\d \\. $", "a$ $1 \\d \\. $");
        check("\\${filePathPattern:\\1} ${filePathPattern:\\1}", "${filePathPattern:\\1} ${filePathPattern:\\1}");
        check("  # ${nobody} <% x %>\n", "  # ${nobody} <% x %>\n");
        check("a < b", "a < b");
        check("t: ${table} # of ${nobody}\n", "t: movies # of ${nobody}\n");
        check("t: '#${table} # ${table}'", "t: '#movies # movies'");
        check("it's#${table} # $x", "it's#movies # $x");
    }

    #[test]
    fn errors_name_the_place() {
        check(
            "a: 1\nb: é${nobody}\n",
            "spec.yaml, line 2, column 5: there is no value for ${nobody}: give one with -values nobody=…, in \
             -propertyFile or in the environment",
        );
        check("${tabel}", "spec.yaml, line 1, column 1: there is no value for ${tabel}, did you mean 'table'?");
        check(
            "$nobody",
            "spec.yaml, line 1, column 1: there is no value for $nobody: give one with -values nobody=…, in -propertyFile or in the environment; write \\$ for a dollar sign",
        );
        check("<% if %>", "spec.yaml, line 1, column 1: code in '<% %>' is not run; use ${name} with -values name=…");
        check(
            "${a.b()}",
            "spec.yaml, line 1, column 1: '${a.b()}' is not understood; ${name} and ${name ?: 'default'} are",
        );
        check("${open", "spec.yaml, line 1, column 1: '${' without '}'; write \\$ for a dollar sign");
        assert!(pairs(&["novalue".to_owned()]).is_err());
    }
}
