//! Which servers a table's segments go to: plain balance, or instance partitions with replica groups.
//!
//! Instance partitions are computed from `instanceAssignmentConfigMap` when a table is created or on demand, stored,
//! and obeyed by the placement of new segments.

use std::collections::{BTreeMap, BTreeSet};

use model::{TableConfig, TableType};
use serde_json::{Map, Value};

use crate::cluster::{self, InstancePartitions, State, Table};
use crate::error::Error;

/// One kind of instance partitions that a table may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// `OFFLINE`, `CONSUMING`, `COMPLETED`, or a tier's name: the key in configs and answers.
    pub key: String,
    /// The name under which they are stored.
    pub name: String,
}

/// The kinds of instance partitions that tables of a raw name can have, tiers of existing tables included.
pub(crate) fn kinds(state: &State, raw: &str, table_type: Option<TableType>) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let mut add = |key: &str, name: String| kinds.push(Kind { key: key.to_owned(), name });
    if table_type != Some(TableType::Realtime) {
        add("OFFLINE", format!("{raw}_OFFLINE"));
    }
    if table_type != Some(TableType::Offline) {
        add("CONSUMING", format!("{raw}_CONSUMING"));
        add("COMPLETED", format!("{raw}_COMPLETED"));
    }
    for half in TableType::ALL.into_iter().filter(|half| table_type.is_none_or(|wanted| wanted == *half)) {
        let Some(table) = state.table(&format!("{raw}{}", half.suffix())) else { continue };
        kinds.extend(tier_kinds(&table.entry.config));
    }
    kinds
}

fn tier_kinds(config: &TableConfig) -> impl Iterator<Item = Kind> {
    let tiers = config.tiers().filter_map(|tier| tier.get("name").and_then(Value::as_str));
    tiers.map(|tier| Kind { key: tier.to_owned(), name: format!("{}__TIER__{tier}", config.table_name()) })
}

/// The kinds that a table's config asks for.
pub(crate) fn configured(config: &TableConfig) -> Vec<Kind> {
    let raw = config.raw_name().as_str();
    let own: &[&str] = match config.table_type() {
        TableType::Offline => &["OFFLINE"],
        TableType::Realtime => &["CONSUMING", "COMPLETED"],
    };
    let mut kinds: Vec<Kind> =
        own.iter().map(|key| Kind { key: (*key).to_owned(), name: format!("{raw}_{key}") }).collect();
    kinds.extend(tier_kinds(config));
    kinds.retain(|kind| {
        let legacy = kind.key == "OFFLINE" && uses_legacy_replica_groups(config);
        legacy || pre_made(config, &kind.key).is_some() || assignment(config, &kind.key).is_some()
    });
    kinds
}

fn assignment<'a>(config: &'a TableConfig, key: &str) -> Option<&'a Map<String, Value>> {
    config.section("instanceAssignmentConfigMap").get(key)?.as_object()
}

/// The name of pre-made instance partitions that the table shares.
fn pre_made<'a>(config: &'a TableConfig, key: &str) -> Option<&'a str> {
    config.section("instancePartitionsMap").get(key)?.as_str()
}

fn uses_legacy_replica_groups(config: &TableConfig) -> bool {
    let strategy = config.section("segmentsConfig").get("segmentAssignmentStrategy").and_then(Value::as_str);
    strategy.is_some_and(|name| name.eq_ignore_ascii_case("ReplicaGroupSegmentAssignmentStrategy"))
}

/// Numbers of an assignment config.
#[derive(Debug, Default)]
struct Groups {
    by_replica_group: bool,
    instances: usize,
    replica_groups: usize,
    per_replica_group: usize,
    partitions: usize,
    per_partition: usize,
}

/// Most partitions times replica groups times instances that are laid out: a config cannot make the controller
/// allocate without bound.
const MAX_PLACES: usize = 1 << 20;

impl Groups {
    fn read(config: &Map<String, Value>) -> Self {
        let number = |key: &str| {
            config.get(key).and_then(Value::as_i64).and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
        };
        Self {
            by_replica_group: config.get("replicaGroupBased").and_then(Value::as_bool).unwrap_or(false),
            instances: number("numInstances"),
            replica_groups: number("numReplicaGroups"),
            per_replica_group: number("numInstancesPerReplicaGroup"),
            partitions: number("numPartitions"),
            per_partition: number("numInstancesPerPartition"),
        }
    }
}

/// Computes instance partitions from the config and the present instances. The error is the reason, without context.
pub(crate) fn assign(state: &State, config: &TableConfig, kind: &Kind) -> Result<InstancePartitions, String> {
    let partition_to_instances_map = match pre_made(config, &kind.key) {
        Some(name) => {
            let found = state.instance_partitions.get(name);
            let missing = || format!("Failed to find the pre-made instance partitions: {name}");
            found.ok_or_else(missing)?.partition_to_instances_map.clone()
        }
        None => {
            let existing = state.instance_partitions.get(&kind.name);
            compute(state, config, &kind.key, existing)?
        }
    };
    Ok(InstancePartitions { instance_partitions_name: kind.name.clone(), partition_to_instances_map })
}

fn compute(
    state: &State,
    config: &TableConfig,
    key: &str,
    existing: Option<&InstancePartitions>,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let empty = Map::new();
    let object = |parent: &Map<String, Value>, key: &str| parent.get(key).and_then(Value::as_object).cloned();
    let assignment = assignment(config, key);
    let pools_config = assignment.and_then(|map| object(map, "tagPoolConfig")).unwrap_or_default();
    let tag =
        pools_config.get("tag").and_then(Value::as_str).map_or_else(|| cluster::server_tag(config), str::to_owned);
    let (groups, keep) = match assignment {
        Some(map) => {
            let groups = object(map, "replicaGroupPartitionConfig").unwrap_or_default();
            let keeps =
                |map: &Map<String, Value>| map.get("minimizeDataMovement").and_then(Value::as_bool) == Some(true);
            (Groups::read(&groups), keeps(map) || keeps(&groups))
        }
        None => {
            let strategy = object(config.section("segmentsConfig"), "replicaGroupStrategyConfig");
            let strategy = strategy.ok_or("Failed to find the replica-group strategy config")?;
            (legacy_groups(config, &strategy)?, false)
        }
    };
    let pools = pools(state, &tag, if assignment.is_some() { &pools_config } else { &empty }, config)?;
    let kept = existing.filter(|_| keep);
    if groups.by_replica_group {
        replica_groups(&pools, &groups, config, kept)
    } else {
        one_group(&pools, &groups, config, kept)
    }
}

/// Replica groups as older configs name them: `segmentsConfig.replicaGroupStrategyConfig`.
fn legacy_groups(config: &TableConfig, strategy: &Map<String, Value>) -> Result<Groups, String> {
    let per_partition = strategy.get("numInstancesPerPartition").and_then(Value::as_u64).unwrap_or(0) as usize;
    let replica_groups = config.replication() as usize;
    let mut groups = Groups { by_replica_group: true, replica_groups, ..Groups::default() };
    match strategy.get("partitionColumn").and_then(Value::as_str) {
        Some(column) => {
            let partition = config.indexing().partition.get(column);
            let missing = || format!("Number of partitions for column: {column} is not properly configured");
            groups.partitions = partition.ok_or_else(missing)?.num_partitions as usize;
            groups.per_partition = per_partition;
        }
        None => groups.per_replica_group = per_partition,
    }
    Ok(groups)
}

/// Candidates by pool, each list rotated by the table's name so that small tables do not all start at one server.
fn pools(
    state: &State,
    tag: &str,
    pools_config: &Map<String, Value>,
    config: &TableConfig,
) -> Result<BTreeMap<i64, Vec<String>>, String> {
    let found = state.instances_with_tag(tag);
    if found.is_empty() {
        return Err(format!("No enabled instance has the tag: {tag}"));
    }
    let mut pools: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    if pools_config.get("poolBased").and_then(Value::as_bool) == Some(true) {
        for instance in found {
            let pool = instance.pools.as_ref().and_then(|pools| pools.get(tag)).and_then(|pool| pool.parse().ok());
            if let Some(pool) = pool {
                pools.entry(pool).or_default().push(instance.id.clone());
            }
        }
        if pools.is_empty() {
            return Err(format!("No enabled instance has the pool configured for the tag: {tag}"));
        }
        select_pools(&mut pools, pools_config, config)?;
    } else {
        pools.insert(0, found.into_iter().map(|instance| instance.id.clone()).collect());
    }
    for instances in pools.values_mut() {
        let start = name_hash(config) % instances.len();
        instances.rotate_left(start);
    }
    Ok(pools)
}

fn select_pools(
    pools: &mut BTreeMap<i64, Vec<String>>,
    pools_config: &Map<String, Value>,
    config: &TableConfig,
) -> Result<(), String> {
    let named: BTreeSet<i64> =
        pools_config.get("pools").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_i64).collect();
    if !named.is_empty() {
        if !named.iter().all(|pool| pools.contains_key(pool)) {
            return Err(format!("Cannot find all instance pools configured: {named:?}"));
        }
        pools.retain(|pool, _| named.contains(pool));
        return Ok(());
    }
    let wanted = pools_config.get("numPools").and_then(Value::as_u64).unwrap_or(0) as usize;
    if wanted > pools.len() {
        return Err(format!("Not enough instance pools ({} in the cluster, asked for {wanted})", pools.len()));
    }
    if wanted > 0 {
        let all: Vec<i64> = pools.keys().copied().collect();
        let start = name_hash(config) % all.len();
        let chosen: BTreeSet<i64> = (0..wanted).map(|at| all[(start + at) % all.len()]).collect();
        pools.retain(|pool, _| chosen.contains(pool));
    }
    Ok(())
}

/// Java's hash of the table name, made positive: clusters that move over keep their layout.
fn name_hash(config: &TableConfig) -> usize {
    let units = config.table_name().as_str().encode_utf16();
    let hash = units.fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.unsigned_abs() as usize
}

fn not_enough(pool: i64, there: usize, wanted: usize) -> String {
    format!("Not enough qualified instances from pool: {pool} ({there} in the pool, asked for {wanted})")
}

/// All chosen instances hold all partitions.
fn one_group(
    pools: &BTreeMap<i64, Vec<String>>,
    groups: &Groups,
    config: &TableConfig,
    existing: Option<&InstancePartitions>,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let all: Vec<(&i64, &Vec<String>)> = pools.iter().collect();
    let (pool, instances) = all[name_hash(config) % all.len()];
    if groups.instances > instances.len() {
        return Err(not_enough(*pool, instances.len(), groups.instances));
    }
    let wanted = if groups.instances > 0 { groups.instances } else { instances.len() };
    let mut free: Vec<String> = instances.clone();
    let kept = existing.and_then(|existing| existing.partition_to_instances_map.get("0_0"));
    let chosen = keep_places(kept, wanted, &mut free);
    Ok(BTreeMap::from([("0_0".to_owned(), chosen)]))
}

/// Keeps instances that are still candidates where they were, and fills the other places in order.
fn keep_places(kept: Option<&Vec<String>>, wanted: usize, free: &mut Vec<String>) -> Vec<String> {
    let mut places: Vec<Option<String>> = vec![None; wanted];
    for (place, id) in places.iter_mut().zip(kept.into_iter().flatten()) {
        if let Some(at) = free.iter().position(|free| free == id) {
            *place = Some(free.remove(at));
        }
    }
    let mut rest = std::mem::take(free).into_iter();
    let filled = places.into_iter().filter_map(|place| place.or_else(|| rest.next())).collect();
    *free = rest.collect();
    filled
}

fn replica_groups(
    pools: &BTreeMap<i64, Vec<String>>,
    groups: &Groups,
    config: &TableConfig,
    existing: Option<&InstancePartitions>,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    if groups.replica_groups == 0 {
        return Err("Number of replica-groups must be positive".to_owned());
    }
    // A pool for each replica group, one after another.
    let all: Vec<i64> = pools.keys().copied().collect();
    let start = name_hash(config) % all.len();
    let mut of_pool: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for group in 0..groups.replica_groups.min(MAX_PLACES) {
        of_pool.entry(all[(start + group) % all.len()]).or_default().push(group);
    }
    let per_group = instances_per_group(pools, &of_pool, groups)?;
    let partitions = groups.partitions.max(1);
    let per_partition = if groups.per_partition > 0 { groups.per_partition } else { per_group };
    if per_partition > per_group {
        return Err(format!(
            "Number of instances per partition: {per_partition} must be smaller or equal to number of instances per \
             replica-group: {per_group}"
        ));
    }
    if groups.replica_groups.saturating_mul(partitions).saturating_mul(per_partition) > MAX_PLACES {
        return Err(format!("{partitions} partitions in {} replica-groups are too many", groups.replica_groups));
    }
    let mut members: Vec<Vec<String>> = vec![Vec::new(); groups.replica_groups];
    for (pool, ids) in &of_pool {
        let mut free = pools.get(pool).cloned().unwrap_or_default();
        for group in ids {
            members[*group] = kept_members(existing, *group, per_group, &mut free);
        }
        for at in 0..per_group {
            for group in ids {
                if members[*group].len() <= at && !free.is_empty() {
                    members[*group].push(free.remove(0));
                }
            }
        }
    }
    let mut layout = BTreeMap::new();
    for (group, members) in members.iter().enumerate() {
        // Partitions take consecutive members, around and around.
        let mut around = members.iter().cycle();
        for partition in 0..partitions {
            layout.insert(format!("{partition}_{group}"), around.by_ref().take(per_partition).cloned().collect());
        }
    }
    Ok(layout)
}

fn instances_per_group(
    pools: &BTreeMap<i64, Vec<String>>,
    of_pool: &BTreeMap<i64, Vec<usize>>,
    groups: &Groups,
) -> Result<usize, String> {
    let mut most = usize::MAX;
    for (pool, ids) in of_pool {
        let there = pools.get(pool).map_or(0, Vec::len);
        if groups.per_replica_group > 0 {
            let wanted = groups.per_replica_group.saturating_mul(ids.len());
            if wanted > there {
                return Err(not_enough(*pool, there, wanted));
            }
        } else if ids.len() > there {
            return Err(format!(
                "Not enough qualified instances from pool: {pool}, cannot select {} replica-groups from {there} \
                 instances",
                ids.len()
            ));
        } else {
            most = most.min(there / ids.len());
        }
    }
    Ok(if groups.per_replica_group > 0 { groups.per_replica_group } else { most })
}

/// Members of a replica group that it has now and that still are candidates.
fn kept_members(
    existing: Option<&InstancePartitions>,
    group: usize,
    per_group: usize,
    free: &mut Vec<String>,
) -> Vec<String> {
    let mut kept = Vec::new();
    let Some(existing) = existing else { return kept };
    let suffix = format!("_{group}");
    let lists = existing.partition_to_instances_map.iter().filter(|(key, _)| key.ends_with(&suffix));
    for id in lists.flat_map(|(_, ids)| ids) {
        if kept.len() < per_group
            && let Some(at) = free.iter().position(|free| free == id)
        {
            kept.push(free.remove(at));
        }
    }
    kept
}

/// Where a new segment of a table goes: instance id → wanted state.
pub(crate) fn place(state: &State, table: &Table, live: &BTreeSet<String>) -> Result<BTreeMap<String, String>, Error> {
    let config = &table.entry.config;
    let stored = state.instance_partitions.get(&format!("{}_OFFLINE", config.raw_name()));
    if let Some(stored) = stored.filter(|_| config.table_type() == TableType::Offline)
        && let Some(placed) = place_in_groups(table, stored)
    {
        return Ok(placed);
    }
    let servers = super::candidates(state, config, live);
    if servers.is_empty() {
        let tag = cluster::server_tag(config);
        return Err(Error::Unavailable(format!(
            "No enabled server with tag: {tag} for table: {}",
            config.table_name()
        )));
    }
    let replication = if config.is_dimension_table() { servers.len() } else { config.replication() as usize };
    Ok(cluster::balanced(table, &servers, replication))
}

/// One instance of each replica group, the least loaded; with one replica group as many as the replication says.
fn place_in_groups(table: &Table, partitions: &InstancePartitions) -> Option<BTreeMap<String, String>> {
    let mut groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (key, ids) in &partitions.partition_to_instances_map {
        let group: usize = key.split_once('_')?.1.parse().ok()?;
        let members = groups.entry(group).or_default();
        for id in ids {
            if !members.contains(id) {
                members.push(id.clone());
            }
        }
    }
    let replication = table.entry.config.replication() as usize;
    match groups.len() {
        0 => None,
        1 => {
            let mut members = groups.into_values().next()?;
            members.sort_unstable();
            (!members.is_empty()).then(|| cluster::balanced(table, &members, replication))
        }
        _ => {
            let mut placed = BTreeMap::new();
            for mut members in groups.into_values() {
                members.sort_unstable();
                placed.extend(cluster::balanced(table, &members, 1));
            }
            (!placed.is_empty()).then_some(placed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::InstanceEntry;
    use serde_json::json;

    fn state(servers: usize) -> State {
        let mut state = State::default();
        for at in 0..servers {
            let id = format!("Server_h_{at}");
            let tags = vec!["DefaultTenant_OFFLINE".to_owned()];
            let mut entry = InstanceEntry::new(id.clone(), "h".to_owned(), at as u16, "SERVER", tags);
            entry.pools = Some(BTreeMap::from([("DefaultTenant_OFFLINE".to_owned(), (at % 2).to_string())]));
            state.instances.insert(id, entry);
        }
        state
    }

    fn config(groups: Value, pool_based: bool) -> TableConfig {
        let json = json!({
            "tableName": "t", "tableType": "OFFLINE", "segmentsConfig": {"replication": "2"}, "tenants": {},
            "tableIndexConfig": {}, "metadata": {},
            "instanceAssignmentConfigMap": {"OFFLINE": {
                "tagPoolConfig": {"tag": "DefaultTenant_OFFLINE", "poolBased": pool_based},
                "replicaGroupPartitionConfig": groups,
            }},
        });
        TableConfig::from_json(&json).unwrap()
    }

    fn assigned(servers: usize, groups: Value, pool_based: bool) -> Result<BTreeMap<String, Vec<String>>, String> {
        let config = config(groups, pool_based);
        let kind = configured(&config).remove(0);
        assert_eq!((kind.key.as_str(), kind.name.as_str()), ("OFFLINE", "t_OFFLINE"));
        assign(&state(servers), &config, &kind).map(|found| found.partition_to_instances_map)
    }

    #[test]
    fn replica_groups_share_no_instance() {
        let found = assigned(5, json!({"replicaGroupBased": true, "numReplicaGroups": 2}), false).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["0_0", "0_1"]);
        assert!(found.values().all(|ids| ids.len() == 2));
        assert!(found["0_0"].iter().all(|id| !found["0_1"].contains(id)));
    }

    #[test]
    fn partitions_take_turns_in_a_group() {
        let groups = json!({"replicaGroupBased": true, "numReplicaGroups": 1, "numInstancesPerReplicaGroup": 3,
                            "numPartitions": 2, "numInstancesPerPartition": 2});
        let found = assigned(3, groups, false).unwrap();
        assert_eq!(found["0_0"].len(), 2);
        assert_eq!(found["1_0"][1], found["0_0"][0], "around and around");
    }

    #[test]
    fn pools_stay_apart() {
        let found = assigned(4, json!({"replicaGroupBased": true, "numReplicaGroups": 2}), true).unwrap();
        let parity = |id: &String| id.ends_with('0') || id.ends_with('2');
        for ids in found.values() {
            assert!(ids.iter().all(|id| parity(id) == parity(&ids[0])), "{found:?}");
        }
    }

    #[test]
    fn too_few_instances() {
        let groups = json!({"replicaGroupBased": true, "numReplicaGroups": 2, "numInstancesPerReplicaGroup": 2});
        assert_eq!(
            assigned(2, groups, false).unwrap_err(),
            "Not enough qualified instances from pool: 0 (2 in the pool, asked for 4)"
        );
        assert!(assigned(2, json!({"replicaGroupBased": true}), false).unwrap_err().contains("must be positive"));
        assert!(assigned(2, json!({"numInstances": 3}), false).unwrap_err().contains("asked for 3"));
        let many = json!({"replicaGroupBased": true, "numReplicaGroups": 1, "numPartitions": 2_000_000_000});
        assert!(assigned(2, many, false).unwrap_err().contains("too many"));
        let groups = json!({"replicaGroupBased": true, "numReplicaGroups": 9_000_000_000_000_i64});
        assert!(assigned(2, groups, false).unwrap_err().contains("replica-groups"));
    }

    #[test]
    fn kept_where_they_were() {
        let mut free = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let kept = vec!["x".to_owned(), "c".to_owned()];
        assert_eq!(keep_places(Some(&kept), 2, &mut free), ["a", "c"]);
        assert_eq!(free, ["b"]);
    }

    #[test]
    fn segments_go_to_each_replica_group() {
        let config = config(json!({"replicaGroupBased": true, "numReplicaGroups": 2}), false);
        let mut state = state(4);
        let kind = configured(&config).remove(0);
        let partitions = assign(&state, &config, &kind).unwrap();
        let groups = partitions.partition_to_instances_map.clone();
        state.instance_partitions.insert(kind.name, partitions);
        let entry = crate::cluster::TableEntry::new(config, true, 0, 0);
        let table = Table { entry, segments: BTreeMap::new(), lineage: Default::default(), version: 0 };
        let placed = place(&state, &table, &BTreeSet::new()).unwrap();
        assert_eq!(placed.len(), 2);
        for ids in groups.values() {
            assert_eq!(placed.keys().filter(|id| ids.contains(id)).count(), 1);
        }
    }
}
