//! `FileSystem`: files on this machine and in object stores.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use jobs::{Found, Place};
use service::Properties;

use super::{Group, Verb, flags::local_path};

/// Under which a properties file may have the settings of the stores.
const PREFIXES: &[&str] = &[
    "pinot.minion.storage.factory.",
    "pinot.server.storage.factory.",
    "pinot.controller.storage.factory.",
    "controller.storage.factory.",
    "storage.factory.",
];

#[derive(Debug, Args)]
pub struct FileSystem {
    /// Properties file with the settings of the stores, as controllers have them (`pinot.controller.storage.factory.s3.region`).
    #[arg(long = "conf", aliases = ["config", "configFile", "config-file"], value_name = "FILE")]
    pub conf: Option<PathBuf>,
    #[command(subcommand)]
    pub operation: Operation,
}

#[derive(Debug, Subcommand)]
pub enum Operation {
    /// List what is in folders.
    #[command(name = "ls", visible_alias = "list")]
    List {
        /// List what is in the folders below, too.
        #[arg(short = 'r', long)]
        recursive: bool,
        /// Files or folders.
        #[arg(required = true, value_name = "URI")]
        uris: Vec<String>,
    },
    /// Copy a file, or all that is in a folder; what is there is replaced.
    #[command(name = "cp", visible_alias = "copy")]
    Copy {
        /// File or folder to copy.
        #[arg(value_name = "FROM")]
        from: String,
        /// Where it goes; with a slash at the end into this folder.
        #[arg(value_name = "TO")]
        to: String,
    },
    /// Move a file, or all that is in a folder.
    #[command(name = "mv", visible_alias = "move")]
    Move {
        /// Replace files that are there.
        #[arg(short = 'o', long)]
        overwrite: bool,
        /// File or folder to move.
        #[arg(value_name = "FROM")]
        from: String,
        /// Where it goes; with a slash at the end into this folder.
        #[arg(value_name = "TO")]
        to: String,
    },
    /// Delete files, and with -f folders with all that is in them.
    #[command(name = "rm", visible_aliases = ["delete", "del"])]
    Delete {
        /// Delete folders that are not empty.
        #[arg(short = 'f', long)]
        force: bool,
        /// Accepted, as other tools want it: -f decides.
        #[arg(short = 'r', long)]
        recursive: bool,
        /// Files or folders.
        #[arg(required = true, value_name = "URI")]
        uris: Vec<String>,
    },
}

impl Verb for FileSystem {
    const NAME: &'static str = "FileSystem";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "List, copy, move and delete files here and in object stores.";
    const DETAILS: &'static str =
        "A file is a path or a URI: /data/a.csv, file:///data/a.csv, s3://bucket/a.csv, gs://…, abfs://…";
    const EXAMPLES: &'static [&'static str] = &[
        "FileSystem ls -r s3://bucket/movies",
        "FileSystem -conf controller.conf cp movies.csv s3://bucket/movies/",
        "FileSystem rm -f s3://bucket/movies",
    ];
    const ECHO: bool = false;

    async fn run(self) -> Result<()> {
        let options = self.options()?;
        match self.operation {
            Operation::List { recursive, uris } => {
                for uri in uris {
                    list(&uri, recursive, &options).await?;
                }
            }
            Operation::Copy { from, to } => {
                let copied = copy(&from, &to, true, &options).await?;
                println!("{} files copied.", copied.len());
            }
            Operation::Move { overwrite, from, to } => {
                let moved = copy(&from, &to, overwrite, &options).await?;
                delete_files(&from, &moved, &options).await?;
                println!("{} files moved.", moved.len());
            }
            Operation::Delete { force, uris, .. } => {
                for uri in uris {
                    delete(&uri, force, &options).await?;
                }
            }
        }
        Ok(())
    }
}

type Options = BTreeMap<String, String>;

impl FileSystem {
    /// What the stores are told, as `<scheme>.<key>` and `class.<scheme>`.
    fn options(&self) -> Result<Options> {
        let mut options = Options::new();
        if let Some(path) = &self.conf {
            let properties = Properties::load(&local_path(path))?;
            for prefix in PREFIXES {
                options.extend(properties.subset(prefix));
            }
        }
        Ok(options)
    }
}

async fn open(uri: &str, options: &Options) -> Result<(Place, Vec<Found>)> {
    let place = Place::to_read(uri, options).await.with_context(|| format!("open {uri}"))?;
    let files = place.list(true).await.with_context(|| format!("list {uri}"))?;
    Ok((place, files))
}

async fn list(uri: &str, recursive: bool, options: &Options) -> Result<()> {
    let (place, files) = open(uri, options).await?;
    if files.is_empty() && uri.contains("://") && !uri.starts_with("file:") {
        bail!("ls {uri}: there is no such file or folder");
    }
    for name in shown(&files, recursive) {
        println!("{}", place.uri_of(&name));
    }
    Ok(())
}

/// All paths, or only the first part of each; folders end in a slash.
fn shown(files: &[Found], recursive: bool) -> BTreeSet<String> {
    let first = |path: &str| match path.split_once('/') {
        Some((folder, _)) if !recursive => format!("{folder}/"),
        _ => path.to_owned(),
    };
    files.iter().map(|file| first(&file.path)).collect()
}

/// Copies; gives the files that were copied, by their paths below the source.
async fn copy(from: &str, to: &str, overwrite: bool, options: &Options) -> Result<Vec<String>> {
    let (source, files) = open(from, options).await?;
    if files.is_empty() {
        bail!("{from}: there is no such file or folder, or it is empty");
    }
    let single = names_the_file(from, &files);
    let (folder, rename) = target(to, single)?;
    let place = Place::to_write(&folder, options).with_context(|| format!("open {folder}"))?;
    let name = |path: &str| rename.clone().unwrap_or_else(|| path.to_owned());
    for file in &files {
        let there = place.uri_of(&name(&file.path));
        if there == source.uri_of(&file.path) {
            bail!("{there} is both source and target");
        }
        if !overwrite && place.exists(&name(&file.path)).await? {
            bail!("{there} is there already; replace it with -o");
        }
    }
    let work = tempfile::tempdir().context("create a temporary folder")?;
    let mut copied = Vec::with_capacity(files.len());
    for file in &files {
        let fetched = source.fetch(&file.path, work.path()).await?;
        // What is put may be taken away from where it lay.
        let spare = work.path().join("copy");
        tokio::fs::copy(&fetched.path, &spare).await.with_context(|| format!("copy {}", fetched.path.display()))?;
        place
            .put(&name(&file.path), &spare)
            .await
            .with_context(|| format!("write {}", place.uri_of(&name(&file.path))))?;
        let _ = tokio::fs::remove_file(&spare).await;
        copied.push(file.path.clone());
    }
    Ok(copied)
}

/// Whether a URI names one file, and not the folder around it.
fn names_the_file(uri: &str, files: &[Found]) -> bool {
    let last = uri.trim_end_matches('/').rsplit('/').next().unwrap_or(uri);
    matches!(files, [only] if only.path == last && !Path::new(&local_path(Path::new(uri))).is_dir())
}

/// The folder to write to, and the name that a single file gets there.
fn target(to: &str, single: bool) -> Result<(String, Option<String>)> {
    let is_folder = to.ends_with('/') || local_path(Path::new(to)).is_dir();
    if !single || is_folder {
        return Ok((to.to_owned(), None));
    }
    match to.rsplit_once('/') {
        Some((folder, name)) if !folder.ends_with('/') && !folder.is_empty() => {
            Ok((folder.to_owned(), Some(name.to_owned())))
        }
        Some(("", name)) => Ok(("/".to_owned(), Some(name.to_owned()))),
        Some(_) => bail!("{to} names a store and no file in it"),
        None => Ok((".".to_owned(), Some(to.to_owned()))),
    }
}

async fn delete(uri: &str, force: bool, options: &Options) -> Result<()> {
    let bare = uri.strip_prefix("file://").or_else(|| uri.strip_prefix("file:")).unwrap_or(uri);
    let below = bare.split_once("://").map_or(bare, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    if below.trim_matches('/').is_empty() || below.split('/').any(|part| part == "..") {
        bail!("rm {uri}: a whole file system or bucket is not deleted, and `..` is not followed");
    }
    let (place, files) = open(uri, options).await?;
    let single = names_the_file(uri, &files);
    if !single && !force && !files.is_empty() {
        bail!("rm {uri}: it is a folder with {} files; delete them with -f", files.len());
    }
    for file in &files {
        place.delete(&file.path).await.with_context(|| format!("delete {}", place.uri_of(&file.path)))?;
    }
    remove_local_folder(uri);
    println!("{} files deleted.", files.len());
    Ok(())
}

async fn delete_files(uri: &str, paths: &[String], options: &Options) -> Result<()> {
    let place = Place::to_read(uri, options).await?;
    for path in paths {
        place.delete(path).await.with_context(|| format!("delete {}", place.uri_of(path)))?;
    }
    remove_local_folder(uri);
    Ok(())
}

/// Removes what is left of a local folder when its files are gone: folders that are empty.
fn remove_local_folder(uri: &str) {
    if uri.contains("://") && !uri.starts_with("file:") {
        return;
    }
    fn prune(dir: &Path) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            // Symbolic links are left alone, and with them the folders that hold them.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                prune(&entry.path());
            }
        }
        let _ = std::fs::remove_dir(dir);
    }
    let path = local_path(Path::new(uri));
    if std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
        prune(&path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn text(path: &Path) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }

    #[tokio::test]
    async fn files_and_folders_are_copied_moved_and_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let (a, options) = (dir.path(), Options::new());
        put(&a.join("x/1.csv"), "one");
        put(&a.join("x/y/2.csv"), "two");
        let uri = |name: &str| format!("file://{}/{name}", a.display());
        let plain = |name: &str| a.join(name).display().to_string();

        // One file: to a name, into a folder; the source stays.
        copy(&plain("x/1.csv"), &uri("z/renamed.csv"), true, &options).await.unwrap();
        copy(&uri("x/1.csv"), &plain("z/"), true, &options).await.unwrap();
        assert_eq!(text(&a.join("z/renamed.csv")).as_deref(), Some("one"));
        assert_eq!(text(&a.join("z/1.csv")).as_deref(), Some("one"));
        assert_eq!(text(&a.join("x/1.csv")).as_deref(), Some("one"));

        // A folder, and nothing is replaced unless it is asked for.
        let moved = copy(&plain("x"), &plain("copy"), false, &options).await.unwrap();
        assert_eq!(moved, ["1.csv", "y/2.csv"]);
        let error = copy(&plain("x"), &plain("copy"), false, &options).await.unwrap_err().to_string();
        assert!(error.contains("-o"), "{error}");
        delete_files(&plain("x"), &moved, &options).await.unwrap();
        assert!(!a.join("x").exists());
        assert_eq!(text(&a.join("copy/y/2.csv")).as_deref(), Some("two"));

        // A file onto itself is no copy.
        assert!(copy(&plain("z/1.csv"), &plain("z/1.csv"), true, &options).await.is_err());
        assert_eq!(text(&a.join("z/1.csv")).as_deref(), Some("one"));

        let error = delete(&plain("copy"), false, &options).await.unwrap_err().to_string();
        assert!(error.contains("-f"), "{error}");
        delete(&plain("copy/1.csv"), false, &options).await.unwrap();
        delete(&plain("copy"), true, &options).await.unwrap();
        assert!(!a.join("copy").exists());
        for uri in ["/", "file:///", "s3://bucket", "s3://bucket/", "/tmp/../etc"] {
            assert!(delete(uri, true, &options).await.is_err(), "{uri}");
        }
    }

    #[test]
    fn folders_are_shown_once() {
        let files = ["a.csv", "b/1", "b/2"].map(|path| Found { path: path.to_owned(), size_bytes: 1 });
        assert_eq!(shown(&files, false).into_iter().collect::<Vec<_>>(), ["a.csv", "b/"]);
        assert_eq!(shown(&files, true).len(), 3);
    }
}
