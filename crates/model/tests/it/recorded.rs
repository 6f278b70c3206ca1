use std::{fs, path::Path, process::Command};

use model::{Schema, TableConfig, validate_table};
use serde_json::Value as Json;

fn lines(file: &Path) -> Vec<Json> {
    fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Request path, method, body and answer of every recorded call.
fn calls(file: &Path) -> Vec<(String, String, Json, u64, Json)> {
    let mut out = Vec::new();
    for case in lines(file) {
        for step in case["steps"].as_array().into_iter().flatten() {
            let (request, response) = (&step["request"], &step["response"]);
            if let (Some(path), Some(method)) = (request["path"].as_str(), request["method"].as_str()) {
                let status = response["status"].as_u64().unwrap_or(0);
                out.push((path.into(), method.into(), request["json"].clone(), status, response["body"].clone()));
            }
        }
    }
    out
}

/// Every schema that was accepted is valid here, every refused one is refused, and what was answered is what we write.
#[test]
fn schemas_as_recorded() {
    let Some(shared) = crate::shared() else { return };
    let mut accepted = 0;
    let mut answered = 0;
    for (path, method, body, status, answer) in calls(&shared.join("reference/samples/rest.jsonl")) {
        if method == "GET" && status == 200 && answer["schemaName"].is_string() {
            let schema = Schema::from_json(&answer).unwrap();
            assert_eq!(schema.to_json(), answer);
            answered += 1;
        }
        if path != "/schemas" && path != "/schemas/validate" || !body.is_object() {
            continue;
        }
        let result = Schema::from_json(&body).and_then(|schema| schema.validate().map(|()| schema));
        match status {
            200 => {
                let schema = result.unwrap_or_else(|error| panic!("{body}: {error}"));
                assert_eq!(serde_json::to_value(&schema.unrecognized).unwrap(), answer["unrecognizedProperties"]);
                accepted += 1;
            }
            400 => {
                let recorded = answer["error"].as_str().unwrap();
                // Refused for what it would replace, not for itself.
                if !recorded.contains("not backward-compatible") {
                    let ours = result.expect_err(recorded).to_string();
                    let start = recorded.split(" Reason:").next().unwrap();
                    assert!(ours.starts_with(&start.chars().take(15).collect::<String>()), "{ours}\n{recorded}");
                }
            }
            _ => {}
        }
    }
    assert!(accepted > 5 && answered >= 5, "{accepted} accepted, {answered} answered");
}

/// Same members and values as recorded, whatever their order.
#[test]
fn table_configs_as_recorded() {
    let Some(shared) = crate::shared() else { return };
    let mut checked = 0;
    for (path, _, _, status, answer) in calls(&shared.join("reference/samples/rest.jsonl")) {
        if status != 200 || !path.starts_with("/table") {
            continue;
        }
        for member in ["OFFLINE", "REALTIME", "offline", "realtime"] {
            let Some(config) = answer.get(member).filter(|config| config.get("tableIndexConfig").is_some()) else {
                continue;
            };
            let ours = TableConfig::from_json(config).unwrap();
            assert_eq!(&ours.to_json(), config, "{path}");
            assert!(ours.unrecognized().is_empty(), "{:?}", ours.unrecognized());
            checked += 1;
        }
    }
    assert!(checked >= 5, "{checked}");
}

/// What a create answers to a bad config is the first mistake found here, in the same words.
#[test]
fn table_mistakes_as_recorded() {
    let Some(shared) = crate::shared() else { return };
    // Known only to a running cluster.
    let elsewhere = [
        "Permission is denied",
        "instance",
        "Task",
        "enum constant",
        "Failed to find schema",
        "already exists",
        "transform function 'upper((",
    ];
    let mut schemas = std::collections::HashMap::new();
    let mut checked = 0;
    for (path, method, body, status, answer) in calls(&shared.join("reference/samples/rest.jsonl")) {
        if path == "/schemas"
            && method == "POST"
            && let Ok(schema) = Schema::from_json(&body)
        {
            schemas.insert(schema.name.clone(), schema);
        }
        if path != "/tables" || method != "POST" || !body.is_object() || !matches!(status, 200 | 400) {
            continue;
        }
        let recorded = answer["error"].as_str().unwrap_or_default();
        if elsewhere.iter().any(|known| recorded.contains(known)) {
            continue;
        }
        let config = match TableConfig::from_json(&body) {
            Ok(config) => config,
            Err(error) => {
                assert_eq!(status, 400, "{body}: {error}");
                checked += 1;
                continue;
            }
        };
        let Some(schema) = schemas.get(config.raw_name().as_str()) else { continue };
        let errors = validate_table(&config, schema);
        let first = errors.first().map(|error| error.message.clone()).unwrap_or_default();
        let known_words = recorded.contains(first.as_str()) || recorded.contains("Cannot construct instance");
        assert!(first.is_empty() == recorded.is_empty() && known_words, "{body}\n{recorded}\n{errors:#?}");
        checked += 1;
    }
    assert!(checked >= 30, "{checked}");
}

/// All tables of the conformance data are valid.
#[test]
fn conformance_tables_are_valid() {
    let Some(shared) = crate::shared() else { return };
    let packed = shared.join("conformance/tables/tables.jsonl.gz");
    let Ok(output) = Command::new("gzip").arg("-dc").arg(&packed).output() else {
        println!("skipped: no gzip on this machine");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let mut count = 0;
    for line in text.lines() {
        // A type that the baseline does not have.
        if line.contains("\"UUID\"") {
            continue;
        }
        let table: Json = serde_json::from_str(line).unwrap();
        check_pair(&table["schema"], &table["config"], table["name"].as_str().unwrap());
        count += 1;
    }
    assert!(count > 100, "{count}");
}

#[test]
fn exercise_tables_are_valid() {
    let Some(shared) = crate::shared() else { return };
    let mut count = 0;
    for folder in fs::read_dir(shared.join("exercises")).unwrap() {
        let folder = folder.unwrap().path();
        let Ok(schema) = fs::read_to_string(folder.join("schema.json")) else { continue };
        let schema: Json = serde_json::from_str(&schema).unwrap();
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("table") && name.ends_with(".json") {
                let config: Json = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
                // Several tables share one schema file; each posts it under its own name.
                let mut schema = schema.clone();
                schema["schemaName"] = config["tableName"].clone();
                check_pair(&schema, &config, &file.display().to_string());
                count += 1;
            }
        }
    }
    assert!(count > 3, "{count}");
}

fn check_pair(schema: &Json, config: &Json, name: &str) {
    let schema = Schema::from_json(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    schema.validate().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(Schema::from_json(&schema.to_json()).unwrap(), reread(&schema), "{name}");
    let config = TableConfig::from_json(config).unwrap_or_else(|error| panic!("{name}: {error}"));
    let errors: Vec<String> = validate_table(&config, &schema).iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
    assert_eq!(TableConfig::from_json(&config.to_json_with_unknown()).unwrap(), config, "{name}");
}

fn reread(schema: &Schema) -> Schema {
    Schema::from_json(&schema.to_json()).unwrap()
}
