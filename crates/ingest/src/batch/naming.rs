//! Names of segments that batches build.

use std::collections::BTreeMap;

use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute,
    datatypes::{DataType as ArrowType, Int32Type, Int64Type},
};
use model::{
    DateTimeFormat, Schema, Value,
    date_time::{Pattern, TimeZone, format_timestamp, is_valid_time},
    render,
};

use super::job::flag;
use crate::Error;

const CONFIGS: &str = "segmentNameGenerator.configs.";
const MAX_NAME_BYTES: usize = 255;

/// What a name may be made of besides the rows.
#[derive(Clone, Debug)]
pub struct NamingContext {
    pub raw_table: String,
    /// APPEND or REFRESH.
    pub push_type: String,
    /// HOURLY or DAILY.
    pub push_frequency: Option<String>,
    /// Path or name of the input file.
    pub input_path: String,
    /// Place among the input files of one job.
    pub sequence_id: Option<u32>,
    pub now_ms: i64,
}

/// How a segment gets its name.
#[derive(Clone, Debug)]
pub enum SegmentNaming {
    /// A name of its own.
    Fixed(String),
    /// `prefix_minTime_maxTime_postfix_sequence`, parts left out where there are none.
    Simple { prefix: String, with_time: bool, end: NameEnd },
    /// `prefix_yyyy-MM-dd_yyyy-MM-dd_postfix_sequence`; without dates for tables that are refreshed.
    NormalizedDate { prefix: String, pattern: Option<&'static str>, end: NameEnd },
}

/// What stands behind prefix and times, each part where there is one.
#[derive(Clone, Debug, Default)]
pub struct NameEnd {
    postfix: Option<String>,
    sequence: Option<u32>,
    uuid: Option<String>,
}

impl SegmentNaming {
    /// The generator that a batch config map asks for. Outside of jobs, which number their files, the clock makes names
    /// without a postfix unique.
    pub fn from_config_map(map: &BTreeMap<String, String>, context: NamingContext) -> Result<Self, Error> {
        let configs: BTreeMap<String, String> =
            map.iter().filter_map(|(k, v)| Some((k.strip_prefix(CONFIGS)?.to_owned(), v.clone()))).collect();
        let get = |key: &str| configs.get(key).or_else(|| map.get(key)).filter(|v| !v.is_empty()).cloned();
        let is_set = |key: &str| Ok::<_, Error>(flag(&configs, key)? || flag(map, key)?);
        let bad = |key: &str, value: &str, reason: &str| Error::BatchConfig {
            key: key.to_owned(),
            value: value.to_owned(),
            reason: reason.to_owned(),
        };
        let kind = map.get("segmentNameGenerator.type").map_or("simple", |k| k.trim());
        let prefix = get("segment.name.prefix");
        let mut postfix = get("segment.name.postfix");
        let numbered = context.sequence_id.is_some();
        let sequence = context.sequence_id.filter(|_| !is_set("exclude.sequence.id").unwrap_or(false));
        if postfix.is_none() && !numbered {
            postfix = Some(context.now_ms.to_string());
        }
        let uuid = is_set("append.uuid.to.segment.name")?.then(|| uuid::Uuid::new_v4().to_string());
        let end = NameEnd { postfix, sequence, uuid };
        Ok(match kind.to_ascii_lowercase().as_str() {
            "" | "simple" => Self::Simple {
                prefix: prefix.unwrap_or(context.raw_table),
                with_time: !is_set("exclude.time.in.segment.name")?,
                end,
            },
            "fixed" => {
                let name = get("segment.name");
                Self::Fixed(name.ok_or_else(|| bad("segment.name", "", "the fixed name generator needs it"))?)
            }
            "normalizeddate" => {
                let append = context.push_type.eq_ignore_ascii_case("APPEND");
                let hourly = context.push_frequency.is_some_and(|f| f.eq_ignore_ascii_case("HOURLY"));
                let pattern = if hourly { "yyyy-MM-dd-HH" } else { "yyyy-MM-dd" };
                let prefix = prefix.unwrap_or(context.raw_table);
                Self::NormalizedDate { prefix, pattern: append.then_some(pattern), end }
            }
            "inputfile" => {
                let name = input_file(&get, &context.input_path, &bad)?;
                Self::Fixed(end.uuid.map_or(name.clone(), |uuid| format!("{name}_{uuid}")))
            }
            "uuid" => Self::Fixed(format!("{}_{}", prefix.unwrap_or(context.raw_table), uuid::Uuid::new_v4())),
            "uploadedrealtime" => {
                let partition = get("segment.partitionId");
                let partition: u32 = partition.as_deref().and_then(|p| p.parse().ok()).ok_or_else(|| {
                    bad("segment.partitionId", partition.as_deref().unwrap_or(""), "expected a partition number")
                })?;
                let time = get("segment.uploadTimeMs").and_then(|t| t.parse().ok()).unwrap_or(context.now_ms);
                let stamp = pattern_text("yyyyMMdd'T'HHmm'Z'", time);
                let prefix = prefix.unwrap_or_else(|| "uploaded".to_owned());
                let suffix = end.postfix.unwrap_or_else(|| context.now_ms.to_string());
                Self::Fixed(format!("{prefix}__{}__{partition}__{stamp}__{suffix}", context.raw_table))
            }
            _ => {
                return Err(bad(
                    "segmentNameGenerator.type",
                    kind,
                    "expected simple, normalizedDate, fixed, inputFile, uuid or uploadedRealtime",
                ));
            }
        })
    }

    /// The segment's name, a plain file name.
    pub(super) fn name(&self, times: &TimeRange) -> Result<String, Error> {
        let name = match self {
            Self::Fixed(name) => name.clone(),
            Self::Simple { prefix, with_time, end } => {
                let range = times.texts().filter(|_| *with_time);
                joined(prefix, range, end)
            }
            Self::NormalizedDate { prefix, pattern, end } => {
                let dates = pattern.and_then(|pattern| {
                    let (min, max) = times.millis()?;
                    Some((pattern_text(pattern, min), pattern_text(pattern, max)))
                });
                joined(prefix, dates, end)
            }
        };
        checked(name)
    }
}

fn joined(prefix: &str, range: Option<(String, String)>, end: &NameEnd) -> String {
    let mut name = prefix.to_owned();
    let (min, max) = range.unzip();
    // Times of text columns may hold characters that a file's name cannot have.
    let times = [min, max].into_iter().flatten().map(|t| t.replace(forbidden, "-"));
    let sequence = end.sequence.map(|s| s.to_string());
    for part in times.chain(end.postfix.clone()).chain(sequence).chain(end.uuid.clone()) {
        name.push('_');
        name.push_str(&part);
    }
    name
}

fn forbidden(c: char) -> bool {
    c.is_control() || c.is_whitespace() || "\\/:*?\"<>|%#".contains(c)
}

/// Names come from configs: they must not lead out of their directory.
fn checked(name: String) -> Result<String, Error> {
    let bad = |reason: &str| Error::SegmentName { name: name.clone(), reason: reason.to_owned() };
    if name.is_empty() || name == "." || name == ".." {
        return Err(bad("it is empty or a directory"));
    }
    if let Some(c) = name.chars().find(|&c| forbidden(c)) {
        return Err(bad(&format!("it holds the character {c:?}")));
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(bad("it is longer than 255 bytes"));
    }
    Ok(name)
}

fn pattern_text(pattern: &str, millis: i64) -> String {
    Pattern::compile(pattern).map_or_else(|_| millis.to_string(), |p| p.format(millis, TimeZone::UTC))
}

/// `segment.name.template` with groups of `file.path.pattern` found in the path.
fn input_file(
    get: &dyn Fn(&str) -> Option<String>,
    path: &str,
    bad: &dyn Fn(&str, &str, &str) -> Error,
) -> Result<String, Error> {
    let pattern =
        get("file.path.pattern").ok_or_else(|| bad("file.path.pattern", "", "the inputFile generator needs it"))?;
    let template = get("segment.name.template").unwrap_or_else(|| "${filePathPattern:\\1}".to_owned());
    // The whole path has to match.
    let regex = regex::Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|e| bad("file.path.pattern", &pattern, &e.to_string()))?;
    let Some(found) = regex.captures(path) else {
        // A path that does not match becomes the name.
        return Ok(path.trim_start_matches('/').replace(['/', '.'], "_").replace(forbidden, "_"));
    };
    let mut name = template;
    for group in (1..found.len()).rev() {
        let text = found.get(group).map_or("", |m| m.as_str());
        name = name.replace(&format!("${{filePathPattern:\\{group}}}"), text);
    }
    Ok(name)
}

/// Lowest and highest value of the time column while rows pass.
pub(super) struct TimeRange {
    column: Option<Tracked>,
    rows: bool,
}

struct Tracked {
    name: String,
    format: Option<DateTimeFormat>,
    default: Value,
    min: Option<Value>,
    max: Option<Value>,
}

impl TimeRange {
    pub fn new(schema: &Schema, column: Option<&str>) -> Self {
        let tracked = column.and_then(|name| schema.field(name)).filter(|f| !f.multi_value).map(|field| Tracked {
            name: field.name.clone(),
            format: field.date_time_format(),
            default: field.default_null_value.clone(),
            min: None,
            max: None,
        });
        Self { column: tracked, rows: false }
    }

    /// Takes the rows of a batch in.
    pub fn add(&mut self, batch: &RecordBatch) {
        self.rows |= batch.num_rows() > 0;
        let Some(tracked) = &mut self.column else { return };
        let column = batch.column_by_name(&tracked.name);
        if column.is_none_or(|c| c.null_count() > 0) {
            let default = tracked.default.clone();
            tracked.extend(default.clone(), default);
        }
        let Some(array) = column else { return };
        match array.data_type() {
            ArrowType::Int32 => {
                let array = array.as_primitive::<Int32Type>();
                tracked.extend_some(compute::min(array).zip(compute::max(array)), Value::Int);
            }
            ArrowType::Int64 => {
                let array = array.as_primitive::<Int64Type>();
                tracked.extend_some(compute::min(array).zip(compute::max(array)), Value::Long);
            }
            ArrowType::Utf8 => {
                let array = array.as_string::<i32>();
                let range = compute::min_string(array).zip(compute::max_string(array));
                tracked.extend_some(range, |t| Value::String(t.to_owned()));
            }
            _ => {}
        }
    }

    fn range(&self) -> Option<(&Tracked, &Value, &Value)> {
        let tracked = self.column.as_ref()?;
        Some((tracked, tracked.min.as_ref()?, tracked.max.as_ref()?))
    }

    /// Both ends as the column holds them.
    fn texts(&self) -> Option<(String, String)> {
        let (_, min, max) = self.range()?;
        Some((number_or_text(min), number_or_text(max)))
    }

    /// Both ends in epoch milliseconds.
    fn millis(&self) -> Option<(i64, i64)> {
        let (tracked, min, max) = self.range()?;
        let format = tracked.format.as_ref()?;
        Some((format.to_millis(min).ok()?, format.to_millis(max).ok()?))
    }

    /// An error when the range is no time between 1971 and 2071.
    pub fn check(&self) -> Result<(), Error> {
        let (Some((tracked, _, _)), Some((min, max))) = (self.range(), self.millis()) else { return Ok(()) };
        if is_valid_time(min) && is_valid_time(max) {
            return Ok(());
        }
        let shown = |ms| format_timestamp(ms, TimeZone::UTC);
        Err(Error::Config(format!(
            "Invalid segment start/end time: {}/{} (in millis: {min}/{max}) for time column: {}, \
             must be between 1971-01-01 and 2071-01-01; check the column's format '{}', \
             or set segmentTimeValueCheck to false",
            shown(min),
            shown(max),
            tracked.name,
            tracked.format.as_ref().map(ToString::to_string).unwrap_or_default(),
        )))
    }
}

fn number_or_text(value: &Value) -> String {
    match value {
        Value::Timestamp(ms) => ms.to_string(),
        other => render::to_text(other),
    }
}

impl Tracked {
    fn extend_some<T>(&mut self, range: Option<(T, T)>, value: impl Fn(T) -> Value) {
        if let Some((min, max)) = range {
            self.extend(value(min), value(max));
        }
    }

    fn extend(&mut self, min: Value, max: Value) {
        let plain = |v: Value| if let Value::Timestamp(ms) = v { Value::Long(ms) } else { v };
        let (min, max) = (plain(min), plain(max));
        let lower = self.min.as_ref().is_none_or(|m| model::order::compare(&min, m).is_lt());
        let higher = self.max.as_ref().is_none_or(|m| model::order::compare(&max, m).is_gt());
        if lower {
            self.min = Some(min);
        }
        if higher {
            self.max = Some(max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of a file of `t`, times 5 to 7, number 3.
    fn check(configs: &[(&str, &str)], expected: &str) {
        let map = configs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let context = NamingContext {
            raw_table: "t".to_owned(),
            push_type: "APPEND".to_owned(),
            push_frequency: None,
            input_path: "/data/2024/events.part.json".to_owned(),
            sequence_id: Some(3),
            now_ms: 1_700_000_000_000,
        };
        let tracked = Tracked {
            name: "ts".to_owned(),
            format: DateTimeFormat::parse("EPOCH|DAYS").ok(),
            default: Value::Int(0),
            min: Some(Value::Int(5)),
            max: Some(Value::Int(7)),
        };
        let times = TimeRange { column: Some(tracked), rows: true };
        let named = SegmentNaming::from_config_map(&map, context).and_then(|naming| naming.name(&times));
        let got = named.unwrap_or_else(|e| e.to_string());
        match expected.strip_suffix('*') {
            Some(start) => assert!(got.starts_with(start) && got.len() == start.len() + 36, "{configs:?}: {got}"),
            None => assert_eq!(got, expected, "{configs:?}"),
        }
    }

    #[test]
    fn names_of_a_job_s_files() {
        let kind = |k| ("segmentNameGenerator.type", k);
        check(&[], "t_5_7_3");
        check(&[("segment.name.postfix", "p"), ("segment.name.prefix", "x")], "x_5_7_p_3");
        check(&[("exclude.time.in.segment.name", "true")], "t_3");
        check(&[("append.uuid.to.segment.name", "true")], "t_5_7_3_*");
        check(&[kind("normalizedDate")], "t_1970-01-06_1970-01-08_3");
        check(&[kind("normalizedDate"), ("exclude.sequence.id", "true")], "t_1970-01-06_1970-01-08");
        check(&[kind("fixed"), ("segment.name", "one")], "one");
        check(&[kind("uuid")], "t_*");
        let template = ("segment.name.template", "t_${filePathPattern:\\2}_${filePathPattern:\\1}");
        check(&[kind("inputFile"), ("file.path.pattern", ".*/(\\d+)/([^.]+).*"), template], "t_events_2024");
        check(&[kind("inputFile"), ("file.path.pattern", "(\\d+)/([^.]+)"), template], "data_2024_events_part_json");
        check(
            &[kind("uploadedRealtime"), ("segment.partitionId", "2"), ("segment.name.postfix", "a")],
            "uploaded__t__2__20231114T2213Z__a",
        );
        check(&[kind("inputFile")], "invalid batch config 'file.path.pattern' = '': the inputFile generator needs it");
    }
}
