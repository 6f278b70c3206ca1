//! The cluster's records by type.

use std::sync::Arc;

use model::{InstanceId, RawTableName, SegmentName, TableNameWithType};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, Expect, MetadataStore, Op, Record, RecordPath, Result, Version, paths,
    records::{ClusterConfigRecord, IdealState, InstanceRecord, SchemaRecord, SegmentRecord, TableRecord},
};

/// Attempts of an update before it gives up.
const MAX_ATTEMPTS: u32 = 64;

/// A document with the version it was read at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    pub value: T,
    pub version: Version,
}

/// Typed access to a store. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    store: Arc<dyn MetadataStore>,
    name: String,
}

impl Cluster {
    /// `name` is the cluster's name in paths. It has to be a path component.
    pub fn new(store: Arc<dyn MetadataStore>, name: &str) -> Result<Self> {
        paths::cluster_config(name)?;
        Ok(Self { store, name: name.to_owned() })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn store(&self) -> &Arc<dyn MetadataStore> {
        &self.store
    }

    /// Any document.
    pub async fn get<T: DeserializeOwned>(&self, path: &RecordPath) -> Result<Option<Versioned<T>>> {
        self.store.get(path).await?.map(decode).transpose()
    }

    /// Writes any document.
    pub async fn put<T: Serialize + Sync>(&self, path: RecordPath, value: &T, expect: Expect) -> Result<Version> {
        self.store.commit(vec![Op::put_json(path, value, expect)?]).await
    }

    /// Documents directly below a folder, with their names, ascending.
    pub async fn list<T: DeserializeOwned>(&self, folder: &RecordPath) -> Result<Vec<(String, Versioned<T>)>> {
        let records = self.store.list(folder).await?;
        let depth = folder.as_str().matches('/').count() + usize::from(!folder.is_root());
        records
            .into_iter()
            .filter(|record| record.path.as_str().matches('/').count() == depth)
            .map(|record| Ok((record.path.name().to_owned(), decode(record)?)))
            .collect()
    }

    /// Reads, changes and writes a document, again when somebody else was faster. `change` gets the present document
    /// and gives the new one; `None` deletes. Its error ends the update and comes back as [`Error::Refused`].
    /// Returns what was written.
    pub async fn update<T, F>(&self, path: &RecordPath, mut change: F) -> Result<Option<Versioned<T>>>
    where
        T: Serialize + DeserializeOwned + Send + Sync,
        F: FnMut(Option<T>) -> std::result::Result<Option<T>, String> + Send,
    {
        for _ in 0..MAX_ATTEMPTS {
            let found = self.get::<T>(path).await?;
            let expect = found.as_ref().map_or(Expect::Absent, |found| Expect::Version(found.version));
            let changed = change(found.map(|found| found.value)).map_err(Error::Refused)?;
            let op = match &changed {
                Some(value) => Op::put_json(path.clone(), value, expect)?,
                None => Op::delete(path.clone(), expect),
            };
            match self.store.commit(vec![op]).await {
                Ok(version) => return Ok(changed.map(|value| Versioned { value, version })),
                Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended { path: path.to_string(), attempts: MAX_ATTEMPTS })
    }

    /// Deletes everything below a path, and the path's own record, in one transaction.
    pub async fn delete_below(&self, path: &RecordPath) -> Result<usize> {
        let records = self.store.list(path).await?;
        let mut ops: Vec<Op> = records.into_iter().map(|record| Op::delete(record.path, Expect::Any)).collect();
        let count = ops.len();
        if !path.is_root() {
            ops.push(Op::delete(path.clone(), Expect::Any));
        }
        self.store.commit(ops).await?;
        Ok(count)
    }

    pub async fn table(&self, table: &TableNameWithType) -> Result<Option<Versioned<TableRecord>>> {
        self.get(&paths::table(table)).await
    }

    pub async fn tables(&self) -> Result<Vec<(String, Versioned<TableRecord>)>> {
        self.list(&paths::folder(paths::TABLES)).await
    }

    pub async fn put_table(&self, table: &TableNameWithType, record: &TableRecord, expect: Expect) -> Result<Version> {
        self.put(paths::table(table), record, expect).await
    }

    /// Creates a table: its config and an ideal state, both or none. Fails with [`Error::Conflict`] if it exists.
    pub async fn create_table(
        &self,
        table: &TableNameWithType,
        record: &TableRecord,
        ideal: &IdealState,
    ) -> Result<Version> {
        self.store
            .commit(vec![
                Op::put_json(paths::table(table), record, Expect::Absent)?,
                Op::put_json(paths::ideal_state(table), ideal, Expect::Any)?,
            ])
            .await
    }

    /// Deletes a table's config, ideal state and segment records in one transaction; returns the segments' names.
    pub async fn delete_table(&self, table: &TableNameWithType) -> Result<Vec<String>> {
        let records = self.store.list(&paths::segments(table)).await?;
        let names = records.iter().map(|record| record.path.name().to_owned()).collect();
        let mut ops: Vec<Op> = records.into_iter().map(|record| Op::delete(record.path, Expect::Any)).collect();
        ops.push(Op::delete(paths::table(table), Expect::Any));
        ops.push(Op::delete(paths::ideal_state(table), Expect::Any));
        self.store.commit(ops).await?;
        Ok(names)
    }

    pub async fn schema(&self, name: &RawTableName) -> Result<Option<Versioned<SchemaRecord>>> {
        self.get(&paths::schema(name)).await
    }

    pub async fn schemas(&self) -> Result<Vec<(String, Versioned<SchemaRecord>)>> {
        self.list(&paths::folder(paths::SCHEMAS)).await
    }

    pub async fn put_schema(&self, name: &RawTableName, record: &SchemaRecord, expect: Expect) -> Result<Version> {
        self.put(paths::schema(name), record, expect).await
    }

    pub async fn delete_schema(&self, name: &RawTableName) -> Result<Version> {
        self.store.delete(&paths::schema(name), Expect::Present).await
    }

    pub async fn segment(
        &self,
        table: &TableNameWithType,
        segment: &SegmentName,
    ) -> Result<Option<Versioned<SegmentRecord>>> {
        self.get(&paths::segment(table, segment)).await
    }

    pub async fn segments(&self, table: &TableNameWithType) -> Result<Vec<(String, Versioned<SegmentRecord>)>> {
        self.list(&paths::segments(table)).await
    }

    pub async fn ideal_state(&self, table: &TableNameWithType) -> Result<Option<Versioned<IdealState>>> {
        self.get(&paths::ideal_state(table)).await
    }

    pub async fn ideal_states(&self) -> Result<Vec<(String, Versioned<IdealState>)>> {
        self.list(&paths::folder(paths::IDEAL_STATES)).await
    }

    /// Records a segment and wants it on instances, both in one transaction: `assign` changes the ideal state.
    /// Replaces the record of a segment of that name. Fails when the table has no ideal state.
    pub async fn commit_segment(
        &self,
        table: &TableNameWithType,
        segment: &SegmentName,
        record: &SegmentRecord,
        mut assign: impl FnMut(&mut IdealState) + Send,
    ) -> Result<Version> {
        let path = paths::ideal_state(table);
        for _ in 0..MAX_ATTEMPTS {
            let found = self.get::<IdealState>(&path).await?;
            let Some(mut found) = found else {
                return Err(Error::Conflict { path: path.to_string(), expected: Expect::Present, found: None });
            };
            assign(&mut found.value);
            let ops = vec![
                Op::check(paths::table(table), Expect::Present),
                Op::put_json(paths::segment(table, segment), record, Expect::Any)?,
                Op::put_json(path.clone(), &found.value, Expect::Version(found.version))?,
            ];
            match self.store.commit(ops).await {
                Err(Error::Conflict { path: at, .. }) if at == path.to_string() => {}
                other => return other,
            }
        }
        Err(Error::Contended { path: path.to_string(), attempts: MAX_ATTEMPTS })
    }

    /// Deletes segments from records and ideal state in one transaction. Unknown ones are no error.
    pub async fn delete_segments(&self, table: &TableNameWithType, segments: &[SegmentName]) -> Result<()> {
        let path = paths::ideal_state(table);
        let unique: std::collections::BTreeSet<&SegmentName> = segments.iter().collect();
        for _ in 0..MAX_ATTEMPTS {
            let mut ops: Vec<Op> =
                unique.iter().map(|segment| Op::delete(paths::segment(table, segment), Expect::Any)).collect();
            if let Some(mut found) = self.get::<IdealState>(&path).await? {
                found.value.segments.retain(|name, _| !unique.iter().any(|segment| segment.as_str() == name));
                ops.push(Op::put_json(path.clone(), &found.value, Expect::Version(found.version))?);
            }
            match self.store.commit(ops).await {
                Ok(_) => return Ok(()),
                Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended { path: path.to_string(), attempts: MAX_ATTEMPTS })
    }

    pub async fn instance(&self, instance: &InstanceId) -> Result<Option<Versioned<InstanceRecord>>> {
        self.get(&paths::instance(instance)).await
    }

    pub async fn instances(&self) -> Result<Vec<(String, Versioned<InstanceRecord>)>> {
        self.list(&paths::folder(paths::INSTANCES)).await
    }

    pub async fn put_instance(&self, record: &InstanceRecord, expect: Expect) -> Result<Version> {
        self.put(paths::instance(&record.instance_id), record, expect).await
    }

    /// The cluster's configs; empty when none were ever set.
    pub async fn configs(&self) -> Result<ClusterConfigRecord> {
        let found = self.get(&paths::cluster_config(&self.name)?).await?;
        Ok(found.map(|found| found.value).unwrap_or_default())
    }

    /// Changes the cluster's configs.
    pub async fn update_configs(&self, mut change: impl FnMut(&mut ClusterConfigRecord) + Send) -> Result<()> {
        let path = paths::cluster_config(&self.name)?;
        self.update(&path, |found: Option<ClusterConfigRecord>| {
            let mut record = found.unwrap_or_default();
            change(&mut record);
            Ok(Some(record))
        })
        .await?;
        Ok(())
    }
}

fn decode<T: DeserializeOwned>(record: Record) -> Result<Versioned<T>> {
    let value = serde_json::from_slice(&record.value)
        .map_err(|source| Error::Decode { path: record.path.to_string(), source })?;
    Ok(Versioned { value, version: record.version })
}

#[cfg(test)]
mod tests;
