//! Two tenants with a broker and a server each: a table of one lives only there, and only its broker answers for it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::{
    Client,
    process::{Role, free_port, wait_healthy},
    until,
};

/// A controller that gives tags to nobody, two servers and two brokers.
struct TwoOfEach {
    _roles: Vec<Role>,
    /// The controller, with one of the brokers.
    clients: [Client; 2],
    brokers: [String; 2],
    servers: [String; 2],
    http: reqwest::Client,
}

impl TwoOfEach {
    async fn start(dir: &Path) -> Result<Self> {
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_cuvee"));
        let controller_port = free_port()?;
        let controller = format!("http://localhost:{controller_port}");
        let config = dir.join("controller.conf");
        let text = format!(
            "controller.port={controller_port}\ncontroller.data.dir={}\ncluster.tenant.isolation.enable=false\n",
            dir.join("controller").display()
        );
        std::fs::write(&config, text)?;
        let args = ["StartController", "-configFileName", config.to_str().context("a path in UTF-8")?];
        let mut roles = vec![Role::start(&binary, "controller", &args, dir)?];
        wait_healthy(&mut roles[0], &format!("{controller}/health")).await?;
        let address = format!("localhost:{controller_port}");
        let (mut brokers, mut servers, mut clients) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..2 {
            let (port, admin, broker) = (free_port()?, free_port()?, free_port()?);
            let (port_text, admin_text, broker_text) = (port.to_string(), admin.to_string(), broker.to_string());
            let data = dir.join(format!("server{i}"));
            let data = data.to_str().context("a path in UTF-8")?;
            let server = ["StartServer", "-serverPort", &port_text, "-serverAdminPort", &admin_text];
            let args = [server.as_slice(), &["-dataDir", data, "-controller", &address]].concat();
            roles.push(Role::start(&binary, &format!("server{i}"), &args, dir)?);
            let args = ["StartBroker", "-brokerPort", &broker_text, "-controller", &address];
            roles.push(Role::start(&binary, &format!("broker{i}"), &args, dir)?);
            clients.push(Client::new(&controller, format!("http://localhost:{broker}")));
            servers.push(format!("_{port}"));
            brokers.push(format!("_{broker}"));
        }
        let http = reqwest::Client::new();
        let ids = until("four untagged instances", || async {
            let mut ids: Vec<String> = Vec::new();
            for tag in ["broker_untagged", "server_untagged"] {
                let answer = http.get(format!("{controller}/instances?tag={tag}")).send().await.ok()?;
                let answer: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
                ids.extend(answer["instances"].as_array()?.iter().filter_map(|id| Some(id.as_str()?.to_owned())));
            }
            (ids.len() == 4).then_some(ids)
        })
        .await?;
        let named = |endings: &[String], prefix: &str| -> Result<[String; 2]> {
            let find = |ending: &String| ids.iter().find(|id| id.starts_with(prefix) && id.ends_with(ending)).cloned();
            let found: Vec<String> = endings.iter().filter_map(find).collect();
            found.try_into().map_err(|found| anyhow::anyhow!("{found:?} of {ids:?}"))
        };
        Ok(Self {
            brokers: named(&brokers, "Broker_")?,
            servers: named(&servers, "Server_")?,
            clients: clients.try_into().map_err(|_| anyhow::anyhow!("two brokers"))?,
            http,
            _roles: roles,
        })
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<(u16, Value)> {
        let mut request = self.http.request(method.parse()?, format!("{}{path}", self.clients[0].controller));
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status().as_u16(), answer.text().await?);
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    async fn done(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let (status, answer) = self.call(method, path, body).await?;
        ensure!(status == 200, "{method} {path}: {status} {answer}");
        Ok(answer)
    }

    async fn table(&self, name: &str, tenants: Value, rows: usize) -> Result<()> {
        let schema = json!({"schemaName": name, "dimensionFieldSpecs": [{"name": "a", "dataType": "INT"}]});
        let config = json!({
            "tableName": name, "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"}, "tenants": tenants,
            "tableIndexConfig": {}, "metadata": {},
        });
        self.clients[0].create_table(&schema, &config).await?;
        let lines: String = (0..rows).map(|i| format!("{{\"a\":{i}}}\n")).collect();
        self.clients[0].ingest_json(name, "part0", &lines).await
    }

    /// What a broker answers to a count: the rows, or the code of the error.
    async fn count(&self, broker: usize, table: &str) -> Option<i64> {
        let answer = self.clients[broker].query(&format!("select count(*) from {table}"), "").await.ok()?;
        match answer["exceptions"].as_array()?.first() {
            Some(exception) => exception["errorCode"].as_i64(),
            None => answer["resultTable"]["rows"][0][0].as_i64(),
        }
    }

    async fn counts(&self, broker: usize, table: &str, expected: i64) -> Result<()> {
        until(&format!("broker {broker} to answer {expected} for {table}"), || async {
            (self.count(broker, table).await? == expected).then_some(())
        })
        .await
    }

    async fn servers_of(&self, table: &str) -> Result<Vec<String>> {
        let state = self.done("GET", &format!("/tables/{table}/idealstate"), None).await?;
        let segments = state["OFFLINE"].as_object().context("segments")?;
        Ok(segments.values().filter_map(Value::as_object).flat_map(|replicas| replicas.keys().cloned()).collect())
    }
}

/// Of brokers: the table exists, and others answer for it.
const RESOURCE_MISSING: i64 = 410;
const SEGMENTS_UNAVAILABLE: i64 = 305;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_lives_in_its_tenant_and_nowhere_else() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let cluster = TwoOfEach::start(dir.path()).await?;
    // The first ones become the default tenant, through the metadata browser; the second ones a tenant of their own.
    for (id, tags) in [
        (&cluster.brokers[0], json!(["DefaultTenant_BROKER"])),
        (&cluster.servers[0], json!(["DefaultTenant_OFFLINE", "DefaultTenant_REALTIME"])),
    ] {
        let path = format!("/PinotCluster/CONFIGS/PARTICIPANT/{id}");
        let mut node = cluster.done("GET", &format!("/zk/get?path={path}"), None).await?;
        node["listFields"]["TAG_LIST"] = tags;
        cluster.done("PUT", &format!("/zk/put?path={path}"), Some(node)).await?;
    }
    let broker_tenant = json!({"tenantRole": "BROKER", "tenantName": "own", "numberOfInstances": 1});
    cluster.done("POST", "/tenants", Some(broker_tenant.clone())).await?;
    ensure!(cluster.call("POST", "/tenants", Some(broker_tenant)).await?.0 == 500, "no broker is left");
    let server_tenant =
        json!({"tenantRole": "SERVER", "tenantName": "own", "offlineInstances": 1, "realtimeInstances": 1});
    cluster.done("POST", "/tenants", Some(server_tenant)).await?;
    let members = cluster.done("GET", "/tenants/own", None).await?;
    ensure!(
        members["BrokerInstances"] == json!([cluster.brokers[1]])
            && members["ServerInstances"] == json!([cluster.servers[1]]),
        "{members}"
    );

    cluster.table("mine", json!({"broker": "own", "server": "own"}), 3).await?;
    cluster.table("common", json!({}), 5).await?;
    ensure!(cluster.servers_of("mine").await? == [cluster.servers[1].clone()], "it lives elsewhere");
    ensure!(cluster.servers_of("common").await? == [cluster.servers[0].clone()], "it lives elsewhere");
    cluster.counts(1, "mine", 3).await?;
    cluster.counts(0, "common", 5).await?;
    cluster.counts(0, "mine", RESOURCE_MISSING).await?;
    cluster.counts(1, "common", RESOURCE_MISSING).await?;
    for (table, rows) in [("mine", 3), ("common", 5)] {
        let answer =
            cluster.done("POST", "/sql", Some(json!({"sql": format!("select count(*) from {table}")}))).await?;
        ensure!(answer["resultTable"]["rows"] == json!([[rows]]), "{answer}");
    }

    for kind in ["SERVER", "BROKER"] {
        let (status, answer) = cluster.call("DELETE", &format!("/tenants/own?type={kind}"), None).await?;
        ensure!(status == 400, "a tenant in use was deleted: {answer}");
    }
    cluster.done("POST", "/tenants/own?type=SERVER&state=disable", None).await?;
    cluster.counts(1, "mine", SEGMENTS_UNAVAILABLE).await?;
    cluster.done("POST", "/tenants/own?type=SERVER&state=enable", None).await?;
    cluster.counts(1, "mine", 3).await?;

    // Another tag moves nothing by itself; told to, the broker answers for the tables of both.
    let (broker, both) = (&cluster.brokers[0], "DefaultTenant_BROKER,own_BROKER");
    cluster.done("PUT", &format!("/instances/{broker}/updateTags?tags={both}"), None).await?;
    ensure!(cluster.count(0, "mine").await == Some(RESOURCE_MISSING), "nobody has told the broker");
    let rebuild = "/tables/mine_OFFLINE/rebuildBrokerResourceFromHelixTags";
    let first = cluster.done("POST", rebuild, None).await?;
    ensure!(first["status"].as_str().is_some_and(|text| text.starts_with("Rebuilt")), "{first}");
    cluster.counts(0, "mine", 3).await?;
    let tags = format!("/instances/{broker}/updateTags?tags=DefaultTenant_BROKER&updateBrokerResource=true");
    let answer = cluster.done("PUT", &tags, None).await?;
    ensure!(answer["status"].as_str().is_some_and(|text| text.contains("tables removed: [mine_OFFLINE]")), "{answer}");
    cluster.counts(0, "mine", RESOURCE_MISSING).await
}
