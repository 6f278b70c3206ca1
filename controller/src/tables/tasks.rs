//! What is checked of a table's minion tasks.

use model::{Schema, TableConfig, TableType, parse_data_size, parse_period};
use serde_json::{Map, Value};

use crate::cluster::State;
use crate::error::Error;

/// Tasks that minions know.
const TASK_TYPES: [&str; 7] = [
    "SegmentGenerationAndPushTask",
    "MergeRollupTask",
    "RealtimeToOfflineSegmentsTask",
    "PurgeTask",
    "RefreshSegmentTask",
    "UpsertCompactionTask",
    "UpsertCompactMergeTask",
];

/// A task's settings with what messages need of it.
struct Task<'a> {
    name: &'a str,
    settings: &'a Map<String, Value>,
    config: &'a TableConfig,
    schema: &'a Schema,
}

/// Checks every task of a table.
pub(super) fn validate(config: &TableConfig, schema: &Schema) -> Result<(), Error> {
    for (name, settings) in config.tasks().into_iter().flatten() {
        let at = format!("/task/taskTypeConfigsMap/{name}");
        if !TASK_TYPES.contains(&name.as_str()) {
            let meant = model::suggest::did_you_mean(name, TASK_TYPES);
            return Err(Error::Invalid(format!(
                "Task generator not found for task type: {name}, while validating table configs for table: {} (at \
                 {at}){meant}",
                config.table_name()
            )));
        }
        let Some(settings) = settings.as_object() else {
            return Err(Error::Invalid(format!("Task configuration for {name} must be an object (at {at})")));
        };
        let task = Task { name, settings, config, schema };
        task.common()?;
        match name.as_str() {
            "MergeRollupTask" => task.merge_rollup()?,
            "RealtimeToOfflineSegmentsTask" => task.realtime_to_offline()?,
            "UpsertCompactionTask" => task.upsert_compaction()?,
            "UpsertCompactMergeTask" => task.upsert_compact_merge()?,
            _ => {}
        }
    }
    both_compactions(config)
}

/// Checks that some minion can run what is scheduled.
pub(super) fn validate_minions(state: &State, config: &TableConfig) -> Result<(), Error> {
    for (name, settings) in config.tasks().into_iter().flatten() {
        if settings.get("schedule").is_none() {
            continue;
        }
        let tag = settings.get("minionInstanceTag").and_then(Value::as_str).unwrap_or("minion_untagged");
        if !state.instances.values().any(|instance| instance.role == "MINION" && instance.has_tag(tag)) {
            return Err(Error::Invalid(format!(
                "Failed to find minion instances with tag: {tag} for table: {} (at /task/taskTypeConfigsMap/{name}). \
                 If the task is not required to run, remove the schedule parameter from the task config",
                config.table_name()
            )));
        }
    }
    Ok(())
}

/// With one segment a task, merging does what compaction does: the two would work against one another.
fn both_compactions(config: &TableConfig) -> Result<(), Error> {
    let Some(tasks) = config.tasks() else { return Ok(()) };
    let (Some(merge), true) = (tasks.get("UpsertCompactMergeTask"), tasks.contains_key("UpsertCompactionTask")) else {
        return Ok(());
    };
    let fewest = merge.get("minNumSegmentsPerTask").map_or(Ok(2), |value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.trim().parse::<i64>().map_err(|_| {
            Error::Invalid(format!("For input string: \"{text}\" (at /task/taskTypeConfigsMap/UpsertCompactMergeTask/minNumSegmentsPerTask): give a whole number"))
        })
    })?;
    if fewest > 1 {
        return Ok(());
    }
    Err(Error::Invalid(
        "When UpsertCompactMergeTask.minNumSegmentsPerTask is 1, UpsertCompactionTask should not be configured (at \
         /task/taskTypeConfigsMap/UpsertCompactionTask): remove it or raise minNumSegmentsPerTask"
            .to_owned(),
    ))
}

impl Task<'_> {
    fn text(&self, key: &str) -> Option<String> {
        let value = self.settings.get(key).filter(|value| !value.is_null())?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    fn refuse<T>(&self, key: &str, message: impl std::fmt::Display) -> Result<T, Error> {
        let slash = if key.is_empty() { "" } else { "/" };
        Err(Error::Invalid(format!("{message} (at /task/taskTypeConfigsMap/{}{slash}{key})", self.name)))
    }

    fn ensure(&self, holds: bool, key: &str, message: impl std::fmt::Display) -> Result<(), Error> {
        if holds { Ok(()) } else { self.refuse(key, message) }
    }

    fn period(&self, key: &str) -> Result<(), Error> {
        match self.text(key) {
            Some(text) if parse_period(&text).is_err() => {
                self.refuse(key, format!("Invalid time spec '{text}': give a period such as 1d or 2h30m"))
            }
            _ => Ok(()),
        }
    }

    fn common(&self) -> Result<(), Error> {
        if let Some(schedule) = self.text("schedule")
            && let Err(reason) = check_cron(&schedule)
        {
            let name = self.name;
            return self
                .refuse("schedule", format!("Task {name} contains an invalid cron schedule: {schedule}: {reason}"));
        }
        let from_server = self.text("allowDownloadFromServer").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let peers = self.config.section("segmentsConfig").contains_key("peerSegmentDownloadScheme");
        self.ensure(
            !from_server || peers,
            "allowDownloadFromServer",
            format!(
                "Table {} has task {} with allowDownloadFromServer set to true, but peerSegmentDownloadScheme is not \
                 set in the table config",
                self.config.table_name(),
                self.name
            ),
        )
    }

    fn column(&self, key: &str, column: &str, what: &str) -> Result<(), Error> {
        let columns = self.schema.fields.iter().map(|field| field.name.as_str());
        let meant = model::suggest::did_you_mean(column, columns);
        self.ensure(
            self.schema.field(column).is_some(),
            key,
            format!("{what} \"{column}\" not found in schema {}{meant}", self.schema.name),
        )
    }

    fn merge_rollup(&self) -> Result<(), Error> {
        let erased = self.text("eraseDimensionValues").unwrap_or_default();
        for dimension in erased.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            self.column("eraseDimensionValues", dimension, "Column dimension to erase")?;
        }
        let prefix = "aggregationFunctionParameters.";
        for key in self.settings.keys() {
            let Some((column, parameter)) = key.strip_prefix(prefix).and_then(|rest| rest.split_once('.')) else {
                continue;
            };
            self.column(key, column, "Metric column for aggregation function parameter")?;
            let value = self.text(key).unwrap_or_default();
            let valid = match parameter.to_ascii_lowercase().as_str() {
                "lgk" | "nominalentries" => value.trim().parse::<i32>().is_ok_and(|number| number > 0),
                "samplingprobability" => value.trim().parse::<f32>().is_ok_and(|p| (0.0..=1.0).contains(&p)),
                _ => {
                    return self.refuse(
                        key,
                        "Aggregation function parameter name must be one of [lgK, samplingProbability, \
                         nominalEntries]!",
                    );
                }
            };
            self.ensure(
                valid,
                key,
                format!(
                    "Aggregation function parameter \"{parameter}\" on column \"{column}\" has invalid value: {value}"
                ),
            )?;
        }
        Ok(())
    }

    fn realtime_to_offline(&self) -> Result<(), Error> {
        self.ensure(self.config.upsert().is_none(), "", "RealtimeToOfflineTask doesn't support upsert table!")?;
        for key in ["bufferTimePeriod", "bucketTimePeriod", "roundBucketTimePeriod"] {
            self.period(key)?;
        }
        if let Some(merge) = self.text("mergeType") {
            let known = ["CONCAT", "ROLLUP", "DEDUP"].contains(&merge.to_ascii_uppercase().as_str());
            self.ensure(known, "mergeType", "MergeType must be one of [CONCAT, ROLLUP, DEDUP]!")?;
        }
        for key in self.settings.keys() {
            let Some(column) = key.strip_suffix(".aggregationType") else { continue };
            self.column(key, column, "Column")?;
            let function = self.text(key).unwrap_or_default();
            let plain: String = function.to_ascii_uppercase().chars().filter(|c| *c != '_').collect();
            self.ensure(
                ROLLUP_FUNCTIONS.contains(&plain.as_str()),
                key,
                format!("Column \"{key}\" has invalid aggregate type: {function}"),
            )?;
        }
        Ok(())
    }

    fn on_upsert_table(&self) -> Result<(), Error> {
        let name = self.name;
        let realtime = self.config.table_type() == TableType::Realtime;
        self.ensure(realtime, "", format!("{name} only supports realtime tables!"))?;
        self.ensure(self.config.upsert().is_some(), "", format!("Upsert must be enabled for {name}"))?;
        self.period("bufferTimePeriod")
    }

    fn upsert_compaction(&self) -> Result<(), Error> {
        self.on_upsert_table()?;
        let (percent, count) = ("invalidRecordsThresholdPercent", "invalidRecordsThresholdCount");
        if let Some(text) = self.text(percent) {
            let valid = text.trim().parse::<f64>().is_ok_and(|value| (0.0..=100.0).contains(&value));
            self.ensure(valid, percent, "invalidRecordsThresholdPercent must be >= 0 and <= 100")?;
        }
        if let Some(text) = self.text(count) {
            let valid = text.trim().parse::<i64>().is_ok_and(|value| value >= 1);
            self.ensure(valid, count, "invalidRecordsThresholdCount must be >= 1")?;
        }
        self.ensure(
            self.text(percent).is_some() || self.text(count).is_some(),
            "",
            "invalidRecordsThresholdPercent or invalidRecordsThresholdCount or both must be provided",
        )
    }

    fn upsert_compact_merge(&self) -> Result<(), Error> {
        self.on_upsert_table()?;
        let snapshot = self.config.upsert().and_then(|upsert| upsert.get("snapshot")).and_then(Value::as_str);
        let message = format!("'snapshot' from UpsertConfig must not be 'DISABLE' for {}", self.name);
        self.ensure(snapshot != Some("DISABLE"), "", message)?;
        match self.text("outputSegmentMaxSize") {
            Some(size) if parse_data_size(&size).is_none() => {
                self.refuse("outputSegmentMaxSize", format!("Invalid data size '{size}': give one such as 200M"))
            }
            _ => Ok(()),
        }
    }
}

/// Functions by which rows of a roll-up are merged.
const ROLLUP_FUNCTIONS: [&str; 17] = [
    "MIN",
    "MAX",
    "SUM",
    "DISTINCTCOUNTHLL",
    "DISTINCTCOUNTRAWHLL",
    "DISTINCTCOUNTTHETASKETCH",
    "DISTINCTCOUNTRAWTHETASKETCH",
    "DISTINCTCOUNTTUPLESKETCH",
    "DISTINCTCOUNTRAWINTEGERSUMTUPLESKETCH",
    "SUMVALUESINTEGERSUMTUPLESKETCH",
    "AVGVALUEINTEGERSUMTUPLESKETCH",
    "DISTINCTCOUNTCPCSKETCH",
    "DISTINCTCOUNTRAWCPCSKETCH",
    "DISTINCTCOUNTULL",
    "DISTINCTCOUNTRAWULL",
    "PERCENTILEKLL",
    "PERCENTILERAWKLL",
];

/// Checks a schedule in Quartz's form: seconds, minutes, hours, day of month, month, day of week, and perhaps the year.
fn check_cron(text: &str) -> Result<(), String> {
    const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    let fields: Vec<&str> = text.split_whitespace().collect();
    if !(6..=7).contains(&fields.len()) {
        return Err(format!(
            "it has {} fields, expected 6 or 7: seconds, minutes, hours, day of month, month, day of week and perhaps \
             the year, such as '0 */10 * * * ?'",
            fields.len()
        ));
    }
    let names: [(&str, u32, u32, &[&str]); 7] = [
        ("seconds", 0, 59, &[]),
        ("minutes", 0, 59, &[]),
        ("hours", 0, 23, &[]),
        ("day of month", 1, 31, &[]),
        ("month", 1, 12, &MONTHS),
        ("day of week", 1, 7, &DAYS),
        ("year", 1970, 2099, &[]),
    ];
    for (field, (name, low, high, words)) in fields.iter().zip(names) {
        let is_day = name.starts_with("day");
        if *field == "?" {
            if is_day {
                continue;
            }
            return Err(format!("'?' can only stand for the day of month or of week, not for the {name}"));
        }
        for part in field.split(',') {
            if !is_cron_part(part, low, high, words, is_day) {
                return Err(format!("'{part}' is no valid {name}"));
            }
        }
    }
    if (fields[3] == "?") == (fields[5] == "?") {
        return Err("one of day of month and day of week has to be '?'".to_owned());
    }
    Ok(())
}

/// `*`, a number or a word, a range, each perhaps with a step; for days also L, W and #.
fn is_cron_part(part: &str, low: u32, high: u32, words: &[&str], is_day: bool) -> bool {
    let upper = part.to_ascii_uppercase();
    let (range, step) = match upper.split_once('/') {
        Some((range, step)) => (range.to_owned(), Some(step.to_owned())),
        None => (upper, None),
    };
    if step.is_some_and(|step| !step.parse::<u32>().is_ok_and(|step| step > 0 && step <= high)) {
        return false;
    }
    let is_value =
        |text: &str| words.contains(&text) || text.parse::<u32>().is_ok_and(|number| (low..=high).contains(&number));
    if is_day {
        if ["L", "LW"].contains(&range.as_str()) || range.strip_suffix(['L', 'W']).is_some_and(is_value) {
            return true;
        }
        if let Some((day, nth)) = range.split_once('#') {
            return is_value(day) && nth.parse::<u32>().is_ok_and(|nth| (1..=5).contains(&nth));
        }
        if range.strip_prefix("L-").is_some_and(|days| days.parse::<u32>().is_ok_and(|days| days <= 30)) {
            return true;
        }
    }
    match range.split_once('-') {
        Some((from, to)) => is_value(from) && is_value(to),
        None => range == "*" || range.is_empty() && part.starts_with('/') || is_value(&range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cron_schedules() {
        for (text, valid) in [
            ("0 */10 * ? * *", true),
            ("0 0 12 * * ? 2030", true),
            ("0 15 10 ? * MON-FRI", true),
            ("0 0 12 L * ?", true),
            ("0 0 12 ? * 6#3", true),
            ("0 0/5 14,18 * * ?", true),
            ("0 0 12 * * *", false),
            ("0 0 12 ? * ?", false),
            ("? 0 12 * * ?", false),
            ("60 0 12 * * ?", false),
            ("0 0 25 * * ?", false),
            ("0 0 0 1 FOO ?", false),
            ("0 */0 * * * ?", false),
            ("every day", false),
            ("", false),
            ("* * * * *", false),
            ("a b c d e f", false),
        ] {
            assert_eq!(check_cron(text).is_ok(), valid, "{text}: {:?}", check_cron(text));
        }
    }

    fn check(table_type: &str, tasks: Value, more: Value) -> Result<(), String> {
        let mut json = json!({
            "tableName": "t", "tableType": table_type, "segmentsConfig": {"replication": "1"}, "tenants": {},
            "tableIndexConfig": {}, "metadata": {}, "task": {"taskTypeConfigsMap": tasks},
        });
        for (key, value) in more.as_object().unwrap() {
            json[key] = value.clone();
        }
        let schema = json!({"schemaName": "t", "dimensionFieldSpecs": [{"name": "town", "dataType": "STRING"}]});
        validate(&TableConfig::from_json(&json).unwrap(), &Schema::from_json(&schema).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn mistakes_in_tasks() {
        let upsert = json!({"upsertConfig": {"mode": "FULL"}});
        let cases = [
            ("OFFLINE", json!({"MergeRolupTask": {}}), json!({}), "did you mean 'MergeRollupTask'"),
            ("OFFLINE", json!({"MergeRollupTask": {"schedule": "x"}}), json!({}), "invalid cron schedule: x"),
            ("OFFLINE", json!({"MergeRollupTask": {"eraseDimensionValues": "twn"}}), json!({}), "did you mean 'town'"),
            (
                "OFFLINE",
                json!({"MergeRollupTask": {"aggregationFunctionParameters.town.lgK": "-1"}}),
                json!({}),
                "has invalid value: -1",
            ),
            ("REALTIME", json!({"RealtimeToOfflineSegmentsTask": {}}), upsert.clone(), "doesn't support upsert"),
            ("REALTIME", json!({"RealtimeToOfflineSegmentsTask": {"bucketTimePeriod": "1x"}}), json!({}), "1x"),
            ("REALTIME", json!({"RealtimeToOfflineSegmentsTask": {"mergeType": "MIX"}}), json!({}), "CONCAT"),
            ("REALTIME", json!({"RealtimeToOfflineSegmentsTask": {"town.aggregationType": "FOO"}}), json!({}), "FOO"),
            ("OFFLINE", json!({"UpsertCompactionTask": {}}), upsert.clone(), "only supports realtime"),
            ("REALTIME", json!({"UpsertCompactionTask": {}}), json!({}), "Upsert must be enabled"),
            ("REALTIME", json!({"UpsertCompactionTask": {}}), upsert.clone(), "must be provided"),
            (
                "REALTIME",
                json!({"UpsertCompactMergeTask": {"outputSegmentMaxSize": "big"}}),
                upsert.clone(),
                "Invalid data size 'big'",
            ),
            (
                "REALTIME",
                json!({"UpsertCompactMergeTask": {"minNumSegmentsPerTask": "1"},
                       "UpsertCompactionTask": {"invalidRecordsThresholdCount": "1"}}),
                upsert.clone(),
                "should not be configured",
            ),
        ];
        for (table_type, tasks, more, expected) in cases {
            let text = check(table_type, tasks.clone(), more).unwrap_err();
            assert!(text.contains(expected) && text.contains("/task/taskTypeConfigsMap/"), "{tasks}: {text}");
        }
        let fine = json!({"UpsertCompactionTask": {"invalidRecordsThresholdPercent": "30", "bufferTimePeriod": "1d"}});
        check("REALTIME", fine, upsert).unwrap();
    }
}
