//! Brings what is loaded to what is assigned.
//!
//! Every assigned segment has at most one worker, which compares the goal with what is there until both agree: fetch,
//! check, open, swap in, report; drop and delete; on failure report ERROR, pause, try again. A goal that changes
//! meanwhile is seen by the same worker. Loading is parallel up to a bound.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use service::{Backoff, Tasks};
use tokio::sync::{Notify, Semaphore, watch};

use super::{
    assignment::{Assignment, TableAssignment, TableChange, Target, Wanted},
    local_copy::{Change, LocalCopy},
    registry::{Failure, Loaded, Table, TableInfo, Tables},
    reports::{ReportedState, Reports, SegmentReport},
};
use crate::error::Error;

/// Makes a segment usable. The real one is [`super::load::Loader`].
#[async_trait]
pub trait LoadSegment: Send + Sync + 'static {
    /// Finds the segment's file on disk or fetches it, checks and opens it. `fresh`: never from disk.
    async fn load(&self, table: &Table, segment: &str, wanted: &Wanted, fresh: bool) -> Result<Loaded, Error>;

    /// Brings the indexes of a loaded segment to the table's present config. `None` when nothing had to change.
    async fn reload(&self, table: &Table, segment: &str, loaded: &Loaded) -> Result<Option<Loaded>, Error>;

    /// Deletes the files of a segment, or only those before `keep`.
    async fn discard(&self, table: &str, segment: &str, keep: Option<&Loaded>);

    /// Deletes the files of segments that `keep` does not know.
    async fn discard_unknown(&self, keep: BTreeSet<(Arc<str>, Arc<str>)>);
}

/// What a reload came to.
#[derive(Debug, Default)]
pub struct Reloaded {
    pub success: usize,
    /// Segment and reason.
    pub failures: Vec<(Arc<str>, String)>,
}

/// Pauses between attempts to load a segment.
#[derive(Clone, Copy, Debug)]
pub struct RetryPauses {
    pub first: Duration,
    pub longest: Duration,
}

impl Default for RetryPauses {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

type Key = (Arc<str>, Arc<str>);

#[derive(Default)]
struct Goal {
    /// `None`: to be dropped.
    wanted: Option<Arc<Wanted>>,
    /// Counts changes of `wanted`, so that a worker sees them.
    generation: u64,
    working: bool,
    error: Option<String>,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    assignment: Assignment,
    /// What has changed since the copy on disk was written last.
    unsaved: Vec<Change>,
    goals: BTreeMap<Key, Goal>,
    workers: usize,
}

pub struct SegmentManager {
    tables: Arc<Tables>,
    loader: Arc<dyn LoadSegment>,
    reports: Arc<Reports>,
    copy: LocalCopy,
    loads: Semaphore,
    pauses: RetryPauses,
    tasks: Tasks,
    state: Mutex<State>,
    /// How often the assignment has changed, and which of these changes the copy on disk has.
    changes: AtomicU64,
    saved: watch::Sender<u64>,
    /// One write of the copy at a time: it holds changes in their order.
    saving: tokio::sync::Mutex<()>,
    /// The assignment differs from the copy on disk.
    unsaved: Notify,
    /// A worker has ended.
    settled: Notify,
}

impl SegmentManager {
    pub fn new(
        tables: Arc<Tables>,
        loader: Arc<dyn LoadSegment>,
        reports: Arc<Reports>,
        copy: LocalCopy,
        parallel_loads: usize,
        pauses: RetryPauses,
        tasks: Tasks,
    ) -> Arc<Self> {
        let manager = Arc::new(Self {
            tables,
            loader,
            reports,
            copy,
            loads: Semaphore::new(parallel_loads.max(1)),
            pauses,
            tasks: tasks.clone(),
            state: Mutex::default(),
            changes: AtomicU64::new(0),
            saved: watch::Sender::new(0),
            saving: tokio::sync::Mutex::new(()),
            unsaved: Notify::new(),
            settled: Notify::new(),
        });
        let saver = Arc::clone(&manager);
        tasks.spawn("save the assignment", async move { saver.save_changes().await });
        manager
    }

    pub fn reports(&self) -> &Arc<Reports> {
        &self.reports
    }

    /// Takes a whole assignment: what is not in it is dropped, with its files.
    pub fn replace(self: &Arc<Self>, assignment: Assignment) {
        let known: Vec<String> = self.state.lock().assignment.keys().cloned().collect();
        for table in known.into_iter().filter(|table| !assignment.contains_key(table)) {
            self.remove_table(&table);
        }
        for (name, table) in assignment {
            self.put_table(&name, table);
        }
    }

    /// Takes one table as it is now assigned: segments that are not in it are dropped.
    pub fn put_table(self: &Arc<Self>, name: &str, assigned: TableAssignment) {
        let info = match table_info(name, &assigned) {
            Ok(info) => info,
            Err(error) => {
                tracing::error!(table = name, error = error.chain(), "a table's definition cannot be used");
                return;
            }
        };
        let table = self.tables.put(name, info);
        let mut state = self.state.lock();
        let gone: Vec<Key> = keys_of(&state, &table.name)
            .filter(|(_, segment)| !assigned.segments.contains_key(&**segment))
            .cloned()
            .collect();
        for key in gone {
            self.set_goal(&mut state, key, None);
        }
        for (segment, wanted) in &assigned.segments {
            let key = (Arc::clone(&table.name), Arc::from(segment.as_str()));
            self.set_goal(&mut state, key, Some(Arc::clone(wanted)));
        }
        state.assignment.insert(name.to_owned(), assigned.clone());
        self.changed(state, Change::Put(name.to_owned(), assigned));
    }

    /// Takes a change of some segments of a table. False when the table is not assigned here, or a name is none.
    pub fn change_table(self: &Arc<Self>, name: &str, change: TableChange) -> bool {
        let Some(table) = self.tables.get(name) else { return false };
        if change.put.keys().any(|segment| model::SegmentName::parse(segment).is_err()) {
            return false;
        }
        let mut state = self.state.lock();
        match state.assignment.get_mut(name) {
            Some(assigned) => assigned.apply(&change),
            None => return false,
        }
        for segment in &change.removed {
            let key: Key = (Arc::clone(&table.name), Arc::from(segment.as_str()));
            if state.goals.contains_key(&key) {
                self.set_goal(&mut state, key, None);
            }
        }
        for (segment, wanted) in &change.put {
            let key = (Arc::clone(&table.name), Arc::from(segment.as_str()));
            self.set_goal(&mut state, key, Some(Arc::clone(wanted)));
        }
        self.changed(state, Change::Change(name.to_owned(), change));
        true
    }

    /// The assignment has changed in memory; the copy on disk follows.
    fn changed(&self, mut state: MutexGuard<'_, State>, change: Change) {
        state.unsaved.push(change);
        self.changes.fetch_add(1, Ordering::AcqRel);
        drop(state);
        self.unsaved.notify_one();
    }

    /// Drops a table with all its segments and files.
    pub fn remove_table(self: &Arc<Self>, name: &str) {
        let mut state = self.state.lock();
        state.assignment.remove(name);
        let change = Change::Remove(name.to_owned());
        let name: Arc<str> = Arc::from(name);
        let keys: Vec<Key> = keys_of(&state, &name).cloned().collect();
        if keys.is_empty() {
            self.tables.remove(&name);
        }
        for key in keys {
            self.set_goal(&mut state, key, None);
        }
        self.changed(state, change);
    }

    /// Deletes files of segments that neither are assigned nor will be, such as those dropped while this server was
    /// down. To be called before `assignment` is taken, so that nothing that begins to load is in the way.
    pub async fn forget_unassigned(&self, assignment: &Assignment) {
        let mut keep: BTreeSet<Key> = self.state.lock().goals.keys().cloned().collect();
        for (name, table) in assignment {
            let name: Arc<str> = Arc::from(name.as_str());
            keep.extend(table.segments.keys().map(|segment| (Arc::clone(&name), Arc::from(segment.as_str()))));
        }
        self.loader.discard_unknown(keep).await;
    }

    /// What is loaded or has failed at this moment, for a registration. Reports that wait are covered by it.
    pub fn held(&self) -> Vec<SegmentReport> {
        self.reports.clear();
        let state = self.state.lock();
        let mut held = Vec::with_capacity(state.goals.len());
        for (key, goal) in &state.goals {
            let loaded = self.tables.get(&key.0).and_then(|table| table.segment(&key.1));
            match (&loaded, &goal.error) {
                (Some(loaded), _) => held.push(report(key, ReportedState::Online, Some(loaded))),
                (None, Some(error)) => held.push(report(key, ReportedState::Error(error.clone()), None)),
                (None, None) => {}
            }
        }
        held
    }

    /// Brings the indexes of loaded segments to the table's present config; all of the table without `names`. With
    /// `force_fetch` the segments are fetched again.
    pub async fn reload(
        self: &Arc<Self>,
        table: &str,
        names: Option<&[&str]>,
        force_fetch: bool,
    ) -> Result<Reloaded, Error> {
        let table = self.table(table)?;
        let loaded = table.segments();
        let names: Vec<Arc<str>> = match names {
            Some(names) => names.iter().map(|name| Arc::from(*name)).collect(),
            None => loaded.keys().cloned().collect(),
        };
        let mut outcome = Reloaded::default();
        for name in names {
            let result = match loaded.get(&name) {
                Some(loaded) => self.reload_one(&table, &name, loaded, force_fetch).await,
                None => Err(Error::Segment {
                    table: table.name.to_string(),
                    segment: name.to_string(),
                    reason: "it is not loaded here".to_owned(),
                }),
            };
            match result {
                Ok(()) => outcome.success += 1,
                Err(error) => outcome.failures.push((name, error.chain())),
            }
        }
        Ok(outcome)
    }

    /// Fetches segments again, loaded or failed; all of the table without `names`. What is loaded stays in use until
    /// its successor is there.
    pub async fn refresh(self: &Arc<Self>, table: &str, names: Option<&[&str]>) -> Result<Reloaded, Error> {
        let table = self.table(table)?;
        let mut outcome = Reloaded::default();
        let assigned: Vec<Arc<str>> = {
            let state = self.state.lock();
            keys_of(&state, &table.name).map(|(_, segment)| Arc::clone(segment)).collect()
        };
        for segment in assigned.into_iter().filter(|segment| names.is_none_or(|names| names.contains(&&**segment))) {
            match table.segment(&segment) {
                Some(loaded) => match self.reload_one(&table, &segment, &loaded, true).await {
                    Ok(()) => outcome.success += 1,
                    Err(error) => outcome.failures.push((segment, error.chain())),
                },
                None => {
                    // It has failed or is on its way: try at once instead of after the pause.
                    let mut state = self.state.lock();
                    if let Some(goal) = state.goals.get_mut(&(Arc::clone(&table.name), Arc::clone(&segment))) {
                        goal.generation += 1;
                        goal.changed.notify_one();
                    }
                    outcome.success += 1;
                }
            }
        }
        Ok(outcome)
    }

    /// Assigned segments of a table that should be loaded and are not.
    pub fn not_loaded(&self, table: &str) -> Vec<Arc<str>> {
        let Some(table) = self.tables.get(table) else { return Vec::new() };
        let state = self.state.lock();
        keys_of(&state, &table.name)
            .filter(|key| {
                let wanted = state.goals.get(*key).and_then(|goal| goal.wanted.as_ref());
                wanted.is_some_and(|wanted| wanted.target != Target::Offline) && table.segment(&key.1).is_none()
            })
            .map(|key| Arc::clone(&key.1))
            .collect()
    }

    fn table(&self, name: &str) -> Result<Arc<Table>, Error> {
        self.tables
            .get(name)
            .ok_or_else(|| Error::Table { table: name.to_owned(), reason: "it is not on this server".to_owned() })
    }

    async fn reload_one(
        &self,
        table: &Arc<Table>,
        name: &Arc<str>,
        loaded: &Arc<Loaded>,
        force_fetch: bool,
    ) -> Result<(), Error> {
        let permit = self.loads.acquire().await.map_err(|_| Error::Worker("loading has ended".to_owned()))?;
        let fresh = if force_fetch {
            let wanted =
                Wanted { target: Target::Online, crc: loaded.crc.clone(), metadata_json: loaded.metadata_json.clone() };
            Some(self.loader.load(table, name, &wanted, true).await?)
        } else {
            self.loader.reload(table, name, loaded).await?
        };
        drop(permit);
        let Some(fresh) = fresh else {
            loaded.touch();
            return Ok(());
        };
        let fresh = Arc::new(fresh);
        {
            // A replacement that came meanwhile is newer than what was reloaded.
            let _state = self.state.lock();
            let unchanged = table.segment(name).is_some_and(|now| Arc::ptr_eq(&now, loaded));
            if !unchanged {
                return Ok(());
            }
            table.put(Arc::clone(name), Arc::clone(&fresh));
        }
        self.loader.discard(&table.name, name, Some(&fresh)).await;
        self.reports.add(report(&(Arc::clone(&table.name), Arc::clone(name)), ReportedState::Online, Some(&fresh)));
        Ok(())
    }

    /// Waits until no worker is busy with a first attempt or a change; workers that pause after a failure count as
    /// settled.
    pub async fn settle(&self) {
        loop {
            let settled = self.settled.notified();
            {
                let state = self.state.lock();
                let busy = state.goals.values().any(|goal| goal.working && goal.error.is_none());
                if !busy {
                    return;
                }
            }
            settled.await;
        }
    }

    /// Reads the local copy and starts to load what it names. False when there was none.
    pub fn start_from_copy(self: &Arc<Self>) -> bool {
        match self.copy.load() {
            Ok(Some(assignment)) => {
                self.replace(assignment);
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(error = error.chain(), "the controller will send the assignment again");
                false
            }
        }
    }

    /// Brings the local copy up to date.
    pub async fn save(self: &Arc<Self>) {
        let _one_at_a_time = self.saving.lock().await;
        let (unsaved, changes) = {
            let mut state = self.state.lock();
            (std::mem::take(&mut state.unsaved), self.changes.load(Ordering::Acquire))
        };
        let manager = Arc::clone(self);
        let stored = tokio::task::spawn_blocking(move || {
            let appended = !manager.copy.wants_whole() && {
                let appended = manager.copy.append(&unsaved);
                if let Err(error) = &appended {
                    tracing::warn!(error = error.chain(), "the local copy of the assignment is written anew");
                }
                appended.is_ok()
            };
            if appended {
                return Ok(());
            }
            let assignment = manager.state.lock().assignment.clone();
            manager.copy.store(&assignment)
        });
        match stored.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error = error.chain(), "the local copy of the assignment is behind"),
            Err(error) => tracing::error!(%error, "the local copy of the assignment is behind"),
        }
        // Also after a failure: a disk that takes no more must not keep segments from being queried.
        self.saved.send_if_modified(|saved| {
            let newer = *saved < changes;
            *saved = changes.max(*saved);
            newer
        });
    }

    /// Changes that come in during one write share the next.
    async fn save_changes(self: Arc<Self>) {
        loop {
            self.unsaved.notified().await;
            self.save().await;
        }
    }

    /// Waits until the copy on disk has what was assigned so far. What is reported ONLINE is then still there after a
    /// crash, also while there is no controller.
    async fn copy_is_current(&self) {
        let changes = self.changes.load(Ordering::Acquire);
        // The sender is in `self`, so the wait cannot fail.
        let _ = self.saved.subscribe().wait_for(|saved| *saved >= changes).await;
    }

    fn set_goal(self: &Arc<Self>, state: &mut State, key: Key, wanted: Option<Arc<Wanted>>) {
        let goal = match state.goals.entry(key.clone()) {
            Entry::Occupied(entry) => {
                let goal = entry.into_mut();
                if goal.wanted == wanted {
                    return;
                }
                goal
            }
            Entry::Vacant(entry) => entry.insert(Goal::default()),
        };
        goal.wanted = wanted;
        goal.generation += 1;
        goal.error = None;
        goal.changed.notify_one();
        if !goal.working {
            goal.working = true;
            state.workers += 1;
            let manager = Arc::clone(self);
            self.tasks.spawn("load a segment", async move { manager.work(key).await });
        }
    }

    /// Works on one segment until the goal is reached.
    async fn work(self: Arc<Self>, key: Key) {
        let mut backoff = Backoff::new(self.pauses.first, self.pauses.longest);
        loop {
            let (wanted, generation, changed) = {
                let state = self.state.lock();
                let Some(goal) = state.goals.get(&key) else { return };
                (goal.wanted.clone(), goal.generation, Arc::clone(&goal.changed))
            };
            let outcome = self.step(&key, wanted.as_deref()).await;
            if wanted.is_some() && outcome.is_ok() {
                self.copy_is_current().await;
            }
            let failed = match outcome {
                Ok(()) => None,
                Err(error) => Some(error.chain()),
            };
            if self.finish(&key, generation, wanted.is_none(), failed.as_deref()) {
                return;
            }
            if failed.is_some() {
                tokio::select! {
                    () = tokio::time::sleep(backoff.next_pause()) => {}
                    () = changed.notified() => backoff.reset(),
                }
            }
        }
    }

    /// Records how a step ended. True when the worker is done: the goal it worked on still stands and is reached.
    fn finish(&self, key: &Key, generation: u64, dropped: bool, failed: Option<&str>) -> bool {
        let mut state = self.state.lock();
        let mut done = true;
        let mut last_of_table = false;
        if let Some(goal) = state.goals.get_mut(key) {
            if goal.generation != generation {
                return false;
            }
            goal.error = failed.map(str::to_owned);
            done = failed.is_none();
            goal.working = !done;
            if done && dropped {
                state.goals.remove(key);
                last_of_table = !state.assignment.contains_key(&*key.0) && keys_of(&state, &key.0).next().is_none();
            }
        }
        if done {
            state.workers = state.workers.saturating_sub(1);
        }
        if last_of_table {
            self.tables.remove(&key.0);
        }
        drop(state);
        if let Some(message) = failed {
            tracing::warn!(table = &*key.0, segment = &*key.1, error = message, "a segment could not be loaded");
            if let Some(table) = self.tables.get(&key.0) {
                let failure = Failure { at_ms: now_ms(), message: message.to_owned() };
                table.record_failure(Arc::clone(&key.1), failure);
            }
            self.reports.add(report(key, ReportedState::Error(message.to_owned()), None));
        }
        self.settled.notify_waiters();
        done
    }

    async fn step(&self, key: &Key, wanted: Option<&Wanted>) -> Result<(), Error> {
        let (table_name, segment) = key;
        let Some(wanted) = wanted else {
            if let Some(table) = self.tables.get(table_name) {
                table.take(segment);
            }
            self.loader.discard(table_name, segment, None).await;
            self.reports.add(report(key, ReportedState::Dropped, None));
            return Ok(());
        };
        let table = self.tables.get(table_name).ok_or_else(|| Error::Table {
            table: table_name.to_string(),
            reason: "it was removed while a segment was loading".to_owned(),
        })?;
        match wanted.target {
            Target::Offline => {
                table.take(segment);
                self.reports.add(report(key, ReportedState::Offline, None));
                Ok(())
            }
            Target::Consuming => Err(Error::Segment {
                table: table_name.to_string(),
                segment: segment.to_string(),
                reason: "consuming from a stream is not supported by this version".to_owned(),
            }),
            Target::Online => {
                if let Some(loaded) = table.segment(segment)
                    && loaded.crc == wanted.crc
                {
                    self.reports.add(report(key, ReportedState::Online, Some(&loaded)));
                    return Ok(());
                }
                let permit = self.loads.acquire().await.map_err(|_| Error::Worker("loading has ended".to_owned()))?;
                let loaded = Arc::new(self.loader.load(&table, segment, wanted, false).await?);
                drop(permit);
                table.put(Arc::clone(segment), Arc::clone(&loaded));
                self.loader.discard(table_name, segment, Some(&loaded)).await;
                self.reports.add(report(key, ReportedState::Online, Some(&loaded)));
                Ok(())
            }
        }
    }
}

fn keys_of<'a>(state: &'a State, table: &Arc<str>) -> impl Iterator<Item = &'a Key> {
    let table = Arc::clone(table);
    let from: Key = (Arc::clone(&table), Arc::from(""));
    state.goals.range(from..).map(|(key, _)| key).take_while(move |key| key.0 == table)
}

fn report(key: &Key, state: ReportedState, loaded: Option<&Loaded>) -> SegmentReport {
    SegmentReport {
        table: Arc::clone(&key.0),
        segment: Arc::clone(&key.1),
        state,
        crc: loaded.map(|loaded| loaded.crc.clone()).unwrap_or_default(),
        size_bytes: loaded.map_or(0, |loaded| loaded.size_bytes),
    }
}

fn table_info(name: &str, assigned: &TableAssignment) -> Result<TableInfo, Error> {
    let bad = |reason: String| Error::Table { table: name.to_owned(), reason };
    model::TableNameWithType::parse(name).map_err(|error| bad(error.to_string()))?;
    for segment in assigned.segments.keys() {
        model::SegmentName::parse(segment).map_err(|error| bad(error.to_string()))?;
    }
    let config = serde_json::from_str(&assigned.config_json).map_err(|error| bad(error.to_string()))?;
    let schema = serde_json::from_str(&assigned.schema_json).map_err(|error| bad(error.to_string()))?;
    Ok(TableInfo {
        version: assigned.version,
        enabled: assigned.enabled,
        config: model::TableConfig::from_json(&config).map_err(|error| bad(error.to_string()))?,
        schema: Arc::new(model::Schema::from_json(&schema).map_err(|error| bad(error.to_string()))?),
    })
}

pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}
