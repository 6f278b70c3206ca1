//! What instances report: who is live, and which segments each has loaded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use proto::v1;

use super::outbox::{Outbox, TableTouch, TableTouches};

/// State of one segment at one instance, as reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Current {
    pub state: String,
    pub crc: String,
    /// Why the state is ERROR.
    pub error: String,
    pub size_bytes: u64,
}

/// A live instance.
#[derive(Debug)]
pub(crate) struct Live {
    /// Tells this session from an earlier one of the same instance.
    pub session: u64,
    pub role: v1::Role,
    pub host: String,
    pub port: u16,
    pub admin_port: u16,
    /// Table name with type → segment → state.
    pub segments: HashMap<String, HashMap<String, Current>>,
    pub outbox: Arc<Outbox>,
}

impl Live {
    /// The segments that it has reported: what brokers see differently when it comes or goes.
    pub(super) fn touches(&self) -> TableTouches {
        let of_table = |(table, segments): (&String, &HashMap<String, Current>)| {
            (table.clone(), TableTouch::replicas(segments.keys().cloned().collect()))
        };
        self.segments.iter().map(of_table).collect()
    }
}

/// All live instances.
#[derive(Debug, Default)]
pub(crate) struct LiveInstances {
    pub by_id: BTreeMap<String, Live>,
}

impl LiveInstances {
    /// Instance id → state, for one segment.
    pub fn replicas(&self, table: &str, segment: &str) -> BTreeMap<String, &Current> {
        let mut found = BTreeMap::new();
        for (id, live) in &self.by_id {
            if let Some(current) = live.segments.get(table).and_then(|segments| segments.get(segment)) {
                found.insert(id.clone(), current);
            }
        }
        found
    }

    /// Segment → instance → state, for one table. What has never been reported is not in it.
    pub fn external_view(&self, table: &str) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut view: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (id, live) in &self.by_id {
            for (segment, current) in live.segments.get(table).into_iter().flatten() {
                view.entry(segment.clone()).or_default().insert(id.clone(), current.state.clone());
            }
        }
        view
    }

    pub fn is_live(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Takes a report in. Gives the segments whose view has changed, by table.
    pub fn report(
        &mut self,
        id: &str,
        session: u64,
        segments: Vec<v1::SegmentState>,
    ) -> BTreeMap<String, BTreeSet<String>> {
        let mut changed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let Some(live) = self.by_id.get_mut(id).filter(|live| live.session == session) else {
            return changed;
        };
        for report in segments {
            let current =
                Current { state: report.state, crc: report.crc, error: report.error, size_bytes: report.size_bytes };
            if current.state == "DROPPED" {
                let Some(of_table) = live.segments.get_mut(&report.table) else { continue };
                if of_table.remove(&report.segment).is_some() {
                    if of_table.is_empty() {
                        live.segments.remove(&report.table);
                    }
                    changed.entry(report.table).or_default().insert(report.segment);
                }
                continue;
            }
            let of_table = live.segments.entry(report.table.clone()).or_default();
            if of_table.get(&report.segment) != Some(&current) {
                of_table.insert(report.segment.clone(), current);
                changed.entry(report.table).or_default().insert(report.segment);
            }
        }
        changed
    }
}
