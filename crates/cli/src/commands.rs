//! What can be typed. Flags are Pinot's; each becomes the property key that a `.conf` file would use, so that flag and
//! file mean the same. A flag wins over the file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use service::{ConfigError, Properties};

/// Real-time OLAP with Apache Pinot's surface, in one binary.
#[derive(Debug, Parser)]
#[command(name = "cuvee", version, about, disable_help_subcommand = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a whole cluster in one process, with sample data or empty.
    #[command(name = "quickstart", visible_alias = "QuickStart")]
    QuickStart(QuickStart),
    /// Start a controller: cluster state, REST API, ingestion.
    #[command(name = "StartController")]
    StartController(StartController),
    /// Start a broker: SQL over HTTP.
    #[command(name = "StartBroker")]
    StartBroker(StartBroker),
    /// Start a server: holds segments and answers queries over them.
    #[command(name = "StartServer")]
    StartServer(StartServer),
    /// Start a minion: runs background tasks.
    #[command(name = "StartMinion")]
    StartMinion(StartMinion),
    /// Ask a broker and show the answer as a table.
    #[command(name = "sql")]
    Sql(Sql),
}

#[derive(Debug, Args)]
pub struct QuickStart {
    /// `batch` has a table of 120,000 sample rows, `empty` has none.
    #[arg(long = "type", default_value = "batch", ignore_case = true, value_parser = ["batch", "offline", "empty", "default"])]
    pub kind: String,
    /// Where everything is kept. Without it a temporary folder is used and removed at the end.
    #[arg(long = "dataDir", aliases = ["tmpDir", "quickstartDir"], value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Properties of all roles, Pinot's keys.
    #[arg(long = "configFile", alias = "configFilePath", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
}

/// Flags that every role has.
#[derive(Debug, Args)]
pub struct Common {
    /// Properties file, Pinot's keys.
    #[arg(
        long = "configFileName",
        aliases = [
            "config", "configFile", "controllerConfig", "controllerConf", "brokerConfig", "brokerConf", "serverConfig",
            "serverConf", "minionConfig", "minionConf"
        ],
        value_name = "FILE"
    )]
    pub config_file: Option<PathBuf>,
    /// Further properties: `key=value,key2=value2`.
    #[arg(long = "configOverride", alias = "configOverrides", value_name = "K=V,…")]
    pub overrides: Option<String>,
    /// Name of the cluster.
    #[arg(long = "clusterName", value_name = "NAME")]
    pub cluster_name: Option<String>,
}

#[derive(Debug, Args)]
pub struct StartController {
    /// Host that is told to others [default: localhost].
    #[arg(long = "controllerHost", value_name = "HOST")]
    pub host: Option<String>,
    /// REST and cluster sessions [default: 9000].
    #[arg(long = "controllerPort", value_name = "PORT")]
    pub port: Option<u16>,
    /// Deep store and cluster state: a folder, or with `controller.metadata.file` set, any deep-store URL.
    #[arg(long = "dataDir", value_name = "DIR")]
    pub data_dir: Option<String>,
    #[command(flatten)]
    pub common: Common,
}

/// Where the controller is.
#[derive(Debug, Args)]
pub struct Joins {
    /// Address of the controller [default: localhost:9000].
    #[arg(long = "controller", alias = "controllerAddress", value_name = "HOST:PORT")]
    pub controller: Option<String>,
}

#[derive(Debug, Args)]
pub struct StartBroker {
    /// Host that is told to others [default: localhost].
    #[arg(long = "brokerHost", value_name = "HOST")]
    pub host: Option<String>,
    /// SQL over HTTP [default: 8099].
    #[arg(long = "brokerPort", value_name = "PORT")]
    pub port: Option<u16>,
    #[command(flatten)]
    pub joins: Joins,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct StartServer {
    /// Host that is told to others [default: localhost].
    #[arg(long = "serverHost", value_name = "HOST")]
    pub host: Option<String>,
    /// Queries from brokers [default: 8098].
    #[arg(long = "serverPort", value_name = "PORT")]
    pub port: Option<u16>,
    /// Admin HTTP API [default: 8097].
    #[arg(long = "serverAdminPort", value_name = "PORT")]
    pub admin_port: Option<u16>,
    /// Where segments are kept.
    #[arg(long = "dataDir", value_name = "DIR")]
    pub data_dir: Option<String>,
    #[command(flatten)]
    pub joins: Joins,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct StartMinion {
    /// Host that is told to others [default: localhost].
    #[arg(long = "minionHost", value_name = "HOST")]
    pub host: Option<String>,
    /// Admin HTTP API [default: 9514].
    #[arg(long = "minionPort", value_name = "PORT")]
    pub port: Option<u16>,
    #[command(flatten)]
    pub joins: Joins,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct Sql {
    /// The statement; `-` reads it from standard input.
    pub statement: String,
    /// Address of the broker.
    #[arg(long = "broker", default_value = "http://localhost:8099", value_name = "URL")]
    pub broker: String,
    /// Query options: `timeoutMs=1000;enableNullHandling=true`.
    #[arg(long = "options", default_value = "", value_name = "K=V;…")]
    pub options: String,
    /// Print the whole answer as JSON.
    #[arg(long = "json")]
    pub json: bool,
}

/// The key under which roles find the controller.
pub const CONTROLLER_ADDRESS: &str = "cuvee.controller.address";

impl Common {
    /// The file's properties with the overrides and `flags` on top. Flags come as pairs of key and value.
    pub fn properties(&self, flags: &[(&str, Option<String>)]) -> Result<Properties, ConfigError> {
        let mut properties = match &self.config_file {
            Some(path) => Properties::load(path)?,
            None => Properties::new(),
        };
        if let Some(text) = &self.overrides {
            // Commas separate pairs here; a line each is what the properties format knows.
            properties.override_with(&Properties::parse(&text.replace(',', "\n"), "-configOverride")?);
        }
        for (key, value) in flags {
            if let Some(value) = value {
                properties.set(key, value);
            }
        }
        if let Some(name) = &self.cluster_name {
            properties.set("pinot.cluster.name", name);
        }
        Ok(properties)
    }
}

impl StartController {
    pub fn properties(&self) -> Result<Properties, ConfigError> {
        self.common.properties(&[
            ("controller.host", self.host.clone()),
            ("controller.port", self.port.map(|p| p.to_string())),
            ("controller.data.dir", self.data_dir.clone()),
        ])
    }
}

impl StartBroker {
    pub fn properties(&self) -> Result<Properties, ConfigError> {
        self.common.properties(&[
            ("pinot.broker.hostname", self.host.clone()),
            ("pinot.broker.client.queryPort", self.port.map(|p| p.to_string())),
            (CONTROLLER_ADDRESS, self.joins.controller.clone()),
        ])
    }
}

impl StartServer {
    pub fn properties(&self) -> Result<Properties, ConfigError> {
        self.common.properties(&[
            ("pinot.server.netty.host", self.host.clone()),
            ("pinot.server.netty.port", self.port.map(|p| p.to_string())),
            ("pinot.server.adminapi.port", self.admin_port.map(|p| p.to_string())),
            ("pinot.server.instance.dataDir", self.data_dir.clone()),
            (CONTROLLER_ADDRESS, self.joins.controller.clone()),
        ])
    }
}

impl StartMinion {
    pub fn properties(&self) -> Result<Properties, ConfigError> {
        self.common.properties(&[
            ("pinot.minion.host", self.host.clone()),
            ("pinot.minion.port", self.port.map(|p| p.to_string())),
            (CONTROLLER_ADDRESS, self.joins.controller.clone()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::normalise;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(normalise(std::iter::once("cuvee").chain(line.split(' ')).map(str::to_owned)))
    }

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_property_keys_and_win_over_overrides() {
        let cli = parse("StartServer -serverPort 1 -serverAdminPort 2 -dataDir /d -controller h:9 -configOverride pinot.server.netty.port=7,a.b=c").unwrap();
        let Command::StartServer(server) = cli.command else { panic!("another verb") };
        let p = server.properties().unwrap();
        for (key, value) in [
            ("pinot.server.netty.port", "1"),
            ("pinot.server.adminapi.port", "2"),
            ("pinot.server.instance.dataDir", "/d"),
            (CONTROLLER_ADDRESS, "h:9"),
            ("a.b", "c"),
        ] {
            assert_eq!(p.get(key).as_deref(), Some(value), "{key}");
        }
    }

    #[test]
    fn verbs_are_spelled_as_users_know_them() {
        for line in [
            "QuickStart -type EMPTY",
            "quickstart -type batch -dataDir x",
            "StartController -controllerPort 0",
            "StartBroker",
            "StartMinion",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
        let error = parse("quickstart -type stream").unwrap_err().to_string();
        assert!(error.contains("batch") && error.contains("empty"), "{error}");
    }
}
