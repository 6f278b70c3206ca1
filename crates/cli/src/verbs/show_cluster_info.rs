//! `ShowClusterInfo`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::{
    Group, Verb,
    flags::ClusterFlags,
    rest::{Rest, path},
};
use crate::states;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct ShowClusterInfo {
    /// Only these tables, with or without their type.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub tables: Vec<String>,
    /// Only instances that have one of these tags, and tables of their tenants.
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    pub tags: Vec<String>,
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

impl Verb for ShowClusterInfo {
    const NAME: &'static str = "ShowClusterInfo";
    const GROUP: Group = Group::Operations;
    const ABOUT: &'static str = "Show instances, tables and where their segments are, as YAML.";
    const DETAILS: &'static str = "The controller is asked; -zkAddress is accepted and not used.";
    const EXAMPLES: &'static [&'static str] = &["ShowClusterInfo -tables movies,orders -tags DefaultTenant_OFFLINE"];

    async fn run(self) -> Result<()> {
        let rest = Rest::cluster(&self.cluster).await?;
        let info = rest.get_json("/cluster/info").await?;
        let live: BTreeSet<String> = rest.names("/liveinstances", "instances").await?.into_iter().collect();
        let mut out = String::new();
        let _ = writeln!(out, "clusterName: {}", scalar(info["clusterName"].as_str().unwrap_or_default()));
        self.instances(&rest, &live, &mut out).await?;
        self.tables(&rest, &mut out).await?;
        print!("{out}");
        Ok(())
    }
}

impl ShowClusterInfo {
    fn has_tag<'a>(&self, tags: impl IntoIterator<Item = &'a str>) -> bool {
        self.tags.is_empty() || tags.into_iter().any(|tag| self.tags.iter().any(|wanted| wanted == tag))
    }

    async fn instances(&self, rest: &Rest, live: &BTreeSet<String>, out: &mut String) -> Result<()> {
        let mut by_role: BTreeMap<&str, Vec<(String, Vec<String>)>> = BTreeMap::new();
        let mut names = rest.names("/instances", "instances").await?;
        names.sort();
        for name in names {
            let Some(instance) = rest.find_json(&path(&["instances", &name])).await? else { continue };
            let tags: Vec<String> = instance["tags"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|t| t.as_str().map(str::to_owned))
                .collect();
            if !self.has_tag(tags.iter().map(String::as_str)) {
                continue;
            }
            let role = match name.split('_').next() {
                Some("Controller") => "controllers",
                Some("Broker") => "brokers",
                Some("Minion") => "minions",
                _ => "servers",
            };
            by_role.entry(role).or_default().push((name, tags));
        }
        for role in ["controllers", "brokers", "servers", "minions"] {
            let Some(instances) = by_role.get(role) else {
                let _ = writeln!(out, "{role}: []");
                continue;
            };
            let _ = writeln!(out, "{role}:");
            for (name, tags) in instances {
                let tags: Vec<String> = tags.iter().map(|tag| scalar(tag)).collect();
                let _ = writeln!(out, "- name: {}", scalar(name));
                let _ = writeln!(out, "  alive: {}", live.contains(name));
                let _ = writeln!(out, "  tags: [{}]", tags.join(", "));
            }
        }
        Ok(())
    }

    async fn tables(&self, rest: &Rest, out: &mut String) -> Result<()> {
        let mut text = String::new();
        for (table, states) in states::of_tables(rest, None).await? {
            let (raw, kind) = table.rsplit_once('_').unwrap_or((&table, ""));
            if !self.tables.is_empty() && !self.tables.iter().any(|wanted| *wanted == table || wanted == raw) {
                continue;
            }
            let config = rest.find_json(&path(&["tables", raw])).await?.unwrap_or_default();
            let tenants = &config[kind]["tenants"];
            let tenant = |role: &str| tenants[role].as_str().unwrap_or("DefaultTenant").to_owned();
            let (broker, server) = (tenant("broker"), tenant("server"));
            if !self.has_tag([format!("{broker}_BROKER"), format!("{server}_{kind}")].iter().map(String::as_str)) {
                continue;
            }
            let _ = writeln!(text, "- name: {}", scalar(&table));
            let _ = writeln!(text, "  brokerTenant: {}", scalar(&broker));
            let _ = writeln!(text, "  serverTenant: {}", scalar(&server));
            if states.actual.is_empty() && states.wanted.is_empty() {
                let _ = writeln!(text, "  segments: []");
                continue;
            }
            let _ = writeln!(text, "  segments:");
            let names: BTreeSet<&String> = states.wanted.keys().chain(states.actual.keys()).collect();
            for name in names {
                let none = BTreeMap::new();
                let actual = states.actual.get(name).unwrap_or(&none);
                let shown: Vec<String> = actual.iter().map(|(i, s)| format!("{}: {}", scalar(i), scalar(s))).collect();
                let _ = writeln!(text, "  - name: {}", scalar(name));
                let _ = writeln!(text, "    states: {{{}}}", shown.join(", "));
            }
        }
        if text.is_empty() {
            let _ = writeln!(out, "tables: []");
        } else {
            let _ = write!(out, "tables:\n{text}");
        }
        Ok(())
    }
}

/// A text as YAML: bare where nothing in it could mean something else.
fn scalar(text: &str) -> String {
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if bare { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_quoted_where_they_must_be() {
        for (text, yaml) in
            [("movies_OFFLINE", "movies_OFFLINE"), ("no", "\"no\""), ("1.5", "\"1.5\""), ("a: b", "\"a: b\"")]
        {
            assert_eq!(scalar(text), yaml);
        }
    }
}
