//! Files that say which process runs a role, for `StopProcess`.
//!
//! One per role and user, of the process that was started last: `<temporary directory>/cuvee-<uid>/<role>.pid`. A file that
//! names a process of another program is not believed.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};

/// How long a process may take to stop before this is told.
const PATIENCE: Duration = Duration::from_secs(60);

/// Removed when dropped, if it is still this process's.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
}

fn directory() -> PathBuf {
    std::env::temp_dir().join(format!("cuvee-{}", geteuid().as_raw()))
}

/// Writes the file of this process. That it cannot be written is logged and is no reason not to start.
pub fn write(role: &str) -> Option<PidFile> {
    match write_in(&directory(), role) {
        Ok(file) => Some(file),
        Err(error) => {
            tracing::debug!("no pid file, so StopProcess will not find this process: {error:#}");
            None
        }
    }
}

fn write_in(dir: &Path, role: &str) -> Result<PidFile> {
    own_directory(dir)?;
    let path = dir.join(format!("{role}.pid"));
    // Written beside and renamed, so that nobody reads half of it.
    let fresh = dir.join(format!("{role}.{}.tmp", std::process::id()));
    fs::write(&fresh, format!("{}\n", std::process::id())).with_context(|| format!("write {}", fresh.display()))?;
    fs::rename(&fresh, &path).with_context(|| format!("write {}", path.display()))?;
    Ok(PidFile { path })
}

/// Makes the directory for this user alone; one that another user has made there is not used.
fn own_directory(dir: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("create {}", dir.display()));
        }
        _ => {}
    }
    let found = fs::symlink_metadata(dir).with_context(|| format!("look at {}", dir.display()))?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() || found.mode() & 0o022 != 0 {
        bail!("{} is not a directory of this user alone", dir.display());
    }
    Ok(())
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if read(&self.path).is_ok_and(|pid| pid == std::process::id()) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn read(path: &Path) -> Result<u32> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    text.trim().parse().with_context(|| format!("{} holds no process id", path.display()))
}

/// Asks the process of a role to stop and waits until it has. Gives its id, or none when no such process runs.
pub fn stop(role: &str) -> Result<Option<u32>> {
    let dir = directory();
    if !dir.exists() {
        return Ok(None);
    }
    own_directory(&dir)?;
    stop_in(&dir, role)
}

fn stop_in(dir: &Path, role: &str) -> Result<Option<u32>> {
    let path = dir.join(format!("{role}.pid"));
    if !path.exists() {
        return Ok(None);
    }
    let id = read(&path)?;
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    let Some(pid) = pid.filter(|pid| test_kill_process(*pid).is_ok() && is_ours(id)) else {
        let _ = fs::remove_file(&path);
        return Ok(None);
    };
    kill_process(pid, Signal::TERM).with_context(|| format!("ask process {id} to stop"))?;
    let began = Instant::now();
    while test_kill_process(pid).is_ok() && is_ours(id) {
        if began.elapsed() > PATIENCE {
            bail!("process {id} was asked to stop and still runs after {} s", PATIENCE.as_secs());
        }
        // There is nothing to wait on: the process is not a child of this one.
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Some(id))
}

/// Whether a process runs this program. Where the system does not tell, it is believed.
fn is_ours(id: u32) -> bool {
    let (Ok(theirs), Ok(own)) = (fs::read_link(format!("/proc/{id}/exe")), std::env::current_exe()) else {
        return !Path::new("/proc/self/exe").exists();
    };
    // A binary that was replaced since reads `… (deleted)`.
    let name = |path: &Path| {
        path.file_name().map(|n| n.to_string_lossy().trim_end_matches(" (deleted)").to_owned()).unwrap_or_default()
    };
    name(&theirs) == name(&own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_of_this_process_and_goes_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("own");
        let file = write_in(&dir, "server").unwrap();
        assert_eq!(read(&dir.join("server.pid")).unwrap(), std::process::id());
        drop(file);
        assert!(!dir.join("server.pid").exists());
        assert_eq!(stop_in(&dir, "server").unwrap(), None);
    }

    #[test]
    fn a_process_of_another_program_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        fs::write(dir.path().join("broker.pid"), other.id().to_string()).unwrap();
        assert_eq!(stop_in(dir.path(), "broker").unwrap(), None);
        assert!(other.try_wait().unwrap().is_none(), "it must still run");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn nonsense_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("broker.pid"), "x").unwrap();
        assert!(format!("{:#}", stop_in(dir.path(), "broker").unwrap_err()).contains("no process id"));
    }
}
