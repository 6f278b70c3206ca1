//! The external view: what is wanted, what live instances report, put together.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::records::{ExternalView, IdealState};

/// A segment's state at one instance, as it reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SegmentState {
    Online,
    Consuming,
    Offline,
    Error,
    /// Gone: the instance forgot the segment.
    Dropped,
}

impl SegmentState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Consuming => "CONSUMING",
            Self::Offline => "OFFLINE",
            Self::Error => "ERROR",
            Self::Dropped => "DROPPED",
        }
    }

    /// Whether queries can be sent there.
    pub const fn is_queryable(self) -> bool {
        matches!(self, Self::Online | Self::Consuming)
    }
}

impl fmt::Display for SegmentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SegmentState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "ONLINE" => Self::Online,
            "CONSUMING" => Self::Consuming,
            "OFFLINE" => Self::Offline,
            "ERROR" => Self::Error,
            "DROPPED" => Self::Dropped,
            other => {
                return Err(format!(
                    "'{other}' is no segment state, expected ONLINE, CONSUMING, OFFLINE, ERROR or DROPPED"
                ));
            }
        })
    }
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    pub state: SegmentState,
    /// Checksum of what is loaded; empty when unknown.
    pub crc: String,
    /// Why the state is ERROR.
    pub error: String,
    pub size_bytes: u64,
}

impl Reported {
    pub fn new(state: SegmentState) -> Self {
        Self { state, crc: String::new(), error: String::new(), size_bytes: 0 }
    }
}

/// Everything that instances have reported, in memory. An instance that is not live keeps its last report until it is
/// removed; [`external_view`] does not show it.
#[derive(Clone, Debug, Default)]
pub struct CurrentState {
    /// Table → segment → instance → report.
    tables: HashMap<String, BTreeMap<String, BTreeMap<String, Reported>>>,
}

impl CurrentState {
    /// Takes over one report. DROPPED forgets the segment at that instance.
    pub fn report(&mut self, instance: &str, table: &str, segment: &str, report: Reported) {
        if report.state == SegmentState::Dropped {
            return self.forget(instance, table, segment);
        }
        let segments = self.tables.entry(table.to_owned()).or_default();
        segments.entry(segment.to_owned()).or_default().insert(instance.to_owned(), report);
    }

    fn forget(&mut self, instance: &str, table: &str, segment: &str) {
        let Some(segments) = self.tables.get_mut(table) else { return };
        if let Some(replicas) = segments.get_mut(segment) {
            replicas.remove(instance);
            if replicas.is_empty() {
                segments.remove(segment);
            }
        }
        if segments.is_empty() {
            self.tables.remove(table);
        }
    }

    /// Forgets all that an instance has reported; returns the tables it had segments of.
    pub fn remove_instance(&mut self, instance: &str) -> Vec<String> {
        let mut touched = Vec::new();
        for (table, segments) in &mut self.tables {
            let mut had = false;
            segments.retain(|_, replicas| {
                had |= replicas.remove(instance).is_some();
                !replicas.is_empty()
            });
            if had {
                touched.push(table.clone());
            }
        }
        self.tables.retain(|_, segments| !segments.is_empty());
        touched.sort_unstable();
        touched
    }

    pub fn get(&self, instance: &str, table: &str, segment: &str) -> Option<&Reported> {
        self.tables.get(table)?.get(segment)?.get(instance)
    }

    /// Reports of a segment by instance.
    pub fn of_segment(&self, table: &str, segment: &str) -> impl Iterator<Item = (&str, &Reported)> {
        self.tables
            .get(table)
            .and_then(|segments| segments.get(segment))
            .into_iter()
            .flatten()
            .map(|(instance, report)| (instance.as_str(), report))
    }
}

/// What brokers route by: for every wanted segment the reports of live instances. A segment that is not wanted any
/// more is not shown, whoever still holds it; a wanted one without reports is shown empty; an instance that still
/// holds a wanted segment without being assigned to it (a move under way) is shown.
pub fn external_view(
    table: &str,
    ideal: &IdealState,
    current: &CurrentState,
    live: impl Fn(&str) -> bool,
) -> ExternalView {
    let segments = ideal
        .segments
        .keys()
        .map(|segment| {
            let replicas = current
                .of_segment(table, segment)
                .filter(|(instance, _)| live(instance))
                .map(|(instance, report)| (instance.to_owned(), report.state))
                .collect();
            (segment.clone(), replicas)
        })
        .collect();
    ExternalView { segments }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::TargetState;

    fn shown(view: &ExternalView) -> String {
        view.segments
            .iter()
            .map(|(segment, replicas)| {
                let replicas: Vec<String> = replicas.iter().map(|(id, state)| format!("{id}={state}")).collect();
                format!("{segment}[{}]", replicas.join(" "))
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn derived_from_reports_of_live_instances() {
        let mut ideal = IdealState::new(2);
        ideal.assign("s1", ["A", "B"], TargetState::Online);
        ideal.assign("s2", ["A"], TargetState::Online);
        let mut current = CurrentState::default();
        let all = |_: &str| true;
        assert_eq!(shown(&external_view("t", &ideal, &current, all)), "s1[] s2[]");
        current.report("A", "t", "s1", Reported::new(SegmentState::Online));
        current.report("B", "t", "s1", Reported::new(SegmentState::Error));
        current.report("C", "t", "s1", Reported::new(SegmentState::Online));
        current.report("A", "t", "gone", Reported::new(SegmentState::Online));
        current.report("A", "other", "s2", Reported::new(SegmentState::Online));
        assert_eq!(shown(&external_view("t", &ideal, &current, all)), "s1[A=ONLINE B=ERROR C=ONLINE] s2[]");
        assert_eq!(shown(&external_view("t", &ideal, &current, |id| id != "A")), "s1[B=ERROR C=ONLINE] s2[]");
        current.report("C", "t", "s1", Reported::new(SegmentState::Dropped));
        assert_eq!(current.remove_instance("A"), ["other", "t"]);
        assert_eq!(shown(&external_view("t", &ideal, &current, all)), "s1[B=ERROR] s2[]");
        assert!(current.get("B", "t", "s1").is_some() && current.get("A", "t", "s1").is_none());
    }
}
