//! `CheckOfflineSegmentIntervals`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value;

use super::{
    Group, Verb,
    flags::ClusterFlags,
    rest::{Rest, path},
};

/// 1971-01-01 and 2071-01-01: what is outside is taken for a wrong unit.
const PLAUSIBLE_MS: std::ops::RangeInclusive<i64> = 31_536_000_000..=3_187_296_000_000;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct CheckOfflineSegmentIntervals {
    /// Only these tables, with or without their type.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub table_names: Vec<String>,
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

impl Verb for CheckOfflineSegmentIntervals {
    const NAME: &'static str = "CheckOfflineSegmentIntervals";
    const GROUP: Group = Group::Operations;
    const ABOUT: &'static str = "List the OFFLINE segments whose time range cannot be right.";
    const DETAILS: &'static str = "\
Of tables with a time column: segments without a time range, or with one that is not between 1971 and 2071. The controller is
asked; -zkAddress is accepted and not used.";
    const EXAMPLES: &'static [&'static str] = &["CheckOfflineSegmentIntervals -tableNames movies,orders"];

    async fn run(self) -> Result<()> {
        let rest = Rest::cluster(&self.cluster).await?;
        let tables: Vec<String> = match self.table_names.as_slice() {
            [] => rest.names("/tables?type=offline", "tables").await?,
            named => named.to_vec(),
        };
        let mut total = 0;
        for table in tables {
            let raw = table.strip_suffix("_OFFLINE").unwrap_or(&table);
            let config = rest.find_json(&path(&["tables", raw])).await?.unwrap_or_default();
            let config = &config["OFFLINE"];
            if !config.is_object() {
                if self.table_names.is_empty() {
                    continue;
                }
                bail!("there is no OFFLINE table {raw}");
            }
            if config["segmentsConfig"]["timeColumnName"].as_str().is_none_or(str::is_empty) {
                println!("{raw}_OFFLINE: has no time column");
                continue;
            }
            let metadata = rest.get_json(&path(&["segments", &format!("{raw}_OFFLINE"), "zkmetadata"])).await?;
            let wrong: Vec<&str> = metadata
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(_, segment)| !has_plausible_interval(segment))
                .map(|(name, _)| name.as_str())
                .collect();
            total += wrong.len();
            println!("{raw}_OFFLINE: {} segments with an invalid interval {wrong:?}", wrong.len());
        }
        println!("{total} segments have an invalid interval.");
        Ok(())
    }
}

fn has_plausible_interval(segment: &Value) -> bool {
    let number = |key: &str| match &segment[key] {
        Value::String(text) => text.parse::<i64>().ok(),
        other => other.as_i64(),
    };
    let unit_ms = match segment["segment.time.unit"].as_str().unwrap_or("MILLISECONDS") {
        "SECONDS" => 1_000,
        "MINUTES" => 60_000,
        "HOURS" => 3_600_000,
        "DAYS" => 86_400_000,
        _ => 1,
    };
    let (Some(start), Some(end)) = (number("segment.start.time"), number("segment.end.time")) else { return false };
    let (start, end) = (start.saturating_mul(unit_ms), end.saturating_mul(unit_ms));
    start <= end && PLAUSIBLE_MS.contains(&start) && PLAUSIBLE_MS.contains(&end)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn intervals() {
        for (start, end, unit, plausible) in [
            ("1700000000000", "1700000000001", "MILLISECONDS", true),
            ("19000", "19001", "DAYS", true),
            ("1700000000", "1700000001", "MILLISECONDS", false),
            ("19001", "19000", "DAYS", false),
            ("-1", "-1", "DAYS", false),
            ("", "", "DAYS", false),
        ] {
            let segment = json!({"segment.start.time": start, "segment.end.time": end, "segment.time.unit": unit});
            assert_eq!(has_plausible_interval(&segment), plausible, "{segment}");
        }
    }
}
