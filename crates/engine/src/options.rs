//! The query options that the engine itself obeys.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::error::{Error, Result};

/// Groups that one segment may contribute, where the query says nothing else.
const NUM_GROUPS_LIMIT: usize = 100_000;
const NUM_GROUPS_WARNING_LIMIT: usize = 150_000;
const MIN_SERVER_GROUP_TRIM_SIZE: i64 = 5_000;
const GROUP_TRIM_THRESHOLD: usize = 1_000_000;
/// From this threshold on the server does not trim.
pub(crate) const NO_TRIM_THRESHOLD: usize = 1_000_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) num_groups_limit: usize,
    pub(crate) num_groups_warning_limit: usize,
    /// Zero or negative: keep every group.
    pub(crate) min_server_group_trim_size: i64,
    pub(crate) group_trim_threshold: usize,
    pub(crate) skip_empty_groups: bool,
    pub(crate) max_threads: Option<usize>,
    pub(crate) explain_verbose: bool,
    /// Column to upper-case names of the indexes not to use.
    skip_indexes: HashMap<String, HashSet<String>>,
}

impl Options {
    pub(crate) fn parse(map: &BTreeMap<String, String>) -> Result<Self> {
        Ok(Self {
            num_groups_limit: number(map, "numGroupsLimit")?.unwrap_or(NUM_GROUPS_LIMIT),
            num_groups_warning_limit: number(map, "numGroupsWarningLimit")?.unwrap_or(NUM_GROUPS_WARNING_LIMIT),
            min_server_group_trim_size: number(map, "minServerGroupTrimSize")?.unwrap_or(MIN_SERVER_GROUP_TRIM_SIZE),
            group_trim_threshold: number(map, "groupTrimThreshold")?.unwrap_or(GROUP_TRIM_THRESHOLD),
            skip_empty_groups: flag(map, "filteredAggregationsSkipEmptyGroups"),
            max_threads: number(map, "maxExecutionThreads")?,
            explain_verbose: flag(map, "explainPlanVerbose"),
            skip_indexes: skip_indexes(map)?,
        })
    }

    /// Whether the query forbids this index (`INVERTED`, `SORTED`, `RANGE`) on this column.
    pub(crate) fn skips(&self, column: &str, index: &str) -> bool {
        !self.skip_indexes.is_empty() && self.skip_indexes.get(column).is_some_and(|names| names.contains(index))
    }
}

fn get<'m>(map: &'m BTreeMap<String, String>, key: &str) -> Option<&'m str> {
    map.get(key)
        .or_else(|| map.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v))
        .map(|v| v.trim().trim_matches('\''))
}

fn flag(map: &BTreeMap<String, String>, key: &str) -> bool {
    get(map, key).is_some_and(|v| v.eq_ignore_ascii_case("true"))
}

fn number<T: std::str::FromStr>(map: &BTreeMap<String, String>, key: &'static str) -> Result<Option<T>> {
    let Some(text) = get(map, key) else { return Ok(None) };
    match text.parse() {
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(Error::Option { key, value: text.to_owned(), expected: "a whole number" }),
    }
}

/// `col=inverted,range&col2=text`.
fn skip_indexes(map: &BTreeMap<String, String>) -> Result<HashMap<String, HashSet<String>>> {
    let mut out = HashMap::new();
    let Some(text) = get(map, "skipIndexes") else { return Ok(out) };
    for piece in text.split('&').filter(|p| !p.trim().is_empty()) {
        let Some((column, names)) = piece.split_once('=') else {
            return Err(Error::Option {
                key: "skipIndexes",
                value: text.to_owned(),
                expected: "the form col1=inverted,range&col2=sorted",
            });
        };
        let names = names.split(',').map(|n| n.trim().to_ascii_uppercase()).collect();
        out.insert(column.trim().to_owned(), names);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Options> {
        Options::parse(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn keys_ignore_case_and_defaults_hold() {
        let options = parse(&[("NUMGROUPSLIMIT", "7"), ("skipIndexes", "a=inverted,range&b=sorted")]).unwrap();
        assert_eq!(options.num_groups_limit, 7);
        assert_eq!(options.min_server_group_trim_size, 5_000);
        assert!(options.skips("a", "RANGE") && options.skips("b", "SORTED") && !options.skips("b", "RANGE"));
    }

    #[test]
    fn a_bad_value_is_named() {
        assert!(parse(&[("numGroupsLimit", "x")]).unwrap_err().to_string().contains("numGroupsLimit"));
        assert!(parse(&[("skipIndexes", "a")]).unwrap_err().to_string().contains("skipIndexes"));
    }
}
