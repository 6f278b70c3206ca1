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
    /// Name of the cluster.
    #[arg(long, value_name = "NAME")]
    pub cluster_name: Option<String>,
}

/// Where a role finds its controller.
#[derive(Clone, Debug, Args)]
pub struct JoinFlags {
    /// Address of the controller [default: localhost:9000].
    #[arg(long = "controller", alias = "controllerAddress", value_name = "HOST:PORT")]
    pub controller: Option<String>,
}

impl RoleFlags {
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
