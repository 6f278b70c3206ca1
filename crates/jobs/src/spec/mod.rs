//! Job specs: what a batch job reads, builds and pushes.
//!
//! A spec is a YAML (or JSON) file whose `${name}` are filled in first, see [`template`]. Reading is strict: a key
//! that nobody knows is an error that names its place and the nearest key. Everything wrong is told at once.

mod read;
mod section;
pub mod template;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::BTreeMap;

use connectors::format::Format;

pub use self::section::nearest;
use crate::Error;

/// A job.
#[derive(Clone, Debug)]
pub struct JobSpec {
    /// Whether segments are built.
    pub creates: bool,
    /// How segments are pushed; `None` builds them only.
    pub push: Option<PushMode>,
    /// A directory or a file.
    pub input_dir_uri: String,
    pub search_recursively: bool,
    /// `glob:…` or `regex:…` over the whole path.
    pub include_pattern: Option<String>,
    pub exclude_pattern: Option<String>,
    pub output_dir_uri: String,
    /// Segments built at the same time; at least 1.
    pub parallelism: usize,
    pub overwrite_output: bool,
    /// Delete the built files once they are pushed.
    pub clean_up_output_dir: bool,
    pub fail_on_empty_segment: bool,
    /// Write `<segment>.metadata.tar.gz` beside each segment.
    pub create_metadata_tar: bool,
    /// Value of the `Authorization` header.
    pub auth_token: Option<String>,
    pub table: TableSpec,
    pub reader: ReaderSpec,
    pub naming: NamingSpec,
    /// Addresses of controllers, without a slash at the end.
    pub controllers: Vec<String>,
    pub push_spec: PushSpec,
    pub file_systems: Vec<FileSystemSpec>,
    /// Segments that the new ones take the place of, all at once.
    pub replace: Option<Replace>,
    /// What is accepted and has no effect, or not the expected one. For the user's eyes.
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushMode {
    /// The segment's bytes go to the controller.
    Tar,
    /// The controller fetches the segment from the URI that it is told.
    Uri,
    /// The controller is sent the metadata and the URI from which servers load the segment.
    Metadata,
}

/// Segments that give way to those of a job: queries see the old ones until all of the new ones are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replace {
    /// All of the table.
    All,
    /// Those whose times lie in a range of epoch milliseconds, the end excluded.
    Range {
        start_ms: i64,
        end_ms: i64,
        /// A column and a value: only segments of the partition that the value is in.
        partition: Option<(String, String)>,
    },
}

#[derive(Clone, Debug, Default)]
pub struct TableSpec {
    /// Raw, or with its type.
    pub name: String,
    /// File, object store or HTTP. `None`: asked of the first controller.
    pub schema_uri: Option<String>,
    pub config_uri: Option<String>,
}

#[derive(Clone, Debug)]
pub struct ReaderSpec {
    pub format: Format,
    pub properties: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default)]
pub struct NamingSpec {
    /// `None`: `normalizedDate` for time columns of text, else `simple`.
    pub kind: Option<String>,
    pub configs: BTreeMap<String, String>,
    /// Names begin with the raw table name, not with the one with its type.
    pub raw_name: bool,
}

#[derive(Clone, Debug)]
pub struct PushSpec {
    pub attempts: u32,
    /// Segments on their way at the same time; 4 unless the spec says otherwise.
    pub parallelism: usize,
    pub retry_interval_ms: u64,
    pub segment_uri_prefix: String,
    pub segment_uri_suffix: String,
    pub file_name_pattern: Option<String>,
    /// Metadata push: the controller copies the segment to its deep store.
    pub copy_to_deep_store: bool,
    /// Metadata push: take `<segment>.metadata.tar.gz` where it lies beside the segment.
    pub prefer_metadata_tar: bool,
    /// Metadata push: all segments in one request.
    pub batch: bool,
    /// Metadata push in one request: segments whose metadata are made at the same time.
    pub metadata_parallelism: usize,
}

impl Default for PushSpec {
    fn default() -> Self {
        Self {
            attempts: 1,
            parallelism: 4,
            retry_interval_ms: 1000,
            segment_uri_prefix: String::new(),
            segment_uri_suffix: String::new(),
            file_name_pattern: None,
            copy_to_deep_store: false,
            prefer_metadata_tar: true,
            batch: false,
            metadata_parallelism: 1,
        }
    }
}

/// A file system by its URI scheme.
#[derive(Clone, Debug)]
pub struct FileSystemSpec {
    pub scheme: String,
    pub class_name: Option<String>,
    pub configs: BTreeMap<String, String>,
}

impl JobSpec {
    /// Reads a spec whose template is filled in already. `origin` names it in errors.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Error> {
        read::job(text).map_err(|mut problems| {
            problems.sort();
            Error::Spec { origin: origin.to_owned(), problems }
        })
    }

    /// A job that builds segments and pushes their bytes, with everything else at its default.
    pub fn create_and_push(input_dir_uri: &str, output_dir_uri: &str, reader: ReaderSpec, table: TableSpec) -> Self {
        Self {
            creates: true,
            push: Some(PushMode::Tar),
            input_dir_uri: input_dir_uri.to_owned(),
            search_recursively: true,
            include_pattern: None,
            exclude_pattern: None,
            output_dir_uri: output_dir_uri.to_owned(),
            parallelism: 1,
            overwrite_output: true,
            clean_up_output_dir: false,
            fail_on_empty_segment: false,
            create_metadata_tar: false,
            auth_token: None,
            table,
            reader,
            naming: NamingSpec::default(),
            controllers: Vec::new(),
            push_spec: PushSpec::default(),
            file_systems: Vec::new(),
            replace: None,
            warnings: Vec::new(),
        }
    }

    /// What the file systems' configs say, as `<scheme>.<key>`, with their classes as `class.<scheme>`.
    pub fn store_options(&self) -> BTreeMap<String, String> {
        let mut options = BTreeMap::new();
        for system in &self.file_systems {
            let scheme = system.scheme.trim().to_ascii_lowercase();
            options.extend(system.configs.iter().map(|(key, value)| (format!("{scheme}.{key}"), value.clone())));
            options.extend(system.class_name.iter().map(|class| (format!("class.{scheme}"), class.clone())));
        }
        options
    }
}
