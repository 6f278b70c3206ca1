//! A store in memory, for tests and for clusters that need not outlive their process.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use async_trait::async_trait;
use parking_lot::RwLock;

use crate::{
    Change, Error, MetadataStore, Op, Record, RecordPath, Result, Version, Watch, store::check_ops, watch::Watchers,
};

/// See the module. Cheap to create; all clones of an `Arc` share it.
#[derive(Debug)]
pub struct MemoryStore {
    state: RwLock<State>,
    watchers: Watchers,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<String, (Version, Arc<[u8]>)>,
    revision: Version,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    pub fn new() -> Self {
        Self { state: RwLock::default(), watchers: Watchers::new() }
    }
}

/// The bounds of everything below a path.
fn bounds(path: &RecordPath) -> (Bound<String>, Bound<String>) {
    let (first, last) = path.range_below();
    (Bound::Included(first), last.map_or(Bound::Unbounded, Bound::Excluded))
}

#[async_trait]
impl MetadataStore for MemoryStore {
    async fn get(&self, path: &RecordPath) -> Result<Option<Record>> {
        let state = self.state.read();
        Ok(state.records.get(path.as_str()).map(|(version, value)| Record {
            path: path.clone(),
            value: value.clone(),
            version: *version,
        }))
    }

    async fn list(&self, below: &RecordPath) -> Result<Vec<Record>> {
        let state = self.state.read();
        state
            .records
            .range(bounds(below))
            .map(|(path, (version, value))| {
                Ok(Record { path: RecordPath::parse(path)?, value: value.clone(), version: *version })
            })
            .collect()
    }

    async fn children(&self, path: &RecordPath) -> Result<Vec<String>> {
        let state = self.state.read();
        let (first, last) = path.range_below();
        let mut names = Vec::new();
        let mut from = Bound::Included(first.clone());
        let until = last.map_or(Bound::Unbounded, Bound::Excluded);
        while let Some((found, _)) = state.records.range((from, until.clone())).next() {
            let name = found[first.len()..].split('/').next().unwrap_or_default();
            // Everything below the child sorts before `child0`; siblings such as `child-1` may lie in between.
            from = match found[first.len()..].contains('/') {
                true => Bound::Included(format!("{first}{name}0")),
                false => Bound::Excluded(found.clone()),
            };
            names.push(name.to_owned());
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    async fn commit(&self, ops: Vec<Op>) -> Result<Version> {
        check_ops(&ops)?;
        let mut state = self.state.write();
        for op in &ops {
            let found = state.records.get(op.path().as_str()).map(|(version, _)| *version);
            if !op.expect().holds(found) {
                return Err(Error::Conflict { path: op.path().to_string(), expected: op.expect(), found });
            }
        }
        let version = state.revision + 1;
        let mut changes = Vec::new();
        for op in ops {
            match op {
                Op::Put { path, value, .. } => {
                    let value: Arc<[u8]> = value.into();
                    state.records.insert(path.as_str().to_owned(), (version, value.clone()));
                    changes.push(Change { path, version, value: Some(value) });
                }
                Op::Delete { path, .. } => {
                    if state.records.remove(path.as_str()).is_some() {
                        changes.push(Change { path, version, value: None });
                    }
                }
                Op::Check { .. } => {}
            }
        }
        if !changes.is_empty() {
            state.revision = version;
            self.watchers.send(changes);
        }
        Ok(state.revision)
    }

    fn watch(&self, path: &RecordPath) -> Watch {
        self.watchers.watch(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        crate::conformance::run(|| async { Arc::new(MemoryStore::new()) as Arc<dyn MetadataStore> }).await;
    }

    #[tokio::test]
    async fn watchers_that_lag_resync() {
        let store = MemoryStore::new();
        let path = RecordPath::parse("a").unwrap();
        let mut watch = store.watch(&path);
        let mut last = 0;
        for i in 0..10_000u32 {
            last = store.put(&path, i.to_string().into_bytes(), crate::Expect::Any).await.unwrap();
        }
        assert_eq!(watch.next().await, Some(crate::WatchEvent::Resync));
        // What follows is the tail, up to the last change.
        let mut seen = 0;
        while seen < last {
            match watch.next().await {
                Some(crate::WatchEvent::Changed(change)) => seen = change.version,
                other => panic!("{other:?}"),
            }
        }
        drop(store);
        assert_eq!(watch.next().await, None);
    }
}
