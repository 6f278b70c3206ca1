//! Wanted and actual states of segments, as the controller tells them.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use crate::verbs::rest::{Rest, path};

/// Instance → state.
pub type States = BTreeMap<String, String>;

/// The states of one table with its type: segment → instance → state.
#[derive(Clone, Debug, Default)]
pub struct TableStates {
    pub wanted: BTreeMap<String, States>,
    pub actual: BTreeMap<String, States>,
}

impl TableStates {
    /// Segments whose actual states are not the wanted ones. One that is wanted OFFLINE may be absent.
    pub fn differing(&self) -> Vec<&str> {
        let none = States::new();
        let mut names: Vec<&str> = self.wanted.keys().chain(self.actual.keys()).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| {
            let serving = |states: &States| -> States {
                states.iter().filter(|(_, state)| *state != "OFFLINE").map(|(k, v)| (k.clone(), v.clone())).collect()
            };
            serving(self.wanted.get(*name).unwrap_or(&none)) != serving(self.actual.get(*name).unwrap_or(&none))
        });
        names
    }
}

/// The tables with their type that match: all, or one by its name with or without type.
pub async fn of_tables(rest: &Rest, only: Option<&str>) -> Result<BTreeMap<String, TableStates>> {
    let tables = match only {
        Some(name) => vec![name.to_owned()],
        None => rest.names("/tables", "tables").await?,
    };
    let mut out: BTreeMap<String, TableStates> = BTreeMap::new();
    for table in tables {
        let raw = table.strip_suffix("_OFFLINE").or_else(|| table.strip_suffix("_REALTIME")).unwrap_or(&table);
        let Some(wanted) = rest.find_json(&path(&["tables", &table, "idealstate"])).await? else { continue };
        let actual = rest.find_json(&path(&["tables", &table, "externalview"])).await?.unwrap_or_default();
        for kind in ["OFFLINE", "REALTIME"] {
            if wanted[kind].is_null() && actual[kind].is_null() {
                continue;
            }
            let states = TableStates { wanted: segments(&wanted[kind]), actual: segments(&actual[kind]) };
            out.insert(format!("{raw}_{kind}"), states);
        }
    }
    Ok(out)
}

fn segments(value: &Value) -> BTreeMap<String, States> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let states = |v: &Value| v.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), text(v))).collect();
    value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), states(value))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_serves_must_agree() {
        let states = TableStates {
            wanted: segments(&json!({
                "same": {"a": "ONLINE", "b": "ONLINE"}, "late": {"a": "ONLINE", "b": "ONLINE"}, "broken": {"a": "ONLINE"},
                "off": {"a": "OFFLINE"}, "absent": {"a": "CONSUMING"}
            })),
            actual: segments(&json!({
                "same": {"a": "ONLINE", "b": "ONLINE"}, "late": {"a": "ONLINE"}, "broken": {"a": "ERROR"}, "left": {"a": "ONLINE"}
            })),
        };
        assert_eq!(states.differing(), ["absent", "broken", "late", "left"]);
        assert!(TableStates::default().differing().is_empty());
    }
}
