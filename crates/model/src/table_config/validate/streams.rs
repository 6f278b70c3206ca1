//! Streams of REALTIME tables.

use std::collections::{BTreeMap, HashSet};

use super::{super::TableConfig, Errors, is_peer_scheme, text};

type Stream = BTreeMap<String, String>;

/// Where a stream's properties stand, for messages.
fn pointer(config: &TableConfig, place: usize) -> String {
    if config.ingestion().streams.is_empty() {
        "/tableIndexConfig/streamConfigs".to_owned()
    } else {
        format!("/ingestionConfig/streamIngestionConfig/streamConfigMaps/{place}")
    }
}

fn member(at: &str, key: &str) -> String {
    crate::schema::json_pointer(at, key)
}

const FAIL: &str = "Could not create StreamConfig using the streamConfig map";

pub(super) fn check(config: &TableConfig, errors: &mut Errors) {
    let streams = config.stream_configs();
    let section = config.section("ingestionConfig").get("streamIngestionConfig");
    if streams.is_empty() {
        if section.is_some() {
            errors.add(
                "/ingestionConfig/streamIngestionConfig/streamConfigMaps",
                "Must have at least 1 stream in REALTIME table",
                "list one map of properties for each stream",
            );
        } else {
            errors.add(
                "/ingestionConfig/streamIngestionConfig",
                format!("Cannot find streamConfigs for table: {}", config.table_name()),
                "add ingestionConfig.streamIngestionConfig.streamConfigMaps",
            );
        }
    }
    for (place, stream) in streams.iter().enumerate() {
        one(stream, &pointer(config, place), errors);
    }
    let pauseless = section
        .and_then(|section| section.get("pauselessConsumptionEnabled"))
        .and_then(serde_json::Value::as_bool)
        .unwrap_or(false);
    if pauseless && config.replication() > 1 {
        let scheme = text(config.section("segmentsConfig"), "peerSegmentDownloadScheme");
        errors.ensure(
            scheme.is_some_and(is_peer_scheme),
            "/segmentsConfig/peerSegmentDownloadScheme",
            "Must have a valid peerSegmentDownloadScheme set in validation config for pauseless consumption",
            "set it to http or https",
        );
    }
    if streams.len() > 1 {
        several(config, &streams, pauseless, errors);
    }
}

fn one(stream: &Stream, at: &str, errors: &mut Errors) {
    let Some(kind) = stream.get("streamType").filter(|kind| !kind.is_empty()) else {
        let meant = crate::suggest::did_you_mean("streamType", stream.keys().map(String::as_str));
        return errors.add(at, FAIL, format!("'streamType' is missing, for example \"kafka\"{meant}"));
    };
    for key in ["topic.name", "decoder.class.name"] {
        let key = format!("stream.{kind}.{key}");
        if stream.get(&key).is_none_or(|value| value.trim().is_empty()) {
            let unknown = stream.keys().map(String::as_str).filter(|name| name.starts_with("stream"));
            let meant = crate::suggest::did_you_mean(&key, unknown);
            errors.add(at, FAIL, format!("'{key}' is missing{meant}"));
        }
    }
    let factory = format!("stream.{kind}.consumer.factory.class.name");
    if let Some(class) = stream.get(&factory) {
        let known = ["KafkaConsumerFactory", "KinesisConsumerFactory", "PulsarConsumerFactory"];
        errors.ensure(
            known.iter().any(|known| class.ends_with(known)),
            &member(at, &factory),
            format!("Caught exception while creating StreamConsumerFactory from class: {class}"),
            "no such consumer factory is known, leave the key out for Kafka",
        );
    }
    decoder(stream, kind, at, errors);
    thresholds(stream, at, errors);
}

/// Protobuf messages cannot be read without their description.
fn decoder(stream: &Stream, kind: &str, at: &str, errors: &mut Errors) {
    let class = stream.get(&format!("stream.{kind}.decoder.class.name")).map(String::as_str).unwrap_or_default();
    if !class.ends_with(".ProtoBufMessageDecoder") {
        return;
    }
    for property in ["descriptorFile", "protoClassName"] {
        let key = format!("stream.{kind}.decoder.prop.{property}");
        errors.ensure(
            stream.contains_key(&key),
            &member(at, &key),
            format!("Missing property of {property} for ProtoBufMessageDecoder"),
            format!("add '{key}'"),
        );
    }
}

const TIME: &str = "realtime.segment.flush.threshold.time";
const ROWS: &str = "realtime.segment.flush.threshold.rows";
const SEGMENT_ROWS: &str = "realtime.segment.flush.threshold.segment.rows";
const SEGMENT_SIZE: &str = "realtime.segment.flush.threshold.segment.size";
/// Older names of the same settings.
const OLD_ROWS: [&str; 2] = ["realtime.segment.flush.threshold.size", "realtime.segment.flush.threshold.size.llc"];
const OLD_TIME: &str = "realtime.segment.flush.threshold.time.llc";
const OLD_SEGMENT_SIZE: &str = "realtime.segment.flush.desired.size";

/// The first of these keys that is given.
fn given<'a>(stream: &'a Stream, keys: &[&'static str]) -> Option<(&'static str, &'a str)> {
    keys.iter().find_map(|key| Some((*key, stream.get(*key)?.as_str())))
}

fn millis(text: &str) -> Option<i64> {
    crate::parse_period(text).ok().or_else(|| text.trim().parse().ok())
}

fn thresholds(stream: &Stream, at: &str, errors: &mut Errors) {
    if let Some((key, text)) = given(stream, &[TIME, OLD_TIME]) {
        match millis(text) {
            None => errors.add(member(at, key), FAIL, format!("'{text}' is no period, use for example 24h")),
            Some(time) => errors.ensure(
                time > 0,
                &member(at, key),
                format!("Invalid flush threshold time: {time}"),
                "use a period above 0, for example 24h",
            ),
        }
    }
    let mut set = Vec::new();
    for keys in [&[ROWS, OLD_ROWS[0], OLD_ROWS[1]][..], &[SEGMENT_ROWS]] {
        let Some((key, text)) = given(stream, keys) else { continue };
        match text.trim().parse::<i32>() {
            Err(_) => errors.add(member(at, key), FAIL, format!("'{text}' is no whole number")),
            Ok(rows) if rows > 0 => set.push(key),
            Ok(_) => {}
        }
    }
    if let Some((key, text)) = given(stream, &[SEGMENT_SIZE, OLD_SEGMENT_SIZE]) {
        match crate::parse_data_size(text) {
            None => errors.add(member(at, key), FAIL, format!("'{text}' is no size, use for example 200M")),
            Some(0) => {}
            Some(_) => set.push(key),
        }
    }
    if set.len() > 1 {
        errors.add(
            member(at, set[1]),
            "Only 1 of flush threshold (rows, segment rows, segment size) can be set",
            format!("keep one of {}", set.join(", ")),
        );
    }
    for key in ["realtime.segment.flush.threshold.variance.fraction", "topic.consumption.rate.limit"] {
        if let Some(text) = stream.get(key) {
            errors.ensure(text.trim().parse::<f64>().is_ok(), &member(at, key), FAIL, format!("'{text}' is no number"));
        }
    }
}

/// Streams of one table are cut into segments alike.
fn several(config: &TableConfig, streams: &[Stream], pauseless: bool, errors: &mut Errors) {
    let list = "/ingestionConfig/streamIngestionConfig/streamConfigMaps";
    errors.ensure(
        !pauseless,
        "/ingestionConfig/streamIngestionConfig/pauselessConsumptionEnabled",
        "Multiple stream configs are not supported with pauseless consumption enabled",
        "keep one stream or switch it off",
    );
    errors.ensure(
        config.upsert().is_none(),
        list,
        "Multiple stream configs are not supported for upsert table",
        "keep one stream",
    );
    let kind = |stream: &Stream| stream.get("streamType").cloned().unwrap_or_default();
    let topic = |stream: &Stream| stream.get(&format!("stream.{}.topic.name", kind(stream))).cloned();
    let flush = |stream: &Stream| {
        (
            given(stream, &[TIME, OLD_TIME]).and_then(|(_, text)| millis(text)),
            given(stream, &[ROWS, OLD_ROWS[0], OLD_ROWS[1]]).map(|(_, text)| text.trim().to_owned()),
            given(stream, &[SEGMENT_ROWS]).map(|(_, text)| text.trim().to_owned()),
            given(stream, &[SEGMENT_SIZE, OLD_SEGMENT_SIZE]).and_then(|(_, text)| crate::parse_data_size(text)),
        )
    };
    let mut topics = HashSet::new();
    for (place, stream) in streams.iter().enumerate() {
        let at = format!("{list}/{place}");
        errors.ensure(
            kind(stream) == kind(&streams[0]),
            &format!("{at}/streamType"),
            "All streamConfigs must have the same stream type",
            format!("the first one has '{}'", kind(&streams[0])),
        );
        errors.ensure(
            flush(stream) == flush(&streams[0]),
            &at,
            "Segment flush parameters must be consistent across all streamConfigs",
            "use the thresholds of the first one",
        );
        if let Some(topic) = topic(stream) {
            let message = format!("Duplicate topic names found in streamConfigs: {topic}");
            errors.ensure(topics.insert(topic), &at, message, "");
        }
    }
}
