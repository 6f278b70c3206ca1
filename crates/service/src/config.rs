//! Properties files as operators of Apache Pinot write them.
//!
//! `key=value` lines; `#`, `!` and `//` begin comments; a backslash at the end continues a line, and in a value `\t`, `\n`,
//! `\r`, `\f`, `\\` and `\uXXXX` are what they are in Java; commas and repeated keys make lists. `include=FILE` takes in
//! another file, which lies beside this one; the first value of a key that is in both goes first. Keys match whatever
//! their case and with `-` and `_` left out, but dots count. Values may name other keys, variables of the environment and
//! properties of the system: `${some.key}`, `${env:NAME}`, `${sys:java.io.tmpdir}` (those that Java knows of the machine,
//! and `-Dname=value` in `JAVA_OPTS`); and each key listed under `dynamic.env.config` holds the NAME of the variable that
//! has its value. Files listed under `config.paths`, or in the variable `CONFIG_PATHS`, give what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

mod known;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration file {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{origin}, line {line}: expected `key=value`, found `{text}`")]
    Syntax { origin: String, line: usize, text: String },
    #[error("property `{key}` is `{value}`; expected {expected}")]
    Value { key: String, value: String, expected: &'static str },
    #[error("property `{key}` takes its value from the environment variable {variable}, which is not set")]
    Environment { key: String, variable: String },
    #[error("{origin} includes files more than {MAX_INCLUDES} deep; does one include itself?")]
    Includes { origin: String },
}

/// Files that include one another may be nested so deep.
const MAX_INCLUDES: usize = 8;

#[derive(Clone, Debug)]
struct Entry {
    /// As written.
    key: String,
    /// One for each time the key was written.
    values: Vec<String>,
}

/// A set of properties. Clones share the record of what was read.
#[derive(Clone, Debug, Default)]
pub struct Properties {
    entries: BTreeMap<String, Entry>,
    read: Arc<Mutex<BTreeSet<String>>>,
}

/// The form in which keys are compared.
fn relaxed(key: &str) -> String {
    key.chars().filter(|c| *c != '-' && *c != '_').flat_map(char::to_lowercase).collect()
}

impl Properties {
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the text of a properties file. `origin` names it in errors.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
        let mut properties = Self::new();
        let mut lines = text.lines().enumerate();
        while let Some((number, first)) = lines.next() {
            let mut logical = first.trim_start().to_owned();
            if logical.is_empty() || logical.starts_with(['#', '!']) || logical.starts_with("//") {
                continue;
            }
            while ends_with_odd_backslashes(&logical) {
                logical.pop();
                match lines.next() {
                    Some((_, next)) => logical.push_str(next.trim_start()),
                    None => break,
                }
            }
            let Some((key, value)) = split_pair(&logical) else {
                return Err(ConfigError::Syntax { origin: origin.to_owned(), line: number + 1, text: logical });
            };
            properties.push(&key, unescaped(&value));
        }
        Ok(properties)
    }

    fn push(&mut self, key: &str, value: String) {
        let entry = self.entries.entry(relaxed(key));
        entry.or_insert_with(|| Entry { key: key.to_owned(), values: Vec::new() }).values.push(value);
    }

    /// Reads a file with the files that it includes.
    fn read_file(path: &Path, depth: usize) -> Result<Self, ConfigError> {
        if depth > MAX_INCLUDES {
            return Err(ConfigError::Includes { origin: path.display().to_string() });
        }
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let mut properties = Self::parse(&text, &path.display().to_string())?;
        for (key, optional) in [("include", false), ("includeoptional", true)] {
            for name in properties.list(key) {
                let below = match path.parent() {
                    Some(dir) => dir.join(&name),
                    None => PathBuf::from(&name),
                };
                if optional && !below.exists() {
                    continue;
                }
                for (_, entry) in Self::read_file(&below, depth + 1)?.entries {
                    for value in entry.values {
                        properties.push(&entry.key, value);
                    }
                }
            }
        }
        Ok(properties)
    }

    /// Reads a file, resolves `dynamic.env.config` and, below it, the files under `config.paths`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut properties = Self::read_file(path, 0)?;
        let mut extras = properties.list("config.paths");
        let variable = std::env::var("CONFIG_PATHS").unwrap_or_default();
        extras.extend(variable.split(',').map(str::trim).filter(|path| !path.is_empty()).map(str::to_owned));
        for extra in extras {
            if extra.starts_with("classpath:") {
                tracing::warn!("config.paths names {extra}, but there is no class path: it is left out");
                continue;
            }
            let extra = extra.strip_prefix("file:").unwrap_or(&extra);
            let extra = PathBuf::from(extra.strip_prefix("//").unwrap_or(extra));
            properties.default_from(&Self::read_file(&extra, 0)?);
        }
        properties.resolve_environment(&|name| std::env::var(name).ok())?;
        Ok(properties)
    }

    /// Replaces the values of the keys listed under `dynamic.env.config`.
    pub fn resolve_environment(&mut self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        for key in self.list("dynamic.env.config") {
            let Some(entry) = self.entries.get_mut(&relaxed(&key)) else { continue };
            let variable = entry.values.join(",").trim().to_owned();
            match lookup(&variable) {
                Some(value) => entry.values = vec![value],
                None => return Err(ConfigError::Environment { key, variable }),
            }
        }
        let names: Vec<String> = self.entries.keys().cloned().collect();
        for name in names {
            let Some(entry) = self.entries.get(&name) else { continue };
            if !entry.values.iter().any(|value| value.contains("${")) {
                continue;
            }
            let values = entry.values.iter().map(|value| self.substitute(value, lookup)).collect();
            if let Some(entry) = self.entries.get_mut(&name) {
                entry.values = values;
            }
        }
        Ok(())
    }

    /// What cannot be resolved stays as it is written. One pass: replaced text is not looked at again.
    fn substitute(&self, value: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
        let mut out = String::with_capacity(value.len());
        let mut rest = value;
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else { break };
            let name = &rest[start + 2..start + length];
            out.push_str(&rest[..start]);
            let replacement = match name.split_once(':') {
                Some(("env", variable)) => lookup(variable),
                Some(("sys", property)) => system_property(property, lookup),
                _ => self.entries.get(&relaxed(name)).map(|e| e.values.join(",")).or_else(|| lookup(name)),
            };
            match replacement {
                Some(text) => out.push_str(&text),
                None => out.push_str(&rest[start..=start + length]),
            }
            rest = &rest[start + length + 1..];
        }
        out.push_str(rest);
        out
    }

    /// Sets a key, whatever it was.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.entries.insert(relaxed(key), Entry { key: key.to_owned(), values: vec![value.into()] });
    }

    /// Sets a key that has no value yet.
    pub fn set_default(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        self.entries.entry(relaxed(key)).or_insert_with(|| Entry { key: key.to_owned(), values: vec![value] });
    }

    /// Lays `over` on top of these: its keys win.
    pub fn override_with(&mut self, over: &Properties) {
        for (name, entry) in &over.entries {
            self.entries.insert(name.clone(), entry.clone());
        }
    }

    /// Takes from `below` what is missing here.
    pub fn default_from(&mut self, below: &Properties) {
        for (name, entry) in &below.entries {
            self.entries.entry(name.clone()).or_insert_with(|| entry.clone());
        }
    }

    /// The value as text; several values are joined by commas. Blank counts as absent.
    pub fn get(&self, key: &str) -> Option<String> {
        let name = relaxed(key);
        let text = self.entries.get(&name).map(|entry| entry.values.join(",").trim().to_owned());
        self.read.lock().insert(name);
        text.filter(|text| !text.is_empty())
    }

    /// As [`Properties::get`], but does not count as reading the key.
    pub fn peek(&self, key: &str) -> Option<String> {
        let text = self.entries.get(&relaxed(key))?.values.join(",").trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// The first key that has a value.
    pub fn first_of(&self, keys: &[&str]) -> Option<String> {
        keys.iter().filter_map(|key| self.get(key)).next()
    }

    pub fn string(&self, key: &str, default: &str) -> String {
        self.get(key).unwrap_or_else(|| default.to_owned())
    }

    /// Values split at commas, trimmed, without empty ones. `\,` is a comma in a value.
    pub fn list(&self, key: &str) -> Vec<String> {
        let Some(text) = self.get(key) else { return Vec::new() };
        let mut values = vec![String::new()];
        let mut escaped = false;
        for c in text.chars() {
            match (escaped, c) {
                (false, '\\') => escaped = true,
                (false, ',') => values.push(String::new()),
                (escape, c) => {
                    if let Some(last) = values.last_mut() {
                        if escape && c != ',' {
                            last.push('\\');
                        }
                        last.push(c);
                    }
                    escaped = false;
                }
            }
        }
        values.into_iter().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect()
    }

    fn parsed<T: std::str::FromStr>(&self, key: &str, default: T, expected: &'static str) -> Result<T, ConfigError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| ConfigError::Value { key: key.to_owned(), value, expected }),
        }
    }

    pub fn u16(&self, key: &str, default: u16) -> Result<u16, ConfigError> {
        self.parsed(key, default, "a whole number from 0 to 65535")
    }

    pub fn u64(&self, key: &str, default: u64) -> Result<u64, ConfigError> {
        self.parsed(key, default, "a whole number, not negative")
    }

    pub fn i64(&self, key: &str, default: i64) -> Result<i64, ConfigError> {
        self.parsed(key, default, "a whole number")
    }

    pub fn f64(&self, key: &str, default: f64) -> Result<f64, ConfigError> {
        self.parsed(key, default, "a number")
    }

    pub fn bool(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(value) => Err(ConfigError::Value { key: key.to_owned(), value, expected: "true or false" }),
        }
    }

    /// A time such as `1d2h30m15s` or `500ms`. A bare number is an error, since its unit would be a guess.
    pub fn period(&self, key: &str, default: Duration) -> Result<Duration, ConfigError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => parse_period(&value).ok_or(ConfigError::Value {
                key: key.to_owned(),
                value,
                expected: "a time such as 6h, 30m or 1d12h",
            }),
        }
    }

    /// A size such as `200M`, `1.5GB` or a number of bytes.
    pub fn bytes(&self, key: &str, default: u64) -> Result<u64, ConfigError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => parse_bytes(&value).ok_or(ConfigError::Value {
                key: key.to_owned(),
                value,
                expected: "a size such as 200M or 1G",
            }),
        }
    }

    /// Every property whose key begins with `prefix`, which is cut off; for example all of one storage plug-in.
    pub fn subset(&self, prefix: &str) -> BTreeMap<String, String> {
        let start = relaxed(prefix);
        let mut out = BTreeMap::new();
        for (name, entry) in self.entries.range(start.clone()..) {
            if !name.starts_with(&start) {
                break;
            }
            self.read.lock().insert(name.clone());
            let dots = prefix.matches('.').count();
            let rest = entry.key.splitn(dots + 1, '.').last().unwrap_or(&entry.key);
            out.insert(rest.to_owned(), entry.values.join(","));
        }
        out
    }

    /// Everything, keys as written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, String)> {
        self.entries.values().map(|entry| (entry.key.as_str(), entry.values.join(",")))
    }

    /// Keys that nobody has asked for, as written. Meaningful once every role has read its own.
    pub fn unread(&self) -> Vec<&str> {
        let read = self.read.lock();
        self.entries.iter().filter(|(name, _)| !read.contains(*name)).map(|(_, entry)| entry.key.as_str()).collect()
    }

    /// Logs what the keys that nobody has asked for are: keys that Pinot knows and that do nothing here, and others, each
    /// with the known key that it looks like.
    pub fn warn_unread(&self) {
        let (known, unknown): (Vec<&str>, Vec<&str>) = self.unread().into_iter().partition(|key| known::is_known(key));
        if !known.is_empty() {
            tracing::info!("these properties do nothing in this process: {}", known.join(", "));
        }
        if !unknown.is_empty() {
            let told: Vec<String> = unknown.iter().map(|key| self.with_guess(key)).collect();
            tracing::warn!("these properties are not known and have no effect: {}", told.join(", "));
        }
    }

    fn with_guess(&self, key: &str) -> String {
        let read = self.read.lock();
        match known::nearest(key, read.iter().map(String::as_str)) {
            Some(near) => format!("{key} (did you mean {near}?)"),
            None => key.to_owned(),
        }
    }
}

/// What Java calls a system property, as far as it makes sense here.
fn system_property(name: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let options = lookup("JAVA_OPTS").unwrap_or_default();
    let wanted = format!("-D{name}=");
    if let Some(value) = options.split_whitespace().filter_map(|option| option.strip_prefix(&wanted)).next_back() {
        return Some(value.to_owned());
    }
    match name {
        "java.io.tmpdir" => Some(std::env::temp_dir().display().to_string()),
        "user.home" => lookup("HOME"),
        "user.name" => lookup("USER"),
        "user.dir" => std::env::current_dir().ok().map(|dir| dir.display().to_string()),
        _ => None,
    }
}

/// A value without its escapes. `\,` stays, since it matters to lists, and so does what is no escape.
fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let mut after = rest[at + 1..].chars();
        let plain = match after.next() {
            Some('t') => Some('\t'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('f') => Some('\u{c}'),
            Some('\\') => Some('\\'),
            Some('u') => {
                let code = after.as_str().get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                let plain = code.and_then(char::from_u32);
                if plain.is_some() {
                    after = after.as_str()[4..].chars();
                }
                plain
            }
            _ => None,
        };
        match plain {
            Some(c) => {
                out.push(c);
                rest = after.as_str();
            }
            None => {
                out.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn ends_with_odd_backslashes(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or blank that no backslash precedes.
fn split_pair(line: &str) -> Option<(String, String)> {
    let mut key = String::new();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => key.push(chars.next()?.1),
            '=' | ':' => return non_empty(key, &line[at + 1..]),
            c if c.is_whitespace() => {
                let rest = line[at..].trim_start();
                let value = rest.strip_prefix(['=', ':'])?;
                return non_empty(key, value);
            }
            c => key.push(c),
        }
    }
    None
}

fn non_empty(key: String, value: &str) -> Option<(String, String)> {
    (!key.is_empty()).then(|| (key, value.trim().to_owned()))
}

/// A time such as `1d2h30m15s500ms`.
pub fn parse_period(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit_ms: u64 = match rest[..end].trim() {
            "ms" | "MS" => 1,
            "s" | "S" => 1_000,
            "m" | "M" => 60_000,
            "h" | "H" => 3_600_000,
            "d" | "D" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(count.checked_mul(unit_ms)?))?;
        rest = &rest[end..];
    }
    Some(total)
}

/// A size such as `200M`, `1.5GB` or a bare number of bytes.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1u64,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        "t" | "tb" => 1 << 40,
        "p" | "pb" => 1 << 50,
        _ => return None,
    };
    let bytes = number * unit as f64;
    (bytes.is_finite() && bytes >= 0.0 && bytes <= u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests;
