//! `StartServiceManager`: several roles in one process.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use service::Properties;

use super::{
    Group, Verb,
    flags::{JOIN_DETAILS, JoinFlags, local_path},
};
use crate::{
    discover::CONTROLLER_ADDRESS,
    start::{self, Role},
};

const ROLE_KEY: &str = "pinot.service.role";

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct StartServiceManager {
    /// Roles to start with their default settings [default: CONTROLLER BROKER SERVER, when no file is named].
    #[arg(long, value_name = "ROLE", num_args = 1.., value_delimiter = ',')]
    pub bootstrap_services: Vec<String>,
    /// Properties files, one for each role to start; each names its role as `pinot.service.role`.
    #[arg(long, value_name = "FILE", num_args = 1.., value_delimiter = ',')]
    pub bootstrap_config_paths: Vec<PathBuf>,
    /// Accepted as -1 only: there is no port at which further roles could be ordered.
    #[arg(long, value_name = "PORT", default_value_t = -1)]
    pub port: i32,
    /// Name of the cluster [default: PinotCluster].
    #[arg(long, value_name = "NAME")]
    pub cluster_name: Option<String>,
    /// Accepted as Pinot's users type it: no ZooKeeper is needed.
    #[arg(long, value_name = "HOST:PORT")]
    pub zk_address: Option<String>,
    #[command(flatten)]
    pub join: JoinFlags,
}

impl Verb for StartServiceManager {
    const NAME: &'static str = "StartServiceManager";
    const GROUP: Group = Group::Start;
    const ABOUT: &'static str = "Start several roles in one process, each with its own properties file.";
    const DETAILS: &'static str = JOIN_DETAILS;
    const EXAMPLES: &'static [&'static str] = &[
        "StartServiceManager -bootstrapServices CONTROLLER BROKER SERVER",
        "StartServiceManager -bootstrapConfigPaths controller.conf broker.conf server.conf minion.conf",
    ];
    const LOG: &'static str = "info";

    async fn run(self) -> Result<()> {
        if self.port >= 0 {
            bail!(
                "-port {}: further roles cannot be ordered over HTTP; name them all with -bootstrapServices or -bootstrapConfigPaths",
                self.port
            );
        }
        let roles = self.roles()?;
        start::run_all(roles).await
    }
}

impl StartServiceManager {
    fn roles(&self) -> Result<Vec<(Role, Properties)>> {
        let mut roles = Vec::new();
        for path in &self.bootstrap_config_paths {
            let path = local_path(path);
            let properties = Properties::load(&path)?;
            let name = properties.get(ROLE_KEY).with_context(|| {
                format!("{} does not say which role it is for: {ROLE_KEY} is missing", path.display())
            })?;
            roles.push((role(&name)?, properties));
        }
        for name in &self.bootstrap_services {
            roles.push((role(name)?, Properties::new()));
        }
        if roles.is_empty() {
            roles.extend([Role::Controller, Role::Broker, Role::Server].map(|role| (role, Properties::new())));
        }
        let mut ports: BTreeMap<Role, usize> = BTreeMap::new();
        for (role, properties) in &mut roles {
            *ports.entry(*role).or_default() += 1;
            if *role == Role::Controller {
                let dir = std::env::temp_dir().join("data").join("PinotController");
                properties.set_default("controller.data.dir", dir.display().to_string());
            }
            for (key, value) in [
                ("controller.helix.cluster.name", &self.cluster_name),
                ("pinot.cluster.name", &self.cluster_name),
                ("controller.zk.str", &self.zk_address),
                ("pinot.zk.server", &self.zk_address),
                (CONTROLLER_ADDRESS, &self.join.controller),
            ] {
                if let Some(value) = value
                    && (key.starts_with("controller.") == (*role == Role::Controller))
                {
                    properties.set_default(key, value);
                }
            }
        }
        if ports.get(&Role::Controller).is_some_and(|n| *n > 1) {
            bail!("one process runs one controller, not {}", ports[&Role::Controller]);
        }
        Ok(roles)
    }
}

fn role(name: &str) -> Result<Role> {
    Role::named(name).with_context(|| format!("`{name}` is no role: expected CONTROLLER, BROKER, SERVER or MINION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manager(services: &[&str], files: &[&str]) -> Result<Vec<Role>> {
        let dir = tempfile::tempdir().unwrap();
        let paths = files.iter().enumerate().map(|(i, text)| {
            let path = dir.path().join(i.to_string());
            std::fs::write(&path, text).unwrap();
            path
        });
        let manager = StartServiceManager {
            bootstrap_services: services.iter().map(|s| (*s).to_owned()).collect(),
            bootstrap_config_paths: paths.collect(),
            port: -1,
            cluster_name: None,
            zk_address: None,
            join: JoinFlags { controller: None },
        };
        Ok(manager.roles()?.into_iter().map(|(role, _)| role).collect())
    }

    #[test]
    fn roles_come_from_files_and_names() {
        assert_eq!(manager(&[], &[]).unwrap(), [Role::Controller, Role::Broker, Role::Server]);
        assert_eq!(manager(&["minion"], &["pinot.service.role=SERVER"]).unwrap(), [Role::Server, Role::Minion]);
        for (services, files, says) in [
            (&["kafka"][..], &[][..], "no role"),
            (&[], &["a=b"], "pinot.service.role is missing"),
            (&["controller", "CONTROLLER"], &[], "one controller"),
        ] {
            let error = format!("{:#}", manager(services, files).unwrap_err());
            assert!(error.contains(says), "{error}");
        }
    }
}
