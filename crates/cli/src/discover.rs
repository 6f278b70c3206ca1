//! How a role finds its controller, and under which name others find the role.
//!
//! In Pinot all roles meet in ZooKeeper, so that users' start commands name nothing but `-zkAddress`. There is no ZooKeeper
//! here. A role takes the first of these:
//!
//! 1. the property `cuvee.controller.address`, which `-controller` sets;
//! 2. the environment variable `CUVEE_CONTROLLER`;
//! 3. with a ZooKeeper address of this machine, or none: `localhost:9000`;
//! 4. with a ZooKeeper address of another machine: the first name of [`candidates`] where a controller of this cluster
//!    answers. The search goes on until one does.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use service::Properties;

/// The key under which roles find the controller.
pub const CONTROLLER_ADDRESS: &str = "cuvee.controller.address";
const CONTROLLER_VARIABLE: &str = "CUVEE_CONTROLLER";
const ZK_KEYS: &[&str] = &["pinot.zk.server", "controller.zk.str"];
const CLUSTER_KEYS: &[&str] = &["pinot.cluster.name", "controller.helix.cluster.name"];
const DEFAULT_CLUSTER: &str = "PinotCluster";
const CONTROLLER_PORT: u16 = 9000;

/// A name that does not resolve may take long to fail.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A search that takes long is spoken of so often.
const REMIND: Duration = Duration::from_secs(30);

/// The address of the controller, `host:port`.
pub async fn controller(properties: &Properties, own_host: Option<&str>) -> Result<String> {
    let zk = properties.first_of(ZK_KEYS);
    let wanted = properties.first_of(CLUSTER_KEYS).unwrap_or_else(|| DEFAULT_CLUSTER.to_owned());
    let named = properties.get(CONTROLLER_ADDRESS).or_else(|| std::env::var(CONTROLLER_VARIABLE).ok());
    if let Some(address) = named.filter(|a| !a.trim().is_empty()) {
        let address = address.trim();
        let address = address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/');
        if let Some(zk) = &zk {
            tracing::info!("no ZooKeeper is needed: {zk} is accepted and not used. The controller is at {address}");
        }
        return Ok(address.to_owned());
    }
    let hostname = hostname();
    let own: Vec<&str> = own_host.into_iter().chain(hostname.as_deref()).collect();
    let candidates = candidates(zk.as_deref(), &own);
    if let Some(zk) = &zk {
        tracing::info!(
            "no ZooKeeper is needed: {zk} is accepted and not used. The controller is looked for at {} \
             (name it with -controller host:port or with {CONTROLLER_VARIABLE})",
            candidates.join(", ")
        );
    }
    match candidates.as_slice() {
        [only] => Ok(only.clone()),
        several => Ok(search(several, &wanted).await),
    }
}

/// Where a controller may be, likeliest first: names made from the role's own and from ZooKeeper's, as in
/// `pinot-broker-1` and `pinot-zookeeper` → `pinot-controller`; then the names that compose files use.
pub fn candidates(zk: Option<&str>, own_hosts: &[&str]) -> Vec<String> {
    let zk_host = zk.map(first_host).filter(|host| !is_local(host));
    let Some(zk_host) = zk_host else { return vec![format!("localhost:{CONTROLLER_PORT}")] };
    let mut hosts: Vec<String> = Vec::new();
    for own in own_hosts {
        hosts.extend(replaced(own, &["broker", "server", "minion"], "controller"));
    }
    hosts.extend(replaced(zk_host, &["zookeeper", "zoo", "zk"], "controller"));
    hosts.extend(replaced(zk_host, &["zookeeper", "zoo", "zk"], "pinot-controller"));
    hosts.extend(["pinot-controller", "controller", "cuvee-controller", zk_host, "localhost"].map(str::to_owned));
    let mut out: Vec<String> = Vec::new();
    for host in hosts {
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
        let address = format!("{host}:{CONTROLLER_PORT}");
        if !out.contains(&address) {
            out.push(address);
        }
    }
    out
}

/// The host of the first server in `zk1:2181,zk2:2181/chroot`.
fn first_host(zk: &str) -> &str {
    let first = zk.split([',', '/']).next().unwrap_or(zk).trim();
    match first.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host.trim_matches(['[', ']']),
        _ => first,
    }
}

fn is_local(host: &str) -> bool {
    host.is_empty()
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

/// The first label of a host with one of `words` replaced, and without the number that sets of containers have:
/// `pinot-server-0.pinot-server-headless` → `pinot-controller`.
fn replaced(host: &str, words: &[&str], with: &str) -> Option<String> {
    if host.parse::<IpAddr>().is_ok() {
        return None;
    }
    let label = host.split('.').next().unwrap_or(host).to_ascii_lowercase();
    let label = label.trim_end_matches(|c: char| c.is_ascii_digit());
    let label = label.trim_end_matches(['-', '_']);
    let word = words.iter().find(|word| label.contains(*word))?;
    Some(label.replacen(word, with, 1))
}

/// Asks all candidates until one answers.
async fn search(candidates: &[String], cluster: &str) -> String {
    let began = Instant::now();
    let (mut pause, mut reminded) = (FIRST_PAUSE, Instant::now());
    // No proxy stands between the roles of a cluster.
    let http = reqwest::Client::builder().timeout(PROBE_TIMEOUT).no_proxy().build().unwrap_or_default();
    loop {
        let mut probes = tokio::task::JoinSet::new();
        for (rank, address) in candidates.iter().enumerate() {
            let (http, address) = (http.clone(), address.clone());
            probes.spawn(async move { (rank, cluster_at(&http, &address).await) });
        }
        let mut best: Option<usize> = None;
        while let Some(probe) = probes.join_next().await {
            let Ok((rank, Some(found))) = probe else { continue };
            if found == cluster {
                best = Some(best.map_or(rank, |best| best.min(rank)));
            } else {
                tracing::debug!("the controller at {} is of cluster {found}, not {cluster}", candidates[rank]);
            }
        }
        if let Some(rank) = best {
            tracing::info!("controller of cluster {cluster} found at {}", candidates[rank]);
            return candidates[rank].clone();
        }
        if reminded.elapsed() >= REMIND {
            reminded = Instant::now();
            tracing::warn!(
                "no controller of cluster {cluster} answers after {} s at {}; name its address with -controller host:port \
                 or with {CONTROLLER_VARIABLE}",
                began.elapsed().as_secs(),
                candidates.join(", ")
            );
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn cluster_at(http: &reqwest::Client, address: &str) -> Option<String> {
    let answer = http.get(format!("http://{address}/cluster/info")).send().await.ok()?;
    let info: serde_json::Value = answer.json().await.ok()?;
    Some(info["clusterName"].as_str()?.to_owned())
}

/// The host that a role tells others when none is set: the machine's name with `pinot.set.instance.id.to.hostname=true`,
/// `localhost` when `peer` (`host:port`) is on this machine, else the address from which `peer` is reached.
pub async fn advertised_host(properties: &Properties, peer: Option<&str>) -> Result<String> {
    if properties.bool("pinot.set.instance.id.to.hostname", false)? {
        return hostname().context("pinot.set.instance.id.to.hostname is true, but this machine has no name");
    }
    // A name that does not resolve yet is that of another machine or container which is still to be started.
    let peer = match peer {
        Some(peer) => tokio::net::lookup_host(peer).await.ok().and_then(|mut found| found.next()),
        None => None,
    };
    if peer.is_some_and(|peer| peer.ip().is_loopback()) {
        return Ok("localhost".to_owned());
    }
    Ok(peer.and_then(route_to).or_else(|| route_to(ELSEWHERE)).unwrap_or_else(|| "localhost".to_owned()))
}

/// Whether the other roles of the cluster are likely to be on other machines or in other containers.
pub fn is_spread(properties: &Properties) -> bool {
    properties.first_of(ZK_KEYS).is_some_and(|zk| !is_local(first_host(&zk)))
        || ["/.dockerenv", "/run/.containerenv"].iter().any(|path| std::path::Path::new(path).exists())
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

/// An address that no machine has (TEST-NET-1), to ask which way leads out of this one.
const ELSEWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// The address of this machine that packets to `peer` would carry. Nothing is sent.
fn route_to(peer: SocketAddr) -> Option<String> {
    let any: SocketAddr = if peer.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(peer).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then(|| ip.to_string())
}

/// The name of this machine, with its domain where the hosts file has one (as in Kubernetes).
fn hostname() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().trim().to_owned();
    if name.is_empty() || name == "(none)" {
        return None;
    }
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    Some(full_name(&name, &hosts))
}

fn full_name(name: &str, hosts: &str) -> String {
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut names = lines.flat_map(|line| line.split_whitespace().skip(1));
    let longer = format!("{name}.");
    names.find(|known| known.starts_with(&longer) && !known.ends_with(".localdomain")).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_controllers_follow_from_what_compose_files_and_charts_use() {
        for (zk, own, expected) in [
            (None, vec!["pinot-broker"], "localhost"),
            (Some("localhost:2181"), vec!["pinot-broker"], "localhost"),
            (Some("127.0.0.1:2181/pinot"), vec![], "localhost"),
            (
                Some("zookeeper:2181"),
                vec!["pinot-broker", "pinot-broker"],
                "pinot-controller controller cuvee-controller zookeeper localhost",
            ),
            (
                Some("manual-zookeeper:2181"),
                vec!["f0e1d2c3b4a5"],
                "manual-controller manual-pinot-controller pinot-controller controller cuvee-controller manual-zookeeper localhost",
            ),
            (
                Some("zk-0.zk:2181,zk-1.zk:2181/pinot"),
                vec!["analytics-server-12.analytics-server-headless"],
                "analytics-controller controller pinot-controller cuvee-controller zk-0.zk localhost",
            ),
            (
                Some("10.0.0.7:2181"),
                vec!["10.0.0.9"],
                "pinot-controller controller cuvee-controller 10.0.0.7 localhost",
            ),
        ] {
            let found: Vec<String> =
                candidates(zk, &own).into_iter().map(|a| a.trim_end_matches(":9000").to_owned()).collect();
            assert_eq!(found.join(" "), expected, "{zk:?} {own:?}");
        }
    }

    #[tokio::test]
    async fn a_written_address_wins() {
        let mut properties = Properties::new();
        properties.set("pinot.zk.server", "zookeeper:2181");
        properties.set(CONTROLLER_ADDRESS, "http://c:9001/");
        assert_eq!(controller(&properties, None).await.unwrap(), "c:9001");
    }

    #[test]
    fn the_hosts_file_completes_a_name() {
        let hosts = "127.0.0.1 localhost\n10.1.2.3\tserver-0.servers.ns.svc.cluster.local server-0 # pod";
        assert_eq!(full_name("server-0", hosts), "server-0.servers.ns.svc.cluster.local");
        assert_eq!(full_name("server-1", hosts), "server-1");
    }

    #[tokio::test]
    async fn a_role_beside_its_controller_is_localhost() {
        let host = advertised_host(&Properties::new(), Some("localhost:9000")).await.unwrap();
        assert_eq!(host, "localhost");
    }

    #[tokio::test]
    async fn a_controller_that_is_still_to_start_is_elsewhere() {
        let way_out = route_to(ELSEWHERE).unwrap_or_else(|| "localhost".to_owned());
        let host = advertised_host(&Properties::new(), Some("no.such.host.invalid:1")).await.unwrap();
        assert_eq!(host, way_out);
    }

    /// A controller that answers `/cluster/info`, and nothing else.
    async fn controller_of(cluster: &'static str) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let body = format!("{{\"clusterName\":\"{cluster}\"}}");
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn the_first_controller_of_the_cluster_is_taken() {
        let (other, own, later) =
            (controller_of("other").await, controller_of("own").await, controller_of("own").await);
        let candidates = ["no.such.host.invalid:1".to_owned(), other, own.clone(), later];
        assert_eq!(search(&candidates, "own").await, own);
    }
}
