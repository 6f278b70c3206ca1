//! Finds one value in a JSON text without building the rest of the document.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value as Json;

/// One step down a plain path.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plain {
    Key(String),
    Index(usize),
}

/// The value at the end of `steps`; `None` where a step leads nowhere. The whole text must be JSON.
pub(super) fn seek(text: &str, steps: &[Plain]) -> Option<Json> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let found = Seek(steps).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    found
}

struct Seek<'p>(&'p [Plain]);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Option<Json>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() { Json::deserialize(deserializer).map(Some) } else { deserializer.deserialize_any(self) }
    }
}

/// A key borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }
            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

macro_rules! leads_nowhere {
    ($($visit:ident: $ty:ty),*) => {$(
        fn $visit<E>(self, _: $ty) -> Result<Self::Value, E> {
            Ok(None)
        }
    )*};
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = Option<Json>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    leads_nowhere!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            match self.0.split_first() {
                // Of a key given twice the last counts.
                Some((Plain::Key(wanted), rest)) if key == wanted.as_str() => {
                    found = map.next_value_seed(Seek(rest))?
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut at = 0usize;
        loop {
            match self.0.split_first() {
                Some((Plain::Index(wanted), rest)) if at == *wanted => match items.next_element_seed(Seek(rest))? {
                    Some(value) => found = value,
                    None => break,
                },
                _ => {
                    if items.next_element::<IgnoredAny>()?.is_none() {
                        break;
                    }
                }
            }
            at += 1;
        }
        Ok(found)
    }
}
