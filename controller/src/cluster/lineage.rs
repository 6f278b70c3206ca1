//! Replacements of segments by others, and which of them queries do not see.
//!
//! An entry goes from IN_PROGRESS to COMPLETED in one step: until then queries see the old segments, from then on the
//! new ones. Everything here is pure; [`super::Cluster::write`] makes it durable.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Where a replacement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LineageState {
    /// The new segments are being pushed.
    InProgress,
    /// The new segments are in place of the old ones.
    Completed,
    /// Given up.
    Reverted,
}

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LineageEntry {
    pub segments_from: Vec<String>,
    pub segments_to: Vec<String>,
    pub state: LineageState,
    /// When it came into its state, in epoch milliseconds.
    pub timestamp: i64,
}

/// Replacements in one table, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lineage {
    pub entries: BTreeMap<String, LineageEntry>,
}

/// How long replaced segments are kept for a change of mind, and what a replacement that ended half way has left.
const KEPT_REFRESH_MS: i64 = 24 * 3_600_000;
const KEPT_APPEND_MS: i64 = 4 * 3_600_000;
const ZOMBIE_MS: i64 = 24 * 3_600_000;

/// What a table has, as far as replacements care.
pub struct Held<'a> {
    /// Name with type.
    pub table: &'a str,
    pub segments: &'a dyn Fn(&str) -> bool,
    /// Segments are replaced as a whole: `segmentIngestionType` REFRESH.
    pub refresh: bool,
}

impl Lineage {
    /// Whether queries do not see a segment: it is replaced, or is about to replace others.
    pub fn hides(&self, segment: &str) -> bool {
        self.entries.values().any(|entry| entry.hidden().iter().any(|hidden| hidden == segment))
    }

    /// All segments that [`Lineage::hides`] is true for; they may be gone.
    pub fn hidden(&self) -> BTreeSet<&str> {
        self.entries.values().flat_map(|entry| entry.hidden().iter().map(String::as_str)).collect()
    }

    /// Begins a replacement. Gives the segments that are of no more use.
    pub fn start(
        &mut self,
        id: &str,
        from: Vec<String>,
        to: Vec<String>,
        force: bool,
        held: &Held<'_>,
        now_ms: i64,
    ) -> Result<Vec<String>, Error> {
        let table = held.table;
        if from.is_empty() && to.is_empty() {
            return Err(Error::Invalid("'segmentsFrom' and 'segmentsTo' cannot both be empty".to_owned()));
        }
        // A segment that a replacement hides is none to replace again.
        let replaced: BTreeSet<String> = self.hidden().into_iter().map(str::to_owned).collect();
        for segment in &from {
            if !(held.segments)(segment) {
                return Err(Error::NotFound(format!(
                    "Segment: {segment} from 'segmentsFrom' does not exist in table: {table}"
                )));
            }
        }
        for segment in &to {
            if (held.segments)(segment) && !(force && replaced.contains(segment)) {
                return Err(Error::Conflict(format!("Segment: {segment} from 'segmentsTo' exists in table: {table}")));
            }
        }
        let mut useless = Vec::new();
        let mut entries = self.entries.clone();
        for (other_id, entry) in &self.entries {
            if entry.state == LineageState::Reverted {
                if force {
                    useless.extend(entry.segments_to.iter().filter(|s| !to.contains(s)).cloned());
                }
                continue;
            }
            let same_from = from.iter().find(|segment| entry.segments_from.contains(segment));
            let same_to = to.iter().find(|segment| entry.segments_to.contains(segment));
            if force {
                let superseded = entry.state == LineageState::InProgress && (same_from.is_some() || same_to.is_some());
                if superseded {
                    let left: Vec<String> =
                        entry.segments_to.iter().filter(|segment| !to.contains(segment)).cloned().collect();
                    useless.extend(left.iter().cloned());
                    if left.is_empty() {
                        entries.remove(other_id);
                    } else {
                        let reverted = LineageEntry {
                            segments_to: left,
                            state: LineageState::Reverted,
                            timestamp: now_ms,
                            ..entry.clone()
                        };
                        entries.insert(other_id.clone(), reverted);
                    }
                } else if entry.state == LineageState::Completed
                    && held.refresh
                    && from.iter().collect::<BTreeSet<_>>() == entry.segments_to.iter().collect()
                {
                    // Two snapshots of the data are enough: the oldest one goes.
                    useless.extend(entry.segments_from.iter().cloned());
                }
                continue;
            }
            if let Some(segment) = same_from {
                return Err(Error::Conflict(format!(
                    "Segment: {segment} from 'segmentsFrom' exists in table: {table}, entry id: {other_id} as \
                     'segmentsFrom' (replacing a replaced segment)"
                )));
            }
            if let Some(segment) = same_to {
                return Err(Error::Conflict(format!(
                    "Segment: {segment} from 'segmentsTo' exists in table: {table}, entry id: {other_id} as \
                     'segmentTo' (name conflict)"
                )));
            }
        }
        let entry =
            LineageEntry { segments_from: from, segments_to: to, state: LineageState::InProgress, timestamp: now_ms };
        entries.insert(id.to_owned(), entry);
        self.entries = entries;
        Ok(useless)
    }

    /// What has to be loaded before a replacement can end: all its new segments, or those of them that were made in the
    /// end. None: it has ended already.
    pub fn awaited(&self, id: &str, made: &[String], held: &Held<'_>) -> Result<Option<Vec<String>>, Error> {
        let entry = self.entry(id, held.table)?;
        match entry.state {
            LineageState::Completed => return Ok(None),
            LineageState::Reverted => {
                return Err(Error::Conflict(format!(
                    "The target lineage entry state is not 'IN_PROGRESS'. Cannot update to 'COMPLETED' state. \
                     (tableNameWithType={}, segmentLineageEntryId={id}, state=REVERTED)",
                    held.table
                )));
            }
            LineageState::InProgress => {}
        }
        if let Some(stranger) = made.iter().find(|segment| !entry.segments_to.contains(segment)) {
            return Err(Error::Invalid(format!(
                "Segment: {stranger} from EndReplaceSegmentsRequest does not exist in original segmentsTo list used \
                 while starting segment replacement: {}",
                held.table
            )));
        }
        let awaited = if made.is_empty() { &entry.segments_to } else { made };
        if let Some(missing) = entry.segments_from.iter().find(|segment| !(held.segments)(segment)) {
            return Err(Error::Conflict(format!(
                "Cannot complete segment replacement: segment {missing} of 'segmentsFrom' is not in table {} any more; \
                 revertReplaceSegments with forceRevert=true ends it",
                held.table
            )));
        }
        match awaited.iter().find(|segment| !(held.segments)(segment)) {
            Some(missing) => Err(Error::Conflict(format!(
                "Segment: {missing} from 'segmentsTo' does not exist in table: {}",
                held.table
            ))),
            None => Ok(Some(awaited.to_vec())),
        }
    }

    /// Ends a replacement: from now on queries see the new segments.
    pub fn end(&mut self, id: &str, made: &[String], held: &Held<'_>, now_ms: i64) -> Result<(), Error> {
        let Some(made) = self.awaited(id, made, held)? else { return Ok(()) };
        if let Some(entry) = self.entries.get_mut(id) {
            entry.segments_to = made;
            entry.state = LineageState::Completed;
            entry.timestamp = now_ms;
        }
        Ok(())
    }

    /// Takes a replacement back: queries see the old segments again. Gives the new ones, which are of no more use.
    pub fn revert(&mut self, id: &str, force: bool, held: &Held<'_>, now_ms: i64) -> Result<Vec<String>, Error> {
        let table = held.table;
        let entry = self.entry(id, table)?.clone();
        let allowed = match entry.state {
            LineageState::Completed => true,
            LineageState::InProgress => force,
            LineageState::Reverted => false,
        };
        if !allowed {
            return Err(Error::Conflict(format!(
                "Lineage state is not valid. Cannot update the lineage entry to be 'REVERTED'. (tableNameWithType={table}, \
                 segmentLineageEntryId={id}, segmentLineageEntryState={}, forceRevert={force})",
                entry.state.name()
            )));
        }
        if entry.state == LineageState::Completed
            && let Some(gone) = entry.segments_from.iter().find(|segment| !(held.segments)(segment))
        {
            return Err(Error::Conflict(format!(
                "Segment: {gone} from 'segmentsFrom' does not exist in table: {table} (reverting a deleted segment)"
            )));
        }
        let others = self.entries.iter().filter(|(_, other)| other.state != LineageState::Reverted);
        for (other_id, other) in others {
            if let Some(used) = entry.segments_to.iter().find(|segment| other.segments_from.contains(segment)) {
                return Err(Error::Conflict(format!(
                    "Segment: {used} from 'segmentsTo' exists in table: {table}, entry id: {other_id} as 'segmentsFrom' \
                     (reverting a merged segment)"
                )));
            }
        }
        if let Some(entry) = self.entries.get_mut(id) {
            entry.state = LineageState::Reverted;
            entry.timestamp = now_ms;
        }
        Ok(entry.segments_to)
    }

    /// Forgets replacements whose segments are gone, and gives segments that have been kept for long enough. With
    /// `now` set, replaced segments are not kept.
    pub fn clean_up(&mut self, held: &Held<'_>, now_ms: i64, now: bool) -> Vec<String> {
        let kept_ms = if held.refresh { KEPT_REFRESH_MS } else { KEPT_APPEND_MS };
        let mut useless = Vec::new();
        self.entries.retain(|_, entry| {
            let age_ms = now_ms.saturating_sub(entry.timestamp);
            let (side, due) = match entry.state {
                LineageState::Completed => (&entry.segments_from, now || age_ms > kept_ms),
                LineageState::Reverted => (&entry.segments_to, true),
                LineageState::InProgress if age_ms > ZOMBIE_MS => (&entry.segments_to, true),
                LineageState::InProgress => return true,
            };
            let left: Vec<&String> = side.iter().filter(|segment| (held.segments)(segment)).collect();
            if left.is_empty() {
                return false;
            }
            if due {
                useless.extend(left.into_iter().cloned());
            }
            true
        });
        useless
    }

    fn entry(&self, id: &str, table: &str) -> Result<&LineageEntry, Error> {
        let missing =
            || Error::NotFound(format!("Failed to find entry id: {id} from segment lineage for table: {table}"));
        self.entries.get(id).ok_or_else(missing)
    }
}

impl LineageEntry {
    /// Segments that queries do not see because of it.
    fn hidden(&self) -> &[String] {
        match self.state {
            LineageState::Completed => &self.segments_from,
            LineageState::InProgress | LineageState::Reverted => &self.segments_to,
        }
    }
}

impl LineageState {
    fn name(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Reverted => "REVERTED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn hidden(lineage: &Lineage) -> String {
        lineage.hidden().into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn queries_see_one_side_at_any_time() {
        let mut lineage = Lineage::default();
        let before = |segment: &str| ["a", "b"].contains(&segment);
        let after = |segment: &str| ["a", "b", "c"].contains(&segment);
        let held = Held { table: "t_OFFLINE", segments: &before, refresh: false };
        let pushed = Held { table: "t_OFFLINE", segments: &after, refresh: false };
        assert!(lineage.start("1", names(&["x"]), names(&["c"]), false, &held, 0).is_err());
        assert!(lineage.start("1", names(&["a"]), names(&["b"]), false, &held, 0).is_err());
        assert!(lineage.start("1", vec![], vec![], false, &held, 0).is_err());
        lineage.start("1", names(&["a"]), names(&["c"]), false, &held, 0).unwrap();
        assert_eq!(hidden(&lineage), "c");
        assert!(lineage.start("2", names(&["a"]), names(&["d"]), false, &held, 0).is_err());
        assert!(lineage.start("2", names(&["b"]), names(&["c"]), false, &held, 0).is_err());
        assert!(lineage.end("1", &[], &held, 1).is_err());
        assert!(lineage.end("1", &names(&["z"]), &pushed, 1).is_err());
        assert!(lineage.end("nope", &[], &pushed, 1).is_err());
        assert_eq!(hidden(&lineage), "c");
        lineage.end("1", &[], &pushed, 1).unwrap();
        assert_eq!(hidden(&lineage), "a");
        lineage.end("1", &[], &pushed, 2).unwrap();
        assert_eq!(lineage.entries["1"].timestamp, 1);
        assert_eq!(lineage.revert("1", false, &pushed, 3).unwrap(), ["c"]);
        assert_eq!(hidden(&lineage), "c");
        assert!(lineage.revert("1", true, &pushed, 3).is_err());
        assert!(lineage.end("1", &[], &pushed, 4).is_err());
    }

    #[test]
    fn force_ends_what_is_in_the_way() {
        let has = |segment: &str| ["a", "b", "c", "d"].contains(&segment);
        let held = Held { table: "t_OFFLINE", segments: &has, refresh: true };
        let mut lineage = Lineage::default();
        lineage.start("1", names(&["a"]), names(&["e", "f"]), false, &held, 0).unwrap();
        assert!(lineage.revert("1", false, &held, 1).is_err());
        let useless = lineage.start("2", names(&["a"]), names(&["f", "g"]), true, &held, 1).unwrap();
        assert_eq!(useless, ["e"]);
        assert_eq!(lineage.entries["1"].state, LineageState::Reverted);
        lineage.start("3", names(&["a"]), names(&["f", "g"]), true, &held, 1).unwrap();
        assert!(!lineage.entries.contains_key("2"));
        // A snapshot of a snapshot: the oldest one goes.
        let all = |_: &str| true;
        let done = Held { table: "t_OFFLINE", segments: &all, refresh: true };
        lineage.end("3", &[], &done, 2).unwrap();
        let some = |segment: &str| ["a", "f", "g"].contains(&segment);
        let next = Held { table: "t_OFFLINE", segments: &some, refresh: true };
        let useless = lineage.start("4", names(&["g", "f"]), names(&["h"]), true, &next, 3).unwrap();
        assert!(useless.contains(&"a".to_owned()), "{useless:?}");
        assert!(lineage.revert("3", false, &done, 4).is_err());
    }

    #[test]
    fn what_is_done_is_forgotten() {
        let has = |segment: &str| ["a", "b"].contains(&segment);
        let held = Held { table: "t_OFFLINE", segments: &has, refresh: false };
        let mut lineage = Lineage::default();
        lineage.start("1", names(&["a"]), vec![], false, &held, 0).unwrap();
        lineage.end("1", &[], &held, 0).unwrap();
        assert!(lineage.clean_up(&held, KEPT_APPEND_MS, false).is_empty());
        assert_eq!(lineage.clean_up(&held, KEPT_APPEND_MS + 1, false), ["a"]);
        assert_eq!(lineage.clean_up(&held, 1, true), ["a"]);
        let none = |_: &str| false;
        let gone = Held { table: "t_OFFLINE", segments: &none, refresh: false };
        lineage.clean_up(&gone, 1, false);
        assert!(lineage.entries.is_empty());
        lineage.start("2", vec![], names(&["c"]), false, &held, 0).unwrap();
        assert!(lineage.clean_up(&held, ZOMBIE_MS, false).is_empty());
        assert_eq!(lineage.entries.len(), 1);
        lineage.clean_up(&held, ZOMBIE_MS + 1, false);
        assert!(lineage.entries.is_empty());
    }
}
