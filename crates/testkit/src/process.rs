//! Clusters of real processes: the binary as users start it, on free ports, with everything in a temporary folder.

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::{Client, until};

/// A port that nobody listens on. Two calls give two ports.
pub fn free_port() -> Result<u16> {
    // Held for the life of the tests' process, so that no two calls are given the same one.
    static TAKEN: std::sync::Mutex<Vec<u16>> = std::sync::Mutex::new(Vec::new());
    loop {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut taken = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !taken.contains(&port) {
            taken.push(port);
            return Ok(port);
        }
    }
}

/// One role, or a whole cluster, in a process of its own. Killed when dropped.
#[derive(Debug)]
pub struct Role {
    name: String,
    binary: PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
    log: PathBuf,
    child: Option<Child>,
}

impl Role {
    /// Starts `binary args…`; its output goes to `<log_dir>/<name>.log`.
    pub fn start(binary: &Path, name: &str, args: &[&str], log_dir: &Path) -> Result<Self> {
        Self::start_with(binary, name, args, &[], log_dir)
    }

    /// As [`Role::start`], with variables of the environment.
    pub fn start_with(
        binary: &Path,
        name: &str,
        args: &[&str],
        env: &[(&str, String)],
        log_dir: &Path,
    ) -> Result<Self> {
        let mut role = Self {
            name: name.to_owned(),
            binary: binary.to_owned(),
            args: args.iter().map(|a| (*a).to_owned()).collect(),
            env: env.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            log: log_dir.join(format!("{name}.log")),
            child: None,
        };
        role.restart()?;
        Ok(role)
    }

    /// Starts it again with the same arguments; a running one is killed first.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.binary)
            .args(&self.args)
            .envs(self.env.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", self.binary.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// `kill -9`, and waits until the process is gone.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Asks the process to stop (SIGTERM) and waits until it has; the exit status.
    pub fn stop(&mut self) -> Result<Option<i32>> {
        let Some(mut child) = self.child.take() else { return Ok(None) };
        let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
        if !asked.success() {
            bail!("cannot signal {}", self.name);
        }
        Ok(child.wait()?.code())
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Fails with the end of the log when the process has ended by itself.
    pub fn check_alive(&mut self) -> Result<()> {
        let Some(child) = self.child.as_mut() else { bail!("{} is not running", self.name) };
        if let Some(status) = child.try_wait()? {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            bail!(
                "{} has ended ({status}); the end of its log:\n{}",
                self.name,
                tail.into_iter().rev().collect::<Vec<_>>().join("\n")
            );
        }
        Ok(())
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Waits until a health URL answers 200, or fails early when the process has ended.
pub async fn wait_healthy(role: &mut Role, url: &str) -> Result<()> {
    let http = reqwest::Client::new();
    let mut dead = None;
    until(&format!("{url} to answer"), || {
        let alive = role.check_alive();
        let request = http.get(url).send();
        let failed = alive.err();
        let gone = failed.is_some();
        if let Some(error) = failed {
            dead = Some(error);
        }
        async move { (gone || request.await.is_ok_and(|a| a.status().is_success())).then_some(()) }
    })
    .await?;
    dead.map_or(Ok(()), Err)
}

/// A whole cluster in one process (`quickstart -type empty`), on ports of its own.
pub struct OneProcess {
    pub role: Role,
    pub client: Client,
    /// Server's admin API.
    pub admin: String,
}

impl OneProcess {
    pub async fn start(binary: &Path, dir: &Path) -> Result<Self> {
        let ports = [free_port()?, free_port()?, free_port()?, free_port()?, free_port()?];
        let config = dir.join("cluster.conf");
        let keys = [
            "controller.port",
            "pinot.broker.client.queryPort",
            "pinot.server.netty.port",
            "pinot.server.adminapi.port",
            "pinot.minion.port",
        ];
        let text: String = keys.iter().zip(ports).map(|(key, port)| format!("{key}={port}\n")).collect();
        std::fs::write(&config, text)?;
        let data = dir.join("data");
        let args = ["quickstart", "-type", "empty", "-dataDir", path(&data)?, "-configFile", path(&config)?];
        let role = Role::start(binary, "cuvee", &args, dir)?;
        let [controller, broker, _, admin, _] = ports.map(|port| format!("http://localhost:{port}"));
        let mut cluster = Self { role, client: Client::new(controller, broker), admin };
        cluster.wait().await?;
        Ok(cluster)
    }

    /// Waits until controller and broker answer.
    pub async fn wait(&mut self) -> Result<()> {
        for url in [&self.client.controller, &self.client.broker, &self.admin] {
            wait_healthy(&mut self.role, &format!("{url}/health")).await?;
        }
        Ok(())
    }

    /// `kill -9`, then the same again on the same data.
    pub async fn kill_and_restart(&mut self) -> Result<()> {
        self.role.restart()?;
        self.wait().await
    }
}

/// Controller, broker, minion and servers, each in a process of its own.
pub struct Processes {
    pub controller: Role,
    pub broker: Role,
    pub servers: Vec<Role>,
    pub minion: Role,
    pub client: Client,
    health: Vec<String>,
}

impl Processes {
    pub async fn start(binary: &Path, dir: &Path, servers: usize) -> Result<Self> {
        let (controller_port, broker_port, minion_port) = (free_port()?, free_port()?, free_port()?);
        let address = format!("localhost:{controller_port}");
        let data = dir.join("controller");
        let mut controller = Role::start(
            binary,
            "controller",
            &["StartController", "-controllerPort", &controller_port.to_string(), "-dataDir", path(&data)?],
            dir,
        )?;
        wait_healthy(&mut controller, &format!("http://{address}/health")).await?;
        let mut started = Vec::new();
        let mut health = vec![format!("http://{address}/health")];
        for i in 0..servers {
            let (port, admin) = (free_port()?, free_port()?);
            let data = dir.join(format!("server{i}"));
            let args = [
                "StartServer",
                "-serverPort",
                &port.to_string(),
                "-serverAdminPort",
                &admin.to_string(),
                "-dataDir",
                path(&data)?,
                "-controller",
                &address,
            ];
            started.push(Role::start(binary, &format!("server{i}"), &args, dir)?);
            health.push(format!("http://localhost:{admin}/health"));
        }
        let args = ["StartBroker", "-brokerPort", &broker_port.to_string(), "-controller", &address];
        let broker = Role::start(binary, "broker", &args, dir)?;
        health.push(format!("http://localhost:{broker_port}/health"));
        let args = ["StartMinion", "-minionPort", &minion_port.to_string(), "-controller", &address];
        let minion = Role::start(binary, "minion", &args, dir)?;
        health.push(format!("http://localhost:{minion_port}/health"));
        let client = Client::new(format!("http://{address}"), format!("http://localhost:{broker_port}"));
        let mut cluster = Self { controller, broker, servers: started, minion, client, health };
        cluster.wait().await?;
        Ok(cluster)
    }

    /// Waits until every role answers.
    pub async fn wait(&mut self) -> Result<()> {
        let roles =
            [&mut self.controller].into_iter().chain(&mut self.servers).chain([&mut self.broker, &mut self.minion]);
        for (role, url) in roles.zip(&self.health) {
            wait_healthy(role, url).await?;
        }
        Ok(())
    }
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}
