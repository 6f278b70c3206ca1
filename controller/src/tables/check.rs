//! What is checked before a table config is stored: the config itself, then the cluster it is for.

use model::table_config::ValidationError;
use model::{Schema, TableConfig, TableType};
use serde_json::Value;

use super::{instances, tasks};
use crate::cluster::{self, State};
use crate::error::Error;

/// Checks that a caller asks to leave out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Skip {
    pub all: bool,
    pub task: bool,
    pub upsert: bool,
    pub tenant: bool,
    pub minion: bool,
    /// Replicas need not be named yet.
    pub replication: bool,
}

impl Skip {
    const NAMES: [&'static str; 6] = ["ALL", "TASK", "UPSERT", "TENANT", "MINION_INSTANCES", "ACTIVE_TASKS"];

    /// Reads `validationTypesToSkip`.
    pub fn parse(text: Option<&str>) -> Result<Self, Error> {
        let mut skip = Self::default();
        for name in text.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name.to_ascii_uppercase().as_str() {
                "ALL" => skip.all = true,
                "TASK" => skip.task = true,
                "UPSERT" => skip.upsert = true,
                "TENANT" => skip.tenant = true,
                "MINION_INSTANCES" => skip.minion = true,
                "ACTIVE_TASKS" => {}
                _ => {
                    let meant = model::suggest::did_you_mean(name, Self::NAMES);
                    return Err(Error::Invalid(format!(
                        "Unknown validation type '{name}' in validationTypesToSkip: expected {}{meant}",
                        Self::NAMES.join(", ")
                    )));
                }
            }
        }
        Ok(skip)
    }
}

/// Checks a config against its schema, as every validation does.
pub(crate) fn validate(config: &TableConfig, schema: &Schema, skip: Skip) -> Result<(), Error> {
    if skip.all {
        return Ok(());
    }
    let mut mistakes = model::table_config::validate_table(config, schema);
    mistakes.retain(|mistake| {
        let unnamed = mistake.at == "/segmentsConfig/replication" && config.replication_text().is_none();
        !(skip.upsert && mistake.about_upsert || skip.replication && unnamed)
    });
    refuse_first(mistakes)?;
    // Whether expressions can be read is for those to say who run them.
    ::ingest::Pipeline::new(schema, config, 0).map_err(|error| expression_error(config, &error))?;
    if !skip.task {
        tasks::validate(config, schema)?;
    }
    Ok(())
}

/// Checks a config against the other half of a hybrid table and against the instances of the cluster.
pub(crate) fn validate_in_cluster(state: &State, config: &TableConfig, skip: Skip) -> Result<(), Error> {
    if !skip.all {
        hybrid(state, config)?;
    }
    if !(skip.all || skip.tenant) {
        tenants(state, config)?;
    }
    if !(skip.all || skip.minion || skip.task) {
        tasks::validate_minions(state, config)?;
    }
    Ok(())
}

/// An unreadable expression, with the place where it stands.
fn expression_error(config: &TableConfig, error: &::ingest::Error) -> Error {
    let at = match error {
        ::ingest::Error::Transform { column, .. } | ::ingest::Error::GroovyTransform { column, .. } => {
            let place = config.ingestion().transforms.iter().position(|transform| transform.column == *column);
            place.map(|place| format!("/ingestionConfig/transformConfigs/{place}/transformFunction"))
        }
        ::ingest::Error::Filter { .. } | ::ingest::Error::GroovyFilter { .. } => {
            Some("/ingestionConfig/filterConfig/filterFunction".to_owned())
        }
        _ => None,
    };
    Error::Invalid(at.map_or_else(|| error.to_string(), |at| format!("{error} (at {at})")))
}

fn hybrid(state: &State, config: &TableConfig) -> Result<(), Error> {
    let other = match config.table_type() {
        TableType::Offline => config.raw_name().realtime(),
        TableType::Realtime => config.raw_name().offline(),
    };
    let Some(other) = state.table(other.as_str()) else { return Ok(()) };
    let (offline, realtime) = match config.table_type() {
        TableType::Offline => (config, &*other.entry.config),
        TableType::Realtime => (&*other.entry.config, config),
    };
    validate_pair(offline, realtime)
}

/// Checks the two halves of a hybrid table.
pub(crate) fn validate_pair(offline: &TableConfig, realtime: &TableConfig) -> Result<(), Error> {
    refuse_first(model::table_config::validate_hybrid_pair(offline, realtime))
}

/// The most basic mistake comes first; how many more there are is said.
fn refuse_first(mistakes: Vec<ValidationError>) -> Result<(), Error> {
    let more = mistakes.len().saturating_sub(1);
    let Some(first) = mistakes.into_iter().next() else { return Ok(()) };
    Err(Error::Invalid(match more {
        0 => first.to_string(),
        1 => format!("{first}; 1 more mistake after this one"),
        _ => format!("{first}; {more} more mistakes after this one"),
    }))
}

/// Checks that the tenants have instances, as many as the replication and the instance assignment ask for.
fn tenants(state: &State, config: &TableConfig) -> Result<(), Error> {
    let name = config.table_name();
    let needs = |tag: &str, at: &str, used: &str| {
        if state.instances_with_tag(tag).is_empty() {
            let known = state.instances.values().flat_map(|instance| instance.tags.iter().map(String::as_str));
            let meant = model::suggest::did_you_mean(tag, known);
            return Err(Error::Invalid(format!(
                "Failed to find instances with tag: {tag}{used} for table: {name} (at {at}){meant}"
            )));
        }
        Ok(())
    };
    needs(&cluster::broker_tag(config), "/tenants/broker", "")?;
    let failed = |reason: String| {
        Error::Invalid(format!("Failed to calculate instance partitions for table: {name}, reason: {reason}"))
    };
    for kind in instances::configured(config) {
        instances::assign(state, config, &kind)
            .map_err(|reason| failed(format!("{reason} (at /instanceAssignmentConfigMap/{})", kind.key)))?;
    }
    if config.is_dimension_table() {
        let tenant = config.server_tenant();
        let tags = [format!("{tenant}_OFFLINE"), format!("{tenant}_REALTIME")];
        if tags.iter().all(|tag| state.instances_with_tag(tag).is_empty()) {
            return Err(Error::Invalid(format!(
                "Failed to find instances for dimension table: {name} (at /tenants/server): no server has the tag {} \
                 or {}",
                tags[0], tags[1]
            )));
        }
    } else {
        for tag in server_tags(config)? {
            let servers = state.instances_with_tag(&tag).len();
            if servers == 0 {
                return Err(failed(format!("No instance found with tag: {tag} for table: {name}")));
            }
            let replication = config.replication();
            if (servers as u64) < u64::from(replication) {
                return Err(failed(format!(
                    "Number of instances: {servers} with tag: {tag} < table replication: {replication} for table: \
                     {name}"
                )));
            }
        }
    }
    for (at, tier) in config.tiers().enumerate() {
        let text = |key: &str| tier.get(key).and_then(Value::as_str).unwrap_or_default();
        let used = format!(" as used by tier: {}", text("name"));
        needs(text("serverTag"), &format!("/tierConfigs/{at}/serverTag"), &used)?;
    }
    Ok(())
}

/// Tags of the servers that a table that is no dimension table needs.
fn server_tags(config: &TableConfig) -> Result<Vec<String>, Error> {
    let own = cluster::server_tag(config);
    if config.table_type() == TableType::Offline {
        return Ok(vec![own]);
    }
    let overrides = config.section("tenants").get("tagOverrideConfig").and_then(Value::as_object);
    let mut tags: Vec<String> = Vec::new();
    for (key, stage) in [("realtimeConsuming", "CONSUMING"), ("realtimeCompleted", "COMPLETED")] {
        let tag = overrides.and_then(|map| map.get(key)).and_then(Value::as_str).unwrap_or(&own);
        if !(tag.ends_with("_OFFLINE") || tag.ends_with("_REALTIME")) {
            return Err(Error::Invalid(format!(
                "Invalid {stage} server tag: {tag} for table: {} (at /tenants/tagOverrideConfig/{key}): end it in \
                 _OFFLINE or _REALTIME",
                config.table_name()
            )));
        }
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_to_skip() {
        let skip = Skip::parse(Some("task, UPSERT,")).unwrap();
        assert!(skip.task && skip.upsert && !skip.all && !skip.tenant);
        assert!(Skip::parse(None).is_ok());
        let text = Skip::parse(Some("UPSERTS")).unwrap_err().to_string();
        assert!(text.contains("'UPSERTS'") && text.contains("did you mean 'UPSERT'"), "{text}");
    }
}
