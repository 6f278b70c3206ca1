//! Flags that many verbs share.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use service::{ConfigError, Properties};

/// Where the controller is.
#[derive(Clone, Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct ControllerFlags {
    /// Host of the controller.
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub controller_host: String,
    /// Port of the controller.
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    pub controller_port: u16,
    /// How to talk to it.
    #[arg(long, value_name = "PROTOCOL", default_value = "http")]
    pub controller_protocol: String,
}

impl ControllerFlags {
    /// `http://host:port`, without a slash at the end.
    pub fn url(&self) -> String {
        // An IPv6 address needs brackets in a URL.
        let bare_v6 = self.controller_host.contains(':') && !self.controller_host.starts_with('[');
        let host = if bare_v6 { format!("[{}]", self.controller_host) } else { self.controller_host.clone() };
        format!("{}://{host}:{}", self.controller_protocol.to_ascii_lowercase(), self.controller_port)
    }
}

/// Who asks.
#[derive(Clone, Debug, Default, Args)]
#[command(rename_all = "camelCase")]
pub struct AuthFlags {
    /// User name of basic authorization.
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Password of basic authorization.
    #[arg(long, value_name = "PASSWORD")]
    pub password: Option<String>,
    /// Value of the Authorization header; wins over -user.
    #[arg(long, value_name = "TOKEN")]
    pub auth_token: Option<String>,
    /// A file or URL that holds the token; wins over -authToken.
    #[arg(long, value_name = "URL")]
    pub auth_token_url: Option<String>,
}

/// Flags of the verbs that change the cluster over REST.
#[derive(Clone, Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct AdminFlags {
    #[command(flatten)]
    pub controller: ControllerFlags,
    #[command(flatten)]
    pub auth: AuthFlags,
    /// Do it. Without this flag the verb only says what it would do.
    #[arg(long)]
    pub exec: bool,
    /// Trust any certificate of a controller behind https.
    #[arg(long)]
    pub skip_controller_cert_validation: bool,
    /// Database that table names without one belong to.
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
}

/// Flags of the verbs that ask ZooKeeper in Pinot. There is none here: they ask the controller.
#[derive(Clone, Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct ClusterFlags {
    /// Accepted as Pinot's users type it, and not used: the controller is asked.
    #[arg(long, value_name = "HOST:PORT")]
    pub zk_address: Option<String>,
    /// Name of the cluster; when given, the controller must be of this cluster.
    #[arg(long, value_name = "NAME")]
    pub cluster_name: Option<String>,
    #[command(flatten)]
    pub controller: ControllerFlags,
    #[command(flatten)]
    pub auth: AuthFlags,
}

/// The text of a file that a flag names.
pub fn read_text(path: &Path, what: &str) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read the {what} {}", path.display()))
}

/// The JSON object of a file that a flag names.
pub fn read_json(path: &Path, what: &str) -> Result<serde_json::Value> {
    let text = read_text(path, what)?;
    let value: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("the {what} {} is not JSON", path.display()))?;
    if !value.is_object() {
        anyhow::bail!("the {what} {} is not a JSON object", path.display());
    }
    Ok(value)
}

/// A path as it is typed: a leading `file:` or `file://` is cut off.
pub fn local_path(typed: &Path) -> PathBuf {
    let Some(text) = typed.to_str() else { return typed.to_owned() };
    match text.strip_prefix("file:") {
        Some(rest) => PathBuf::from(rest.strip_prefix("//").unwrap_or(rest)),
        None => typed.to_owned(),
    }
}

/// Flags of every verb that starts a role.
#[derive(Clone, Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct RoleFlags {
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
    /// Name of the cluster [default: PinotCluster].
    #[arg(long, value_name = "NAME")]
    pub cluster_name: Option<String>,
    /// Accepted as Pinot's users type it: no ZooKeeper is needed, see below.
    #[arg(long, value_name = "HOST:PORT")]
    pub zk_address: Option<String>,
}

/// Where a role finds its controller.
#[derive(Clone, Debug, Args)]
pub struct JoinFlags {
    /// Address of the controller. Without it, see below.
    #[arg(long = "controller", alias = "controllerAddress", value_name = "HOST:PORT")]
    pub controller: Option<String>,
}

/// What help says about the two.
pub const ROLE_DETAILS: &str = "\
What the properties file says wins over these flags, and -configOverride wins over both.";
pub const JOIN_DETAILS: &str = "\
What the properties file says wins over these flags, and -configOverride wins over both.

The controller: -controller host:port, or the environment variable CUVEE_CONTROLLER. Without either, and with a -zkAddress
of another machine, it is looked for on port 9000 of hosts whose names follow from this one's and from ZooKeeper's
(pinot-broker-1, my-zookeeper: pinot-controller, my-controller), of pinot-controller and of controller, until one answers;
else it is localhost:9000. ZooKeeper itself is never asked.";

impl RoleFlags {
    /// The file's properties, `flags` below them, and the overrides on top. Flags come as pairs of key and value.
    pub fn properties(&self, keys: &RoleKeys, flags: &[(&str, Option<String>)]) -> Result<Properties, ConfigError> {
        let mut properties = match &self.config_file {
            Some(path) => Properties::load(&local_path(path))?,
            None => Properties::new(),
        };
        let common = [(keys.cluster, self.cluster_name.clone()), (keys.zk, self.zk_address.clone())];
        for (key, value) in flags.iter().chain(&common) {
            let Some(value) = value else { continue };
            match properties.peek(key) {
                Some(written) if written != *value => {
                    tracing::warn!("the properties file says {key}={written}, which wins over the flag's {value}");
                }
                Some(_) => {}
                None => properties.set(key, value),
            }
        }
        if let Some(text) = &self.overrides {
            // Commas separate pairs here; a line each is what the properties format knows.
            properties.override_with(&Properties::parse(&text.replace(',', "\n"), "-configOverride")?);
        }
        Ok(properties)
    }
}

/// The keys under which a role knows what every role has.
#[derive(Debug)]
pub struct RoleKeys {
    pub cluster: &'static str,
    pub zk: &'static str,
}

impl RoleKeys {
    pub const CONTROLLER: RoleKeys = RoleKeys { cluster: "controller.helix.cluster.name", zk: "controller.zk.str" };
    pub const OTHERS: RoleKeys = RoleKeys { cluster: "pinot.cluster.name", zk: "pinot.zk.server" };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_wins_over_flags_and_overrides_win_over_both() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "pinot.server.netty.port=7\npinot.cluster.name=fromFile\n").unwrap();
        let flags = RoleFlags {
            config_file: Some(file.path().to_owned()),
            overrides: Some("a.b=c,pinot.server.adminapi.port=9".to_owned()),
            cluster_name: Some("fromFlag".to_owned()),
            zk_address: Some("zk:2181".to_owned()),
        };
        let ports = [
            ("pinot.server.netty.port", Some("1".to_owned())),
            ("pinot.server.adminapi.port", Some("2".to_owned())),
            ("pinot.server.netty.host", Some("h".to_owned())),
            ("pinot.server.instance.dataDir", None),
        ];
        let properties = flags.properties(&RoleKeys::OTHERS, &ports).unwrap();
        for (key, value) in [
            ("pinot.server.netty.port", Some("7")),
            ("pinot.server.adminapi.port", Some("9")),
            ("pinot.server.netty.host", Some("h")),
            ("pinot.server.instance.dataDir", None),
            ("pinot.cluster.name", Some("fromFile")),
            ("pinot.zk.server", Some("zk:2181")),
            ("a.b", Some("c")),
        ] {
            assert_eq!(properties.get(key).as_deref(), value, "{key}");
        }
    }

    #[test]
    fn urls_of_controllers() {
        for (host, url) in [("c", "http://c:9000"), ("::1", "http://[::1]:9000"), ("[::1]", "http://[::1]:9000")] {
            let flags = ControllerFlags {
                controller_host: host.to_owned(),
                controller_port: 9000,
                controller_protocol: "HTTP".to_owned(),
            };
            assert_eq!(flags.url(), url);
        }
    }
}
