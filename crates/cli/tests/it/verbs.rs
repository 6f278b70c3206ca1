//! The verbs as users type them: each line is run with the real binary against a whole cluster in one process.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};
use testkit::process::{OneProcess, Role, free_port, wait_healthy};

/// What is typed (`{c}` and `{b}` are the ports of controller and broker, `{d}` a folder with the files below), whether it
/// succeeds, and a text that must be in what is said: on standard output when it succeeds, else on standard error.
type Case = (&'static str, bool, &'static str);

const SCHEMA: &str = r#"{"schemaName": "cellar", "dimensionFieldSpecs": [{"name": "wine", "dataType": "STRING"}],
    "dateTimeFieldSpecs": [{"name": "ts", "dataType": "LONG", "format": "1:MILLISECONDS:EPOCH", "granularity": "1:DAYS"}]}"#;
const TABLE: &str = r#"{"tableName": "cellar", "tableType": "OFFLINE", "segmentsConfig": {"replication": "1", "timeColumnName": "ts"},
    "tenants": {}, "tableIndexConfig": {}, "metadata": {}}"#;
const TABLE_INDEXED: &str = r#"{"tableName": "cellar", "tableType": "OFFLINE", "segmentsConfig": {"replication": "1", "timeColumnName": "ts"},
    "tenants": {}, "tableIndexConfig": {"invertedIndexColumns": ["wine"]}, "metadata": {}}"#;
const ALONE: &str = r#"{"schemaName": "alone", "dimensionFieldSpecs": [{"name": "a", "dataType": "STRING"}]}"#;
const ALONE_TABLE: &str = r#"{"tableName": "alone_OFFLINE", "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"}, "tenants": {}, "tableIndexConfig": {}, "metadata": {}}"#;

const CASES: &[Case] = &[
    // Help and mistakes.
    ("-help", true, "AddTable"),
    ("AddTable -help", true, "-tableConfigFile"),
    ("AddTable --help", true, "Examples:"),
    ("AddTable -h", true, "-exec"),
    ("AddTable -V", true, "cuvee"),
    ("-version", true, "cuvee"),
    ("", false, "Usage: cuvee <Verb>"),
    ("AddTabel", false, "'AddTable'"),
    ("AddTable -tableConfigFil x", false, "-tableConfigFile"),
    ("DeleteSchema -exec", false, "-schemaName"),
    ("RebalanceTable -tableName x", false, "not there yet"),
    ("QuickStart -type stream", false, "not there yet"),
    // Nothing happens without -exec.
    ("AddSchema -schemaFile {d}/schema.json -controllerPort {c}", true, "Dry run"),
    ("AddTable -schemaFile {d}/schema.json -tableConfigFile {d}/table.json -controllerPort {c}", true, "Dry run"),
    ("DeleteTable -tableName cellar -controllerPort {c}", true, "Dry run"),
    // Tables.
    (
        "AddTable -schemaFile {d}/schema.json -tableConfigFile {d}/table.json -controllerHost localhost -controllerPort {c} -exec",
        true,
        "successfully added",
    ),
    (
        "AddTable -schemaFile {d}/schema.json -tableConfigFile {d}/table.json -controllerPort {c} -exec",
        false,
        "already exists",
    ),
    ("AddTable -schema {d}/schema.json -tableConf {d}/indexed.json -update -controllerPort {c} -exec", true, "updated"),
    ("AddTable -tableConfigFile {d}/nothing.json -controllerPort {c} -exec", false, "nothing.json"),
    ("AddTable -tableConfigFile {d}/alone-table.json -controllerPort {c} -exec", false, "alone"),
    ("AddSchema -schemaFile {d}/alone.json -controllerPort {c} -exec", true, "alone successfully added"),
    ("UpdateSchema -schemaFile {d}/alone.json -override -controllerPort {c} -exec", true, "alone successfully added"),
    (
        "AddTable -tableConfigFile {d}/alone-table.json -controllerPort {c} -exec",
        true,
        "alone_OFFLINE successfully added",
    ),
    // Asking and looking.
    ("PostQuery -brokerPort {b} -query select_count(*)_from_cellar", true, "Result: {"),
    ("PostQuery -brokerPort {b} -query select_1 -o noEquals", false, "key=value"),
    ("PostQuery -brokerPort 1 -query select_1", false, "-brokerPort"),
    ("sql -broker localhost:{b} -user u -password p select_count(*)_from_cellar", true, "1 row in"),
    ("sql -broker localhost:1 select_1", false, "-broker says where"),
    ("VerifyClusterState -controllerPort {c} -zkAddress zookeeper:2181 -timeoutSec 30", true, "The cluster is stable."),
    ("VerifyClusterState -controllerPort {c} -tableName nothing -timeoutSec 0", false, "no table nothing"),
    ("VerifySegmentState -controllerPort {c} -tablePrefix cel", true, "0 segments of 1 tables"),
    ("ShowClusterInfo -controllerPort {c} -tables cellar", true, "- name: cellar_OFFLINE"),
    ("ShowClusterInfo -controllerPort {c} -clusterName Other", false, "not Other"),
    ("ValidateConfig -controllerPort {c} -tableConfig -schema", true, "table cellar OFFLINE: valid"),
    ("ValidateConfig -controllerPort {c}", false, "-tableConfig"),
    ("CheckOfflineSegmentIntervals -controllerPort {c}", true, "0 segments have an invalid interval"),
    // Cluster configs.
    ("OperateClusterConfig -controllerPort {c} -operation ADD -config some.key=1", true, "status"),
    ("OperateClusterConfig -controllerPort {c} -operation get", true, "some.key=1"),
    ("OperateClusterConfig -controllerPort {c} -operation ADD -config a=b=c", false, "one key=value"),
    ("OperateClusterConfig -controllerPort {c} -operation DELETE -config some.key", true, "status"),
    ("OperateClusterConfig -controllerPort {c} -operation DELETE", false, "-config"),
    ("AddTenant -controllerPort {c} -name t -role SERVER -instanceCount 0, -exec", false, "-instanceCount"),
    ("AddTenant -controllerPort {c} -name t -role BROKER -instanceCount 1", true, "Dry run"),
    // States and ends.
    ("ChangeTableState -controllerPort {c} -tableName cellar -state disable", true, "disable"),
    ("ChangeTableState -controllerPort {c} -tableName cellar -state enable", true, "enable"),
    ("ChangeTableState -controllerPort {c} -tableName nothing -state enable", false, "nothing"),
    ("DeleteTable -tableName alone -type OFFLINE -retention 0d -controllerPort {c} -exec", true, "alone_OFFLINE"),
    ("DeleteSchema -schemaName alone -controllerPort {c} -exec", true, "alone"),
    ("DeleteSchema -schemaName alone -controllerPort {c} -exec", false, "alone"),
    ("DeleteCluster -clusterName Other -controllerPort {c}", false, "not Other"),
    ("DeleteCluster -clusterName PinotCluster -controllerPort {c}", true, "1 tables and 1 schemas"),
    // Files and shells.
    ("FileSystem cp {d}/schema.json {d}/copy.json", true, "1 files copied"),
    ("FileSystem ls {d}", true, "copy.json"),
    ("FileSystem rm {d}/copy.json", true, "1 files deleted"),
    ("completions bash", true, "-tableConfigFile"),
    ("StopProcess", false, "nothing to stop"),
];

#[tokio::test]
async fn verbs_do_what_is_typed() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let files = [
        ("schema", SCHEMA),
        ("table", TABLE),
        ("indexed", TABLE_INDEXED),
        ("alone", ALONE),
        ("alone-table", ALONE_TABLE),
    ];
    for (name, text) in files {
        std::fs::write(dir.path().join(format!("{name}.json")), text)?;
    }
    let cluster = OneProcess::start(binary(), dir.path()).await?;
    let port = |url: &str| url.rsplit(':').next().unwrap_or_default().to_owned();
    let (controller, broker) = (port(&cluster.client.controller), port(&cluster.client.broker));
    let mut wrong = Vec::new();
    for (typed, succeeds, says) in CASES {
        let typed =
            typed.replace("{c}", &controller).replace("{b}", &broker).replace("{d}", &dir.path().display().to_string());
        let words = typed
            .split_whitespace()
            .map(|word| if word.starts_with("select_") { word.replace('_', " ") } else { word.to_owned() });
        let done = Command::new(binary()).args(words).env_remove("JAVA_OPTS").current_dir(dir.path()).output()?;
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        let said = if *succeeds { &out } else { &err };
        // Schedulers look for these words in the output of a verb that has worked.
        let alarms = *succeeds
            && !typed.contains("completions")
            && (format!("{out}{err}").contains("Error") || err.contains("Exception"));
        if done.status.success() != *succeeds || !said.contains(says) || alarms {
            wrong.push(format!(
                "cuvee {typed}\n  expected {says:?}, success {succeeds}; status {}\n  out: {out}\n  err: {err}",
                done.status
            ));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// `-Dpinot.admin.system.exit=false` asks for Pinot's habit of ending with 0, whatever happened.
#[test]
fn the_status_follows_java_opts_where_it_is_written() -> Result<()> {
    for (java_opts, status) in
        [("", 1), ("-Xmx1G -Dpinot.admin.system.exit=true", 1), ("-Dpinot.admin.system.exit=false", 0)]
    {
        for typed in [&["NoSuchVerb"][..], &["DeleteTable", "-tableName", "x", "-controllerPort", "1", "-exec"]] {
            let done = Command::new(binary()).args(typed).env("JAVA_OPTS", java_opts).output()?;
            assert_eq!(done.status.code(), Some(status), "{java_opts} {typed:?}");
            assert!(String::from_utf8_lossy(&done.stderr).starts_with("Error: "), "{typed:?}");
        }
    }
    Ok(())
}

/// Roles of one process, from properties files, found by a broker of its own that is given ZooKeeper's address alone.
#[tokio::test]
async fn a_service_manager_runs_roles_and_is_stopped_by_its_pid_file() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (controller, server, admin, broker) = (free_port()?, free_port()?, free_port()?, free_port()?);
    let data = dir.path().join("data");
    let write = |name: &str, text: String| -> Result<String> {
        let path = dir.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let first = write(
        "controller.conf",
        format!(
            "pinot.service.role=CONTROLLER\ncontroller.port={controller}\ncontroller.data.dir={}/c\ncontroler.prot=1\ncontroller.tls.keystore.path=x\n",
            data.display()
        ),
    )?;
    let second = write(
        "server.conf",
        format!(
            "pinot.service.role=SERVER\npinot.server.netty.port={server}\npinot.server.adminapi.port={admin}\npinot.server.instance.dataDir={}/s\n",
            data.display()
        ),
    )?;
    let third = write("broker.conf", format!("pinot.broker.client.queryPort={broker}\n"))?;
    // Pid files are in the temporary directory; this one is of the test's own.
    let tmp = dir.path().join("tmp");
    std::fs::create_dir_all(&tmp)?;
    let env = [("TMPDIR", tmp.display().to_string())];
    let args = ["StartServiceManager", "-zkAddress", "localhost:2181", "-bootstrapConfigPaths", &first, &second];
    let mut manager = Role::start_with(binary(), "manager", &args, &env, dir.path())?;
    wait_healthy(&mut manager, &format!("http://localhost:{controller}/health")).await?;
    wait_healthy(&mut manager, &format!("http://localhost:{admin}/health")).await?;

    let named = [env.to_vec(), vec![("CUVEE_CONTROLLER", format!("localhost:{controller}"))]].concat();
    let args = ["StartBroker", "-zkAddress", "zookeeper.invalid:2181", "-configFileName", &third, "-brokerPort", "1"];
    let mut asker = Role::start_with(binary(), "broker", &args, &named, dir.path())?;
    wait_healthy(&mut asker, &format!("http://localhost:{broker}/health")).await?;
    ensure!(manager.stop()? == Some(0) || manager.pid().is_none(), "the manager ends well");

    let log = std::fs::read_to_string(dir.path().join("manager.log"))?;
    for said in [
        "no ZooKeeper is needed",
        "controler.prot (did you mean controller.port?)",
        "do nothing in this process: controller.tls.keystore.path",
    ] {
        ensure!(log.contains(said), "{said} is not in the log:\n{log}");
    }
    let log = std::fs::read_to_string(dir.path().join("broker.log"))?;
    ensure!(log.contains("wins over the flag's 1"), "{log}");

    // The other way to stop a role, from outside.
    let done = Command::new(binary()).args(["StopProcess", "-broker"]).envs(env.clone()).output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    ensure!(String::from_utf8_lossy(&done.stdout).contains("The broker, process"), "it says which");
    let again = Command::new(binary()).args(["StopProcess", "-broker"]).envs(env).output()?;
    ensure!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("no process"), "it is gone");
    Ok(())
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cuvee"))
}
