//! Instance assignment and instance partitions.

use serde_json::Value as Json;

use super::{super::TableConfig, Errors, text};
use crate::TableType;

const KINDS: [&str; 3] = ["OFFLINE", "CONSUMING", "COMPLETED"];

pub(super) fn check(config: &TableConfig, errors: &mut Errors) {
    let assignments = config.section("instanceAssignmentConfigMap");
    let pre_made = config.section("instancePartitionsMap");
    for (key, _) in pre_made.iter().filter(|(key, _)| !KINDS.contains(&key.as_str())) {
        errors.add(
            format!("/instancePartitionsMap/{key}"),
            format!("No enum constant for instance partitions type: {key}"),
            format!("use one of {}{}", KINDS.join(", "), crate::suggest::did_you_mean(key, KINDS)),
        );
    }
    for (key, assignment) in assignments {
        let Some(assignment) = assignment.as_object() else { continue };
        let at = format!("/instanceAssignmentConfigMap/{key}");
        let selector = text(assignment, "partitionSelector").unwrap_or_default();
        if KINDS.contains(&key.as_str()) {
            if selector == "MIRROR_SERVER_SET_PARTITION_SELECTOR" {
                errors.ensure(
                    pre_made.is_empty() || pre_made.contains_key(key),
                    &format!("/instancePartitionsMap/{key}"),
                    format!(
                        "Both InstanceAssignmentConfigMap and InstancePartitionsMap needed for {key}, as MIRROR_SERVER_SET_PARTITION_SELECTOR is used"
                    ),
                    "",
                );
            } else {
                errors.ensure(
                    !pre_made.contains_key(key),
                    &at,
                    format!("Both InstanceAssignmentConfigMap and InstancePartitionsMap set for {key}"),
                    "keep one of them",
                );
            }
        } else if !config.tiers().any(|tier| text(tier, "name") == Some(key)) {
            let tiers = config.tiers().filter_map(|tier| text(tier, "name"));
            errors.add(
                at.clone(),
                format!("'{key}' is neither an instance partitions type nor a tier of this table"),
                format!(
                    "use {}, or the name of a tier{}",
                    KINDS.join(", "),
                    crate::suggest::did_you_mean(key, KINDS.into_iter().chain(tiers))
                ),
            );
        }
        if config.section("segmentsConfig").contains_key("replicaGroupStrategyConfig") {
            errors.add(
                format!("{at}/replicaGroupPartitionConfig"),
                "Both replicaGroupStrategyConfig and replicaGroupPartitionConfig is provided",
                "remove segmentsConfig.replicaGroupStrategyConfig",
            );
        }
        if selector == "IMPLICIT_REALTIME_TABLE_PARTITION_SELECTOR" {
            implicit(config, key, assignment, &at, errors);
        }
    }
}

/// Partitions that follow those of the stream.
fn implicit(
    config: &TableConfig,
    key: &str,
    assignment: &serde_json::Map<String, Json>,
    at: &str,
    errors: &mut Errors,
) {
    let name = "IMPLICIT_REALTIME_TABLE_PARTITION_SELECTOR";
    let groups = assignment.get("replicaGroupPartitionConfig");
    let number = |member: &str| groups.and_then(|groups| groups.get(member)).and_then(Json::as_i64).unwrap_or(0);
    let by_group = groups.and_then(|groups| groups.get("replicaGroupBased")).and_then(Json::as_bool) == Some(true);
    let selector = format!("{at}/partitionSelector");
    errors.ensure(
        config.table_type() == TableType::Realtime,
        &selector,
        format!("{name} can only be used for REALTIME tables"),
        "",
    );
    errors.ensure(
        key == "CONSUMING",
        &selector,
        format!("{name} can only be used for CONSUMING instance partitions type"),
        "",
    );
    let groups = format!("{at}/replicaGroupPartitionConfig");
    errors.ensure(
        by_group,
        &format!("{groups}/replicaGroupBased"),
        format!("{name} can only be used with replica group based instance assignment"),
        "set it to true",
    );
    errors.ensure(
        number("numPartitions") == 0,
        &format!("{groups}/numPartitions"),
        format!("numPartitions should not be explicitly set when using {name}"),
        "the stream says how many there are",
    );
    errors.ensure(
        (0..=1).contains(&number("numInstancesPerPartition")),
        &format!("{groups}/numInstancesPerPartition"),
        format!("numInstancesPerPartition must be 1 when using {name}"),
        "",
    );
}
