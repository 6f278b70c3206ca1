//! Reading a JSON document against a table of known keys.
//!
//! One pass gives the document as Pinot writes it back: known keys in their order, defaults filled in, nulls left
//! out, texts and numbers in the kind the key has; unknown keys come out apart, by JSON pointer.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::schema::{json_kind as kind, json_pointer as pointer};

/// The known keys of one kind of object, in the order they are written.
pub(super) struct Section {
    pub keys: &'static [Key],
}

pub(super) struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Default,
}

/// What stands where a key is absent or null.
pub(super) enum Default {
    Absent,
    False,
    True,
    Int(i64),
    Float(f64),
    Text(&'static str),
    EmptyObject,
    EmptyList,
    /// An error: the key must be there.
    Required,
}

pub(super) enum Kind {
    /// A string; numbers and booleans are taken as their text.
    Text,
    Bool,
    Int,
    Float,
    /// A string out of a list, in any case, written as listed.
    Enum(&'static [&'static str]),
    TextList,
    /// Objects whose values are texts.
    TextMap,
    Object(&'static Section),
    List(&'static Section),
    /// Free keys, each with an object of the section.
    MapOf(&'static Section),
    /// Anything, kept as it is.
    Any,
}

pub(super) const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, default: Default::Absent }
}

pub(super) const fn key_or(name: &'static str, kind: Kind, default: Default) -> Key {
    Key { name, kind, default }
}

/// A member of the wrong kind, or a missing one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShapeError {
    /// JSON pointer.
    pub at: String,
    pub reason: String,
}

pub(super) type Unrecognized = BTreeMap<String, Json>;

/// The object in its written form. Unknown members go to `unrecognized`.
pub(super) fn read_section(
    object: &Map<String, Json>,
    section: &Section,
    at: &str,
    unrecognized: &mut Unrecognized,
) -> Result<Map<String, Json>, ShapeError> {
    let mut out = Map::new();
    for key in section.keys {
        let at = pointer(at, key.name);
        match object.get(key.name).filter(|value| !value.is_null()) {
            Some(value) => {
                out.insert(key.name.into(), read_value(value, key, &at, unrecognized)?);
            }
            None => match &key.default {
                Default::Absent => {}
                Default::Required => {
                    let unknown = object.keys().filter(|name| section.keys.iter().all(|key| key.name != **name));
                    let meant = match crate::suggest::nearest(key.name, unknown.map(String::as_str)) {
                        Some(name) => format!("; rename '{name}', which nobody knows, if it was meant"),
                        None => String::new(),
                    };
                    return Err(ShapeError {
                        reason: format!("\"{}\" field is missing in table config{meant}", key.name),
                        at,
                    });
                }
                default => {
                    out.insert(key.name.into(), default_value(default));
                }
            },
        }
    }
    for (name, value) in object {
        if !section.keys.iter().any(|key| key.name == name) && !value.is_null() {
            unrecognized.insert(pointer(at, name), value.clone());
        }
    }
    Ok(out)
}

fn default_value(default: &Default) -> Json {
    match default {
        Default::Absent | Default::Required => Json::Null,
        Default::False => false.into(),
        Default::True => true.into(),
        Default::Int(value) => (*value).into(),
        Default::Float(value) => (*value).into(),
        Default::Text(value) => (*value).into(),
        Default::EmptyObject => Json::Object(Map::new()),
        Default::EmptyList => Json::Array(Vec::new()),
    }
}

fn read_value(value: &Json, key: &Key, at: &str, unrecognized: &mut Unrecognized) -> Result<Json, ShapeError> {
    let fail = |expected: &str| {
        Err(ShapeError { at: at.to_owned(), reason: format!("expected {expected}, found {}", shown(value)) })
    };
    match &key.kind {
        Kind::Text => match value {
            Json::String(_) => Ok(value.clone()),
            Json::Number(_) | Json::Bool(_) => Ok(value.to_string().into()),
            _ => fail("a string"),
        },
        Kind::Bool => match value {
            Json::Bool(_) => Ok(value.clone()),
            Json::String(text) if text.eq_ignore_ascii_case("true") => Ok(true.into()),
            Json::String(text) if text.eq_ignore_ascii_case("false") => Ok(false.into()),
            _ => fail("true or false"),
        },
        Kind::Int => match number(value).filter(|number| number.fract() == 0.0 && number.abs() < 9e18) {
            Some(number) => Ok((number as i64).into()),
            None => fail("a whole number"),
        },
        Kind::Float => match number(value) {
            Some(number) => Ok(number.into()),
            None => fail("a number"),
        },
        Kind::Enum(allowed) => {
            let found = value.as_str().and_then(|text| allowed.iter().find(|name| name.eq_ignore_ascii_case(text)));
            match found {
                Some(name) => Ok((*name).into()),
                None => {
                    let text = value.as_str().unwrap_or_default();
                    let meant = crate::suggest::did_you_mean(text, allowed.iter().copied());
                    let reason = format!("expected one of {}, found {}{meant}", allowed.join(", "), shown(value));
                    Err(ShapeError { at: at.to_owned(), reason })
                }
            }
        }
        Kind::TextList => match value {
            Json::Array(items) => items
                .iter()
                .filter(|item| !item.is_null())
                .enumerate()
                .map(|(i, item)| read_value(item, &TEXT, &format!("{at}/{i}"), unrecognized))
                .collect(),
            // One text is taken as a list of one.
            Json::String(_) => Ok(vec![value.clone()].into()),
            _ => fail("an array of strings"),
        },
        Kind::TextMap => {
            let Json::Object(object) = value else { return fail("an object") };
            let mut out = Map::new();
            for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
                let text = match value {
                    Json::String(text) => text.clone(),
                    other => other.to_string(),
                };
                out.insert(name.clone(), text.into());
            }
            Ok(out.into())
        }
        Kind::Object(section) => {
            let Json::Object(object) = value else { return fail("an object") };
            read_section(object, section, at, unrecognized).map(Json::Object)
        }
        Kind::List(section) => {
            let Json::Array(items) = value else { return fail("an array of objects") };
            let mut out = Vec::with_capacity(items.len());
            for (i, item) in items.iter().enumerate() {
                let at = format!("{at}/{i}");
                let Json::Object(object) = item else {
                    return Err(ShapeError { reason: format!("expected an object, found {}", shown(item)), at });
                };
                out.push(Json::Object(read_section(object, section, &at, unrecognized)?));
            }
            Ok(out.into())
        }
        Kind::MapOf(section) => {
            let Json::Object(object) = value else { return fail("an object") };
            let mut out = Map::new();
            for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
                let at = pointer(at, name);
                let Json::Object(object) = value else {
                    return Err(ShapeError { reason: format!("expected an object, found {}", shown(value)), at });
                };
                out.insert(name.clone(), Json::Object(read_section(object, section, &at, unrecognized)?));
            }
            Ok(out.into())
        }
        Kind::Any => Ok(value.clone()),
    }
}

const TEXT: Key = key("", Kind::Text);

fn number(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::Array(_) | Json::Object(_) | Json::Null => kind(value).to_owned(),
        other => {
            let text = other.to_string();
            if text.chars().count() > 100 { format!("{}…", text.chars().take(100).collect::<String>()) } else { text }
        }
    }
}
