//! Putting new segments in the place of old ones, all at once: the controller keeps an entry of the lineage, and queries
//! see the old segments until it is ended.

use model::{PartitionFunction, Value};
use serde_json::{Value as Json, json};

use crate::{
    Controller, Error, JobSpec,
    controller::encoded,
    push::{retrying, table_type},
    run::Shared,
    spec::Replace,
};

/// A replacement that was begun at one controller.
pub(crate) struct Begun {
    controller: String,
    entry: String,
}

/// Tells every controller which segments will give way to which.
pub(crate) async fn begin(
    spec: &JobSpec,
    replace: &Replace,
    shared: &Shared,
    http: &Controller,
    to: &[String],
) -> Result<Vec<Begun>, Error> {
    let mut begun = Vec::new();
    for controller in &spec.controllers {
        let started = begin_at(spec, replace, shared, http, controller, to).await;
        match started {
            Ok(entry) => begun.push(Begun { controller: controller.clone(), entry }),
            Err(error) => {
                revert(spec, http, &begun).await;
                return Err(error);
            }
        }
    }
    Ok(begun)
}

async fn begin_at(
    spec: &JobSpec,
    replace: &Replace,
    shared: &Shared,
    http: &Controller,
    controller: &str,
    to: &[String],
) -> Result<String, Error> {
    let from = replaced(spec, replace, http, controller).await?;
    let url = format!("{}?type={}&forceCleanup=true", table_url(spec, controller, "startReplaceSegments"), kind(spec));
    let body = json!({"segmentsFrom": from, "segmentsTo": to});
    let what = "the replacement";
    let answer = retrying(spec, shared, what, controller, async || http.post_json(&url, &body).await).await?;
    let json: Json = serde_json::from_str(&answer.text).unwrap_or_default();
    json["segmentLineageEntryId"].as_str().map(str::to_owned).ok_or_else(|| Error::Reply {
        url,
        what: "segmentLineageEntryId",
        reason: answer.text,
    })
}

/// Makes the new segments those that queries see.
pub(crate) async fn end(spec: &JobSpec, shared: &Shared, http: &Controller, begun: &[Begun]) -> Result<(), Error> {
    for Begun { controller, entry } in begun {
        let url = format!(
            "{}?type={}&segmentLineageEntryId={}",
            table_url(spec, controller, "endReplaceSegments"),
            kind(spec),
            encoded(entry)
        );
        let act = async || http.post_json(&url, &json!({})).await;
        retrying(spec, shared, "the end of the replacement", controller, act).await?;
    }
    Ok(())
}

/// Gives a replacement up. What cannot be told now is cleaned up when the next one begins.
pub(crate) async fn revert(spec: &JobSpec, http: &Controller, begun: &[Begun]) {
    for Begun { controller, entry } in begun {
        let url = format!(
            "{}?type={}&segmentLineageEntryId={}&forceRevert=true",
            table_url(spec, controller, "revertReplaceSegments"),
            kind(spec),
            encoded(entry)
        );
        if let Err(error) = http.post_json(&url, &json!({})).await {
            tracing::warn!(controller, entry, error = error.chain(), "a replacement could not be given up");
        }
    }
}

fn kind(spec: &JobSpec) -> &'static str {
    table_type(&spec.table.name)
}

fn table_url(spec: &JobSpec, controller: &str, action: &str) -> String {
    format!("{controller}/segments/{}/{action}", encoded(raw_name(spec)))
}

fn raw_name(spec: &JobSpec) -> &str {
    let name = spec.table.name.as_str();
    name.strip_suffix("_OFFLINE").or_else(|| name.strip_suffix("_REALTIME")).unwrap_or(name)
}

/// Names of the segments that will give way.
async fn replaced(
    spec: &JobSpec,
    replace: &Replace,
    http: &Controller,
    controller: &str,
) -> Result<Vec<String>, Error> {
    let table = encoded(raw_name(spec));
    let kind = kind(spec);
    let (url, partition) = match replace {
        Replace::All => (format!("{controller}/segments/{table}?type={kind}&excludeReplacedSegments=true"), None),
        Replace::Range { start_ms, end_ms, partition } => (
            format!(
                "{controller}/segments/{table}/select?type={kind}&startTimestamp={start_ms}&endTimestamp={end_ms}\
                 &excludeOverlapping=true"
            ),
            partition.as_ref(),
        ),
    };
    let text = http.get(&url).await?.text;
    let mut names =
        names(&text, kind).ok_or_else(|| Error::Reply { url, what: "list of segments", reason: text.clone() })?;
    if let Some((column, value)) = partition {
        let mut kept = Vec::new();
        for name in names {
            if is_of_partition(spec, http, controller, &name, column, value).await? {
                kept.push(name);
            }
        }
        names = kept;
    }
    Ok(names)
}

/// `[{"OFFLINE": ["a", "b"]}]`; a table without segments may have no entry.
fn names(text: &str, kind: &str) -> Option<Vec<String>> {
    let json: Json = serde_json::from_str(text).ok()?;
    let list = json.as_array()?.iter().find_map(|of_type| of_type.get(kind));
    let Some(list) = list else { return Some(Vec::new()) };
    list.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Whether the one partition of a segment is that of a value.
async fn is_of_partition(
    spec: &JobSpec,
    http: &Controller,
    controller: &str,
    segment: &str,
    column: &str,
    value: &str,
) -> Result<bool, Error> {
    let table = encoded(&format!("{}_{}", raw_name(spec), kind(spec)));
    let url = format!("{controller}/segments/{table}/{}/metadata", encoded(segment));
    let text = http.get(&url).await?.text;
    let metadata: Json = serde_json::from_str(&text).unwrap_or_default();
    // A text that holds JSON, as all values of the record are texts.
    let partitions = metadata["segment.partition.metadata"].as_str().unwrap_or_default();
    let partitions: Json = serde_json::from_str(partitions).unwrap_or_default();
    Ok(holds(&partitions["columnPartitionMap"][column], value))
}

fn holds(column: &Json, value: &str) -> bool {
    let Some([partition]) = column["partitions"].as_array().map(Vec::as_slice) else { return false };
    let config = column["functionConfig"].as_object().into_iter().flatten();
    let config = config.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
    let count = column["numPartitions"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let function = PartitionFunction::new(column["functionName"].as_str().unwrap_or_default(), count, &config);
    let wanted = function.ok().and_then(|f| f.partition(&Value::String(value.to_owned())));
    wanted.is_some() && wanted.map(u64::from) == partition.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_of_a_type() {
        let list = |text| names(text, "OFFLINE");
        assert_eq!(list(r#"[{"REALTIME":["x"]},{"OFFLINE":["a","b"]}]"#), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(list("[]"), Some(Vec::new()));
        assert_eq!(list("{}"), None);
    }

    #[test]
    fn the_partition_of_a_value() {
        let column = json!({"functionName": "Modulo", "numPartitions": 4, "partitions": [3], "functionConfig": null});
        assert!(holds(&column, "7"));
        assert!(!holds(&column, "8"));
        assert!(!holds(&json!({"functionName": "Modulo", "numPartitions": 4, "partitions": [1, 3]}), "7"));
        assert!(!holds(&Json::Null, "7"));
    }
}
