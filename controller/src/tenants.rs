//! Tenants: pools of instances, told by their tags. What changes when one is made, resized or taken apart.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cluster::{Change, InstanceEntry, State};
use crate::error::Error;

pub(crate) const UNTAGGED_BROKER: &str = "broker_untagged";
pub(crate) const UNTAGGED_SERVER: &str = "server_untagged";
/// Longest name: it becomes part of tags.
const MAX_NAME: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TenantRole {
    Broker,
    Server,
}

/// A tenant as a request describes it.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub role: TenantRole,
    pub name: String,
    pub instances: usize,
    pub offline: usize,
    pub realtime: usize,
}

impl Tenant {
    /// Reads the document. An error is a sentence about it.
    pub fn read(json: &Value) -> Result<Self, String> {
        let Value::Object(map) = json else {
            return Err("A tenant is a JSON object with 'tenantRole' and 'tenantName'".to_owned());
        };
        let role = match map.get("tenantRole") {
            None => return Err("Missing required creator property 'tenantRole'".to_owned()),
            Some(Value::String(role)) if role == "BROKER" => TenantRole::Broker,
            Some(Value::String(role)) if role == "SERVER" => TenantRole::Server,
            Some(Value::String(role)) if role == "MINION" => {
                return Err("Tenants of minions cannot be made; give the instances tags instead".to_owned());
            }
            Some(role) => {
                return Err(format!("'tenantRole' is {role}: not one of the values [BROKER, SERVER, MINION]"));
            }
        };
        let name = match map.get("tenantName") {
            None | Some(Value::Null) => return Err("Missing required creator property 'tenantName'".to_owned()),
            Some(Value::String(name)) => name.clone(),
            Some(_) => return Err("'tenantName' has to be a text".to_owned()),
        };
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '/' | '\\' | '"');
        if name.is_empty() || name.len() > MAX_NAME || name.contains(odd) {
            return Err(format!(
                "'tenantName' has 1 to {MAX_NAME} bytes, without blanks, commas, slashes, quotes and control characters"
            ));
        }
        let count = |key: &str| match map.get(key) {
            None | Some(Value::Null) => Ok(0),
            Some(Value::Number(number)) => {
                let small = number.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= 1_000_000);
                small.ok_or_else(|| format!("'{key}' is {number}: expected a whole number from 0 to 1000000"))
            }
            Some(Value::String(text)) => {
                text.trim().parse().map_err(|_| format!("'{key}' is \"{text}\": expected a whole number"))
            }
            Some(other) => Err(format!("'{key}' is {other}: expected a whole number")),
        };
        Ok(Self {
            role,
            name,
            instances: count("numberOfInstances")?,
            offline: count("offlineInstances")?,
            realtime: count("realtimeInstances")?,
        })
    }
}

pub(crate) fn broker_tag(tenant: &str) -> String {
    format!("{tenant}_BROKER")
}

pub(crate) fn offline_tag(tenant: &str) -> String {
    format!("{tenant}_OFFLINE")
}

pub(crate) fn realtime_tag(tenant: &str) -> String {
    format!("{tenant}_REALTIME")
}

/// Edits of instances that are put together, so that each is stored once.
struct Edits<'a> {
    state: &'a State,
    edited: std::collections::BTreeMap<String, InstanceEntry>,
}

impl<'a> Edits<'a> {
    fn new(state: &'a State) -> Self {
        Self { state, edited: Default::default() }
    }

    fn tags(&mut self, id: &str, change: impl FnOnce(&mut Vec<String>)) {
        let known = self.edited.get(id).or_else(|| self.state.instances.get(id)).cloned();
        if let Some(mut entry) = known {
            change(&mut entry.tags);
            self.edited.insert(id.to_owned(), entry);
        }
    }

    fn retag(&mut self, id: &str, from: &str, to: &str) {
        self.tags(id, |tags| {
            tags.retain(|tag| tag != from && tag != to);
            tags.push(to.to_owned());
        });
    }

    fn add(&mut self, id: &str, tag: &str) {
        self.tags(id, |tags| {
            if !tags.iter().any(|own| own == tag) {
                tags.push(tag.to_owned());
            }
        });
    }

    fn changes(self) -> Vec<Change> {
        self.edited.into_values().map(Change::PutInstance).collect()
    }
}

/// Live instances of a role that are in no tenant, ascending.
fn free(state: &State, live: &BTreeSet<String>, role: &str, untagged: &str) -> Vec<String> {
    let is_free = |entry: &&InstanceEntry| {
        entry.role == role && live.contains(&entry.id) && (entry.tags.is_empty() || entry.has_tag(untagged))
    };
    state.instances.values().filter(is_free).map(|entry| entry.id.clone()).collect()
}

fn tagged(state: &State, tag: &str) -> Vec<String> {
    state.instances_with_tag(tag).into_iter().map(|entry| entry.id.clone()).collect()
}

fn too_few(what: &str, tenant: &Tenant, free: usize, tagged: usize, wanted: usize) -> Error {
    Error::Internal(format!(
        "Failed to {what} tenant: {wanted} more live instances without tenant are needed for {}, {free} are there \
         ({tagged} carry its tags already)",
        tenant.name
    ))
}

/// Plans a new tenant. Instances come from those that are live and in no tenant.
pub(crate) fn create(state: &State, live: &BTreeSet<String>, tenant: &Tenant) -> Result<Vec<Change>, Error> {
    let mut edits = Edits::new(state);
    match tenant.role {
        TenantRole::Broker => {
            let free = free(state, live, "BROKER", UNTAGGED_BROKER);
            if free.len() < tenant.instances {
                return Err(too_few("create", tenant, free.len(), 0, tenant.instances));
            }
            for id in free.iter().take(tenant.instances) {
                edits.retag(id, UNTAGGED_BROKER, &broker_tag(&tenant.name));
            }
        }
        TenantRole::Server => {
            let free = free(state, live, "SERVER", UNTAGGED_SERVER);
            let wanted = servers_wanted(tenant, free.len())?;
            if free.len() < wanted {
                return Err(too_few("create", tenant, free.len(), 0, wanted));
            }
            // Both kinds go round over the same servers, so that they share when there are fewer servers than asked
            // for of each kind together.
            let mut turn = free.iter().take(wanted).cycle();
            for (count, tag) in
                [(tenant.offline, offline_tag(&tenant.name)), (tenant.realtime, realtime_tag(&tenant.name))]
            {
                for id in turn.by_ref().take(count) {
                    edits.retag(id, UNTAGGED_SERVER, &tag);
                }
            }
        }
    }
    Ok(edits.changes())
}

/// How many servers a tenant takes. Without a number of its own it takes one for each kind where there are enough,
/// and lets the kinds share otherwise.
fn servers_wanted(tenant: &Tenant, free: usize) -> Result<usize, Error> {
    let most = tenant.offline.max(tenant.realtime);
    if tenant.instances == 0 {
        return Ok((tenant.offline + tenant.realtime).min(free).max(most));
    }
    if tenant.instances < most {
        return Err(Error::Invalid(format!(
            "Cannot request more offline instances: {} or realtime instances: {} than total instances: {}",
            tenant.offline, tenant.realtime, tenant.instances
        )));
    }
    Ok(tenant.instances)
}

/// Plans another size of a tenant. Brokers that are added answer for its tables at once; brokers that are taken away
/// go on until they are told otherwise, as everywhere where tags change. Servers cannot be taken away.
pub(crate) fn update(state: &State, live: &BTreeSet<String>, tenant: &Tenant) -> Result<Vec<Change>, Error> {
    match tenant.role {
        TenantRole::Broker => update_broker(state, live, tenant),
        TenantRole::Server => update_server(state, live, tenant),
    }
}

fn update_broker(state: &State, live: &BTreeSet<String>, tenant: &Tenant) -> Result<Vec<Change>, Error> {
    let tag = broker_tag(&tenant.name);
    let present = tagged(state, &tag);
    let mut edits = Edits::new(state);
    for id in present.iter().take(present.len().saturating_sub(tenant.instances)) {
        edits.retag(id, &tag, UNTAGGED_BROKER);
    }
    let more = tenant.instances.saturating_sub(present.len());
    let free = free(state, live, "BROKER", UNTAGGED_BROKER);
    if free.len() < more {
        return Err(too_few("update", tenant, free.len(), present.len(), more));
    }
    let added: Vec<&String> = free.iter().take(more).collect();
    for id in &added {
        edits.retag(id, UNTAGGED_BROKER, &tag);
    }
    let mut changes = edits.changes();
    if !added.is_empty() {
        for (name, table) in &state.tables {
            if crate::cluster::broker_tag(&table.entry.config) == tag {
                let mut brokers = state.broker_resource.get(name).cloned().unwrap_or_default();
                brokers.extend(added.iter().map(|id| (*id).clone()));
                changes.push(Change::PutBrokers { table: name.clone(), brokers });
            }
        }
    }
    Ok(changes)
}

fn update_server(state: &State, live: &BTreeSet<String>, tenant: &Tenant) -> Result<Vec<Change>, Error> {
    let (offline_tag, realtime_tag) = (offline_tag(&tenant.name), realtime_tag(&tenant.name));
    let (offline, realtime) = (tagged(state, &offline_tag), tagged(state, &realtime_tag));
    let all: BTreeSet<&String> = offline.iter().chain(&realtime).collect();
    let refuse = |reason: &str| Err(Error::Internal(format!("Failed to update tenant {}: {reason}", tenant.name)));
    let shares_now = all.len() < offline.len() + realtime.len();
    let shall_share = tenant.offline + tenant.realtime > tenant.instances;
    if shares_now != shall_share {
        return refuse("servers that serve both kinds of tables cannot become servers of one kind, nor the reverse");
    }
    if tenant.instances < all.len() || tenant.offline < offline.len() || tenant.realtime < realtime.len() {
        return refuse("it has more servers than that; servers cannot be taken away from a tenant by this call");
    }
    let more = tenant.instances - all.len();
    let free = free(state, live, "SERVER", UNTAGGED_SERVER);
    if free.len() < more {
        return Err(too_few("update", tenant, free.len(), all.len(), more));
    }
    let (more_offline, more_realtime) = (tenant.offline - offline.len(), tenant.realtime - realtime.len());
    let mut edits = Edits::new(state);
    let mut new = free.iter().take(more);
    // New servers first, each for one kind; what is left to give goes to servers of the other kind.
    for (count, tag, own, other) in
        [(more_offline, &offline_tag, &offline, &realtime), (more_realtime, &realtime_tag, &realtime, &offline)]
    {
        let mut sharing = other.iter().filter(|id| !own.contains(id));
        for _ in 0..count {
            match (new.next(), shall_share) {
                (Some(id), _) => edits.retag(id, UNTAGGED_SERVER, tag),
                (None, true) => match sharing.next() {
                    Some(id) => edits.add(id, tag),
                    None => return refuse("there are not enough servers that could serve both kinds of tables"),
                },
                (None, false) => return refuse("the numbers of servers of each kind exceed the number of instances"),
            }
        }
    }
    Ok(edits.changes())
}

/// Plans the end of a tenant: its instances are in no tenant afterwards. Refused while it is in use.
pub(crate) fn delete(state: &State, role: TenantRole, tenant: &str) -> Result<Vec<Change>, Error> {
    let mut edits = Edits::new(state);
    match role {
        TenantRole::Broker => {
            let tag = broker_tag(tenant);
            let members = tagged(state, &tag);
            if state.broker_resource.values().any(|brokers| members.iter().any(|id| brokers.contains(id))) {
                return Err(Error::Invalid("Broker tenant is not null, can not delete it".to_owned()));
            }
            for id in &members {
                edits.retag(id, &tag, UNTAGGED_BROKER);
            }
        }
        TenantRole::Server => {
            let tags = [offline_tag(tenant), realtime_tag(tenant)];
            let members: BTreeSet<String> = tags.iter().flat_map(|tag| tagged(state, tag)).collect();
            let segments = state.tables.values().flat_map(|table| table.segments.values());
            let mut holders = segments.flat_map(|segment| segment.ideal.keys());
            if !members.is_empty() && holders.any(|id| members.contains(id)) {
                return Err(Error::Invalid("Server tenant is not null, can not delete it".to_owned()));
            }
            for id in &members {
                edits.tags(id, |own| {
                    own.retain(|tag| !tags.contains(tag));
                    if own.is_empty() {
                        own.push(UNTAGGED_SERVER.to_owned());
                    }
                });
            }
        }
    }
    Ok(edits.changes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::Touched;

    fn state(servers: &[(&str, &[&str])]) -> (State, BTreeSet<String>) {
        let mut state = State::default();
        for (id, tags) in servers {
            let role = if id.starts_with('B') { "BROKER" } else { "SERVER" };
            let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            let entry = InstanceEntry::new((*id).to_owned(), "h".to_owned(), 1, role, tags);
            state.instances.insert(entry.id.clone(), entry);
        }
        let live = state.instances.keys().filter(|id| !id.ends_with("dead")).cloned().collect();
        (state, live)
    }

    fn shown(state: &mut State, changes: Result<Vec<Change>, Error>) -> String {
        match changes {
            Err(error) => error.status().as_u16().to_string(),
            Ok(changes) => {
                for change in changes {
                    state.apply(change, &mut Touched::default());
                }
                let tags = |entry: &InstanceEntry| format!("{}:{}", entry.id, entry.tags.join("+"));
                state.instances.values().map(tags).collect::<Vec<_>>().join(" ")
            }
        }
    }

    fn tenant(role: &str, instances: usize, offline: usize, realtime: usize) -> Tenant {
        let json = json!({ "tenantRole": role, "tenantName": "t", "numberOfInstances": instances,
            "offlineInstances": offline, "realtimeInstances": realtime });
        Tenant::read(&json).unwrap()
    }

    #[test]
    fn servers_are_shared_or_not() {
        let two: &[(&str, &[&str])] = &[("S1", &["server_untagged"]), ("S2", &[]), ("S3dead", &["server_untagged"])];
        for ((instances, offline, realtime), expected) in [
            ((2, 1, 1), "S1:t_OFFLINE S2:t_REALTIME S3dead:server_untagged"),
            ((1, 1, 1), "S1:t_OFFLINE+t_REALTIME S2: S3dead:server_untagged"),
            ((0, 1, 1), "S1:t_OFFLINE S2:t_REALTIME S3dead:server_untagged"),
            ((0, 2, 2), "S1:t_OFFLINE+t_REALTIME S2:t_OFFLINE+t_REALTIME S3dead:server_untagged"),
            ((0, 0, 0), "S1:server_untagged S2: S3dead:server_untagged"),
            ((3, 1, 1), "500"),
            ((1, 2, 1), "400"),
        ] {
            let (mut state, live) = state(two);
            let planned = create(&state, &live, &tenant("SERVER", instances, offline, realtime));
            assert_eq!(shown(&mut state, planned), expected, "{instances} {offline} {realtime}");
        }
    }

    #[test]
    fn a_tenant_grows_and_ends() {
        let (mut state, live) = state(&[("S1", &["server_untagged"]), ("S2", &["server_untagged"])]);
        let planned = create(&state, &live, &tenant("SERVER", 1, 1, 0));
        assert_eq!(shown(&mut state, planned), "S1:t_OFFLINE S2:server_untagged");
        let planned = update(&state, &live, &tenant("SERVER", 2, 1, 1));
        assert_eq!(shown(&mut state, planned), "S1:t_OFFLINE S2:t_REALTIME");
        let planned = update(&state, &live, &tenant("SERVER", 1, 1, 0));
        assert_eq!(shown(&mut state, planned), "500");
        let planned = update(&state, &live, &tenant("SERVER", 2, 2, 2));
        assert_eq!(shown(&mut state, planned), "500", "not shared so far");
        let planned = delete(&state, TenantRole::Server, "t");
        assert_eq!(shown(&mut state, planned), "S1:server_untagged S2:server_untagged");

        let (mut state, live) = self::state(&[("B1", &["broker_untagged"]), ("B2", &["broker_untagged", "x_BROKER"])]);
        let planned = create(&state, &live, &tenant("BROKER", 2, 0, 0));
        assert_eq!(shown(&mut state, planned), "B1:t_BROKER B2:x_BROKER+t_BROKER");
        let planned = update(&state, &live, &tenant("BROKER", 1, 0, 0));
        assert_eq!(shown(&mut state, planned), "B1:broker_untagged B2:x_BROKER+t_BROKER");
        let planned = update(&state, &live, &tenant("BROKER", 3, 0, 0));
        assert_eq!(shown(&mut state, planned), "500");
    }

    #[test]
    fn documents_that_cannot_be_read() {
        for (bad, part) in [
            (json!([]), "object"),
            (json!({ "tenantName": "t" }), "tenantRole"),
            (json!({ "tenantRole": "POTTER", "tenantName": "t" }), "POTTER"),
            (json!({ "tenantRole": "SERVER" }), "tenantName"),
            (json!({ "tenantRole": "SERVER", "tenantName": "a,b" }), "commas"),
            (json!({ "tenantRole": "SERVER", "tenantName": "t", "offlineInstances": -1 }), "offlineInstances"),
            (json!({ "tenantRole": "SERVER", "tenantName": "t", "numberOfInstances": "many" }), "numberOfInstances"),
        ] {
            let error = Tenant::read(&bad).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
