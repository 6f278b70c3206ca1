//! The files of the deep store.

use std::path::Path;

use super::{Ingestion, chain};
use crate::cluster::Change;
use crate::error::Error;

/// A file that is open, and its length.
pub(crate) struct Opened {
    pub file: tokio::fs::File,
    pub length: u64,
}

impl Opened {
    async fn new(file: tokio::fs::File) -> Result<Self, Error> {
        let length = file.metadata().await.map_err(Error::io("cannot read the length of a file"))?.len();
        Ok(Self { file, length })
    }
}

impl Ingestion {
    /// Asks an object store once, so that wrong credentials and addresses are told at the start.
    pub async fn check_store(&self) -> Result<(), Error> {
        if self.local_root.is_some() {
            return Ok(());
        }
        let Err(error) = self.store.exists("cuvee/probe").await else { return Ok(()) };
        let text = format!("the deep store {} cannot be asked: {}", self.store.url(), chain(&error));
        if self.cluster.config.start_without_deep_store {
            tracing::warn!("{text}");
            return Ok(());
        }
        Err(Error::Internal(format!(
            "{text}; check controller.data.dir and pinot.controller.storage.factory.*, or start without it by \
             controller.startup.continueWithoutDeepStore=true"
        )))
    }

    /// Opens a stored file.
    pub async fn open_stored(&self, path: &str) -> Result<Opened, Error> {
        let what = || format!("cannot open {path} in the deep store");
        if let Some(file) = self.store.local_file(path) {
            return match tokio::fs::File::open(file).await {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::NotFound(what())),
                Err(error) => Err(Error::io(what())(error)),
                Ok(file) => Opened::new(file).await,
            };
        }
        // On Unix the open file outlives its directory.
        let work = self.work()?;
        let local = work.path().join("segment");
        self.copy_stored(path, &local).await?;
        Opened::new(tokio::fs::File::open(&local).await.map_err(Error::io(what()))?).await
    }

    /// Opens a stored segment as an archive that users carry, made for this call.
    pub async fn open_archive(&self, path: &str) -> Result<Opened, Error> {
        let what = || format!("cannot make an archive of {path} in the deep store");
        let work = self.work()?;
        let stored = match self.store.local_file(path) {
            Some(file) if !file.is_file() => return Err(Error::NotFound(format!("{}: it is not there", what()))),
            Some(file) => file,
            None => {
                let local = work.path().join("segment");
                self.copy_stored(path, &local).await?;
                local
            }
        };
        let to = work.path().join("archive");
        let written = {
            let to = to.clone();
            tokio::task::spawn_blocking(move || segment::archive::write(&stored, &to)).await
        };
        match written {
            Ok(Ok(_)) => Opened::new(tokio::fs::File::open(&to).await.map_err(Error::io(what()))?).await,
            Ok(Err(error)) => Err(Error::Internal(format!("{}: {}", what(), chain(&error)))),
            Err(_) => Err(Error::Internal(format!("{}: the work was stopped", what()))),
        }
    }

    async fn copy_stored(&self, path: &str, to: &Path) -> Result<(), Error> {
        let what = format!("cannot open {path} in the deep store");
        self.store.get_file(path, to).await.map_err(|error| match error {
            connectors::Error::NotFound { .. } => Error::NotFound(what),
            error => Error::Internal(format!("{what}: {}", chain(&error))),
        })?;
        Ok(())
    }

    /// Deletes the files that are due. With `starting`, also those of ingestions that a crash has ended.
    pub async fn delete_due(&self, starting: bool) {
        let now_ms = self.clock.now_ms();
        let due: Vec<String> = {
            let state = self.cluster.read();
            let due = state.tombstones.values().filter(|t| if t.pending { starting } else { t.due_ms <= now_ms });
            due.map(|tombstone| tombstone.path.clone()).collect()
        };
        for path in due {
            if let Err(error) = self.store.delete(&path).await {
                tracing::warn!(path, error = chain(&error), "a file could not be deleted from the deep store");
                continue;
            }
            self.remove_unfinished(&path).await;
            let forgotten = self.cluster.write(|_| Ok((vec![Change::RemoveTombstone(path.clone())], ()))).await;
            if let Err(error) = forgotten {
                tracing::warn!(path, %error, "a deletion could not be recorded");
                return;
            }
            tracing::info!(path, "deleted from the deep store");
        }
    }

    /// A local store writes to `<file>#<number>` and renames: a crash in between leaves that file.
    async fn remove_unfinished(&self, path: &str) {
        let Some(target) = self.store.local_file(path) else { return };
        let (Some(folder), Some(name)) = (target.parent(), target.file_name().and_then(|name| name.to_str())) else {
            return;
        };
        let prefix = format!("{name}#");
        // A folder that is not there holds nothing.
        let Ok(mut entries) = tokio::fs::read_dir(folder).await else { return };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let found = entry.file_name();
            let number = found.to_str().and_then(|found| found.strip_prefix(&prefix));
            if number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
                && let Err(error) = tokio::fs::remove_file(entry.path()).await
            {
                tracing::warn!(file = %entry.path().display(), %error, "a half-written file could not be deleted");
            }
        }
    }
}
