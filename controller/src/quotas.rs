//! How many queries a second databases and applications may ask. Kept as nodes of the metadata browser; brokers get
//! them among the cluster's configs and hold them.

use std::collections::BTreeMap;

use metadata::znode::ZnRecord;

use crate::cluster::{Change, Node, State};
use crate::error::Error;

const DATABASES: &str = "PROPERTYSTORE/CONFIGS/DATABASE";
const APPLICATIONS: &str = "PROPERTYSTORE/CONFIGS/APPLICATION_QUOTAS";
/// The section of a database's node.
const QUOTA: &str = "quotaConfig";
const MAX_QPS: &str = "maxQueriesPerSecond";
/// Names that have a quota at most: brokers are told all of them.
const MAX_NAMES: usize = 10_000;
const MAX_NAME: usize = 512;

/// Cluster configs that hold for what has no quota of its own.
pub(crate) const ANY_DATABASE: &str = "databaseMaxQueriesPerSecond";
pub(crate) const ANY_APPLICATION: &str = "applicationMaxQueriesPerSecond";

/// Whether a node holds quotas, so that brokers have to be told of its change.
pub(crate) fn is_quota_node(path: &str) -> bool {
    path == APPLICATIONS || path.starts_with(DATABASES)
}

/// The quota of a database, as it was set.
pub(crate) fn database(state: &State, name: &str) -> Option<String> {
    let record = state.nodes.get(&format!("{DATABASES}/{name}"))?.record.as_ref()?;
    record.map_fields.get(QUOTA)?.get(MAX_QPS).cloned()
}

/// Quotas by application.
pub(crate) fn applications(state: &State) -> BTreeMap<String, f64> {
    let record = state.nodes.get(APPLICATIONS).and_then(|node| node.record.as_ref());
    let fields = record.map(|record| &record.simple_fields).into_iter().flatten();
    fields.filter_map(|(name, rate)| Some((name.clone(), rate.parse().ok()?))).collect()
}

fn rate(text: &str) -> Result<f64, Error> {
    let valid = text.trim().parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 0.0);
    valid.ok_or_else(|| {
        let shown: String = text.escape_debug().take(100).collect();
        Error::Invalid(format!("maxQueriesPerSecond is '{shown}'; expected a number that is not negative"))
    })
}

fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.len() > MAX_NAME || name.contains(|c: char| c == '/' || c.is_control()) {
        return Err(Error::Invalid(format!("A name has 1 to {MAX_NAME} bytes, no slash and no control character")));
    }
    Ok(())
}

fn node(state: &State, path: &str, record: ZnRecord, now_ms: i64) -> Change {
    let known = state.nodes.get(path);
    let node = Node {
        record: Some(record),
        version: known.map_or(0, |known| known.version.wrapping_add(1).max(0)),
        created_ms: known.map_or(now_ms, |known| known.created_ms),
        modified_ms: now_ms,
    };
    Change::PutNode(path.to_owned(), node)
}

/// Plans the quota of a database; without a number it has none.
pub(crate) fn set_database(state: &State, name: &str, max: Option<&str>, now_ms: i64) -> Result<Vec<Change>, Error> {
    check_name(name)?;
    let path = format!("{DATABASES}/{name}");
    let known = state.nodes.range(format!("{DATABASES}/")..).take_while(|(path, _)| is_quota_node(path)).count();
    if known >= MAX_NAMES && !state.nodes.contains_key(&path) {
        return Err(Error::Invalid(format!("{MAX_NAMES} databases have a quota already, which is the most")));
    }
    let mut record = ZnRecord::new(name);
    record.set("databaseName", name);
    if let Some(max) = max {
        rate(max)?;
        let quota = BTreeMap::from([(MAX_QPS.to_owned(), max.trim().to_owned())]);
        record.map_fields.insert(QUOTA.to_owned(), quota);
    }
    Ok(vec![node(state, &path, record, now_ms)])
}

/// Plans the quota of an application; without a number it has none.
pub(crate) fn set_application(state: &State, name: &str, max: Option<&str>, now_ms: i64) -> Result<Vec<Change>, Error> {
    check_name(name)?;
    let known = state.nodes.get(APPLICATIONS).and_then(|node| node.record.clone());
    let mut record = known.unwrap_or_else(|| ZnRecord::new("applicationQuotas"));
    match max {
        Some(max) => {
            if record.simple_fields.len() >= MAX_NAMES && !record.simple_fields.contains_key(name) {
                return Err(Error::Invalid(format!(
                    "{MAX_NAMES} applications have a quota already, which is the most"
                )));
            }
            record.set(name, rate(max)?);
        }
        None => {
            record.simple_fields.remove(name);
        }
    }
    Ok(vec![node(state, APPLICATIONS, record, now_ms)])
}

/// The cluster's configs as one broker gets them.
pub(crate) fn broker_configs(state: &State, broker: &str) -> BTreeMap<String, String> {
    let mut configs = state.configs.clone();
    for (name, rate) in applications(state) {
        configs.insert(format!("applicationQuota.{name}"), rate.to_string());
    }
    let databases = state.nodes.range(format!("{DATABASES}/")..).take_while(|(path, _)| path.starts_with(DATABASES));
    for (path, _) in databases {
        let name = path.rsplit('/').next().unwrap_or_default();
        if let Some(rate) = database(state, name) {
            configs.insert(format!("databaseQuota.{name}"), rate);
        }
    }
    if state.instances.get(broker).is_some_and(|entry| entry.query_rate_limit_disabled) {
        configs.insert("queryRateLimitDisabled".to_owned(), "true".to_owned());
    }
    configs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Touched;

    #[test]
    fn quotas_reach_the_brokers() {
        let mut state = State::default();
        let mut touched = Touched::default();
        for changes in
            [set_database(&state, "db", Some("7"), 1).unwrap(), set_application(&state, "app", Some("2.5"), 1).unwrap()]
        {
            for change in changes {
                state.apply(change, &mut touched);
            }
        }
        assert!(touched.configs);
        let configs = broker_configs(&state, "Broker_h_1");
        assert_eq!((configs["databaseQuota.db"].as_str(), configs["applicationQuota.app"].as_str()), ("7", "2.5"));
        assert_eq!(database(&state, "db").as_deref(), Some("7"));
        for change in set_application(&state, "app", None, 2).unwrap() {
            state.apply(change, &mut touched);
        }
        assert!(applications(&state).is_empty());
        for bad in ["-1", "many", "NaN", "inf", ""] {
            assert!(set_application(&state, "app", Some(bad), 2).is_err(), "{bad}");
        }
        assert!(set_database(&state, "a/b", Some("1"), 2).is_err());
    }
}
