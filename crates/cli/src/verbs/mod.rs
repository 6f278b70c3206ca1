//! The verbs: what can be typed after `cuvee`. One file holds one verb; [`registry`] lists them.
//!
//! A verb is a struct of flags (clap's `Args`) that implements [`Verb`]. Field names become flags in Pinot's spelling with
//! `#[command(rename_all = "camelCase")]`: `schema_file` is typed `-schemaFile`. Flag groups that many verbs share are in
//! [`flags`], the HTTP client with the user's authorization in [`rest`]. What a verb prints for its user goes to standard
//! output; an `Err` ends the process with status 1 and one line that begins with `Error:`. The words `Error` and `Exception`
//! must not be in the output of a verb that succeeded: schedulers that run the tool take them for a failure.

use std::{future::Future, pin::Pin};

use anyhow::Result;
use clap::{ArgMatches, Args, Command};

pub mod cli;
pub mod flags;
mod help;
pub mod rest;

mod add_schema;
mod add_table;
mod add_tenant;
mod avro_schema_to_pinot_schema;
mod bootstrap_table;
mod change_table_state;
mod check_offline_segment_intervals;
mod completions;
mod convert_pinot_segment;
mod create_segment;
mod data_import_dry_run;
mod delete_cluster;
mod delete_schema;
mod delete_table;
mod file_system;
mod generate_data;
mod import_data;
mod json_to_pinot_schema;
mod launch_backfill_ingestion_job;
mod launch_data_ingestion_job;
mod operate_cluster_config;
mod post_query;
pub mod quick_start;
mod show_cluster_info;
mod sql;
mod start_broker;
mod start_controller;
mod start_minion;
mod start_server;
mod start_service_manager;
mod start_zookeeper;
mod stop_process;
mod stream_avro_into_kafka;
mod upload_segment;
mod validate_config;
mod verify_cluster_state;
mod verify_segment_state;

/// Every verb, in the order in which help lists them.
pub fn registry() -> Vec<Entry> {
    vec![
        Entry::of::<quick_start::QuickStart>(),
        Entry::of::<sql::Sql>(),
        Entry::of::<start_controller::StartController>(),
        Entry::of::<start_broker::StartBroker>(),
        Entry::of::<start_server::StartServer>(),
        Entry::of::<start_minion::StartMinion>(),
        Entry::of::<start_service_manager::StartServiceManager>(),
        Entry::of::<stop_process::StopProcess>(),
        Entry::of::<start_zookeeper::StartZookeeper>(),
        Entry::of::<add_schema::AddSchema>(),
        Entry::of::<add_table::AddTable>(),
        Entry::of::<delete_table::DeleteTable>(),
        Entry::of::<delete_schema::DeleteSchema>(),
        Entry::of::<change_table_state::ChangeTableState>(),
        Entry::of::<post_query::PostQuery>(),
        Entry::of::<launch_data_ingestion_job::LaunchDataIngestionJob>(),
        Entry::of::<launch_backfill_ingestion_job::LaunchBackfillIngestionJob>(),
        Entry::of::<import_data::ImportData>(),
        Entry::of::<create_segment::CreateSegment>(),
        Entry::of::<upload_segment::UploadSegment>(),
        Entry::of::<json_to_pinot_schema::JsonToPinotSchema>(),
        Entry::of::<avro_schema_to_pinot_schema::AvroSchemaToPinotSchema>(),
        Entry::of::<data_import_dry_run::DataImportDryRun>(),
        Entry::of::<bootstrap_table::BootstrapTable>(),
        Entry::of::<convert_pinot_segment::ConvertPinotSegment>(),
        Entry::of::<generate_data::GenerateData>(),
        Entry::of::<stream_avro_into_kafka::StreamAvroIntoKafka>(),
        Entry::of::<file_system::FileSystem>(),
        Entry::of::<add_tenant::AddTenant>(),
        Entry::of::<operate_cluster_config::OperateClusterConfig>(),
        Entry::of::<show_cluster_info::ShowClusterInfo>(),
        Entry::of::<verify_cluster_state::VerifyClusterState>(),
        Entry::of::<verify_segment_state::VerifySegmentState>(),
        Entry::of::<validate_config::ValidateConfig>(),
        Entry::of::<check_offline_segment_intervals::CheckOfflineSegmentIntervals>(),
        Entry::of::<delete_cluster::DeleteCluster>(),
        Entry::of::<completions::Completions>(),
    ]
}

/// Pinot's verbs that are not there yet, each with what serves meanwhile.
pub const LATER: &[(&str, &str)] = &[
    ("AnonymizeData", "there is no replacement yet"),
    ("ChangeNumReplicas", "change `replication` in the table config; it counts for segments added from then on"),
    ("GitHubEventsQuickStart", "it needs streams, which come later; `QuickStart -type batch` has sample data"),
    (
        "LaunchSparkDataIngestionJob",
        "LaunchDataIngestionJob runs the same spec in this process, on all cores, without Spark",
    ),
    ("MoveReplicaGroup", "it comes with rebalancing"),
    ("RealtimeProvisioningHelper", "it comes with streams"),
    ("RebalanceTable", "it comes with rebalancing"),
    ("SegmentProcessorFramework", "it comes with the minions' merge tasks"),
    ("StartKafka", "there is no Kafka inside; start a real one, as `scripts/kafka start` or the compose file do"),
    ("StreamGitHubEvents", "it comes with streams"),
];

/// Where help lists a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Start,
    Tables,
    Data,
    Operations,
    Query,
}

impl Group {
    pub const ALL: [(Group, &'static str); 5] = [
        (Group::Start, "Start and stop"),
        (Group::Query, "Ask"),
        (Group::Tables, "Schemas and tables"),
        (Group::Data, "Data"),
        (Group::Operations, "Operate"),
    ];
}

/// One verb and its flags.
pub trait Verb: Args + 'static {
    /// As it is typed.
    const NAME: &'static str;
    const ALIASES: &'static [&'static str] = &[];
    const GROUP: Group;
    /// One line, for the list of verbs.
    const ABOUT: &'static str;
    /// Paragraphs for the verb's own help, below the usage. May be empty.
    const DETAILS: &'static str = "";
    /// Command lines for the verb's own help, one a line, without the program's name.
    const EXAMPLES: &'static [&'static str];
    /// What is logged unless the environment says otherwise.
    const LOG: &'static str = "warn";
    /// Whether the command line is repeated before it is run, as Pinot's tool does.
    const ECHO: bool = true;

    fn run(self) -> impl Future<Output = Result<()>>;
}

type Running = Pin<Box<dyn Future<Output = Result<()>>>>;

/// A registered verb.
pub struct Entry {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub group: Group,
    pub about: &'static str,
    pub details: &'static str,
    pub examples: &'static [&'static str],
    pub log: &'static str,
    pub echo: bool,
    flags: fn(Command) -> Command,
    run: fn(&ArgMatches) -> Result<Running, clap::Error>,
}

impl Entry {
    fn of<V: Verb>() -> Self {
        Self {
            name: V::NAME,
            aliases: V::ALIASES,
            group: V::GROUP,
            about: V::ABOUT,
            details: V::DETAILS,
            examples: V::EXAMPLES,
            log: V::LOG,
            echo: V::ECHO,
            flags: V::augment_args,
            run: |matches| Ok(Box::pin(V::from_arg_matches(matches)?.run())),
        }
    }
}
