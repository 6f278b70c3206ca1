//! Transforms, filters, complex types and the time column over JSON records.

use connectors::format::{self, Format, ReadOptions};
use functions::arrays::value_at;
use model::{Schema, TableConfig, render};
use serde_json::{Value as Json, json};

use super::*;

struct Case {
    schema: Json,
    ingestion: Json,
    time_column: Option<&'static str>,
}

const NOW_MS: i64 = 1_700_000_000_000;

impl Case {
    fn new(columns: &[(&str, &str)], ingestion: Json) -> Self {
        let field = |(name, ty): &(&str, &str)| match ty.strip_suffix("[]") {
            Some(ty) => json!({"name": name, "dataType": ty, "singleValueField": false}),
            None => json!({"name": name, "dataType": ty}),
        };
        let fields: Vec<Json> = columns.iter().map(field).collect();
        Self { schema: json!({"schemaName": "t", "dimensionFieldSpecs": fields}), ingestion, time_column: None }
    }

    fn pipeline(&self) -> Result<(Pipeline, Schema), Error> {
        let schema = Schema::from_json(&self.schema).unwrap();
        let mut segments = json!({"replication": "1"});
        if let Some(time) = self.time_column {
            segments["timeColumnName"] = time.into();
        }
        let table = json!({"tableName": "t", "tableType": "OFFLINE", "segmentsConfig": segments, "tenants": {},
                           "tableIndexConfig": {}, "metadata": {}, "ingestionConfig": self.ingestion});
        let pipeline = Pipeline::new(&schema, &TableConfig::from_json(&table).unwrap(), NOW_MS)?;
        Ok((pipeline, schema))
    }

    fn run(&self, records: &str) -> (Vec<String>, Processed) {
        let (pipeline, schema) = self.pipeline().unwrap_or_else(|e| panic!("{e}"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("in.json");
        std::fs::write(&path, records).unwrap();
        let options = ReadOptions { columns: pipeline.input_columns(), ..ReadOptions::default() };
        let mut reader = format::open(&path, "in.json", Format::Json, &options).unwrap();
        let raw = reader.next_job().unwrap().unwrap()().unwrap();
        assert!(raw.rejected.is_empty(), "{:?}", raw.rejected);
        let processed = pipeline.run(raw, NOW_MS).unwrap();
        let cell = |column: usize, row: usize| {
            let Some(array) = processed.batch.column_by_name(&schema.fields[column].name) else {
                return "~".to_owned();
            };
            if array.is_null(row) {
                return "~".to_owned();
            }
            render::to_text(&value_at(array.as_ref(), schema.fields[column].column_type(), row))
        };
        let row = |row| (0..schema.fields.len()).map(|c| cell(c, row)).collect::<Vec<_>>().join("|");
        ((0..processed.batch.num_rows()).map(row).collect(), processed)
    }

    fn rows(&self, records: &str) -> Vec<String> {
        let (rows, processed) = self.run(records);
        assert_eq!(processed.faults, []);
        rows
    }

    fn refused(&self) -> String {
        match self.pipeline() {
            Ok(_) => panic!("not refused"),
            Err(e) => e.to_string(),
        }
    }
}

fn transforms(list: &[(&str, &str)]) -> Json {
    let entry = |(column, function): &(&str, &str)| json!({"columnName": column, "transformFunction": function});
    json!({"transformConfigs": list.iter().map(entry).collect::<Vec<_>>()})
}

#[test]
fn transforms_fill_missing_columns_in_order_of_dependency() {
    let columns = [("a", "STRING"), ("shout", "STRING"), ("n", "LONG"), ("copy", "STRING")];
    let config = transforms(&[
        ("shout", "upper(full)"),
        ("full", "concat(a, 'x', '-')"),
        ("n", "n0 + 1"),
        ("copy", "\"odd name\""),
    ]);
    let case = Case::new(&columns, config);
    let rows = case.rows("{\"a\":\"q\",\"n0\":1,\"odd name\":\"o\"}\n{\"a\":\"r\",\"n0\":3000000000}\n{\"a\":null}");
    assert_eq!(rows, ["q|Q-X|2|o", "r|R-X|3000000001|~", "~|~|~|~"]);
}

#[test]
fn a_value_that_is_there_wins() {
    let case = Case::new(&[("a", "STRING"), ("b", "INT[]")], transforms(&[("a", "upper(s)"), ("b", "arrayMax(b)")]));
    let rows = case.rows("{\"a\":\"kept\",\"s\":\"x\"}\n{\"s\":\"y\",\"a\":null}\n{\"s\":\"z\",\"b\":[1,7,3]}");
    assert_eq!(rows, ["kept|~", "Y|~", "Z|[7]"]);
}

#[test]
fn nested_values_are_json_to_functions() {
    let columns = [("name", "STRING"), ("whole", "JSON"), ("names", "STRING[]"), ("ids", "LONG[]"), ("list", "STRING")];
    let config = transforms(&[
        ("name", "jsonPathString(o, '$.name', 'none')"),
        ("whole", "jsonFormat(o)"),
        ("names", "jsonPathArrayDefaultEmpty(o, '$.l[*].n')"),
        ("ids", "jsonPathArrayDefaultEmpty(o, '$.l[*].id')"),
        ("list", "jsonFormat(l)"),
    ]);
    let rows = Case::new(&columns, config).rows(
        "{\"o\":{\"name\":\"x\",\"t\":true,\"l\":[{\"n\":\"p\",\"id\":3163702595},{\"n\":\"q\",\"id\":2}]},\"l\":[{\"k\":1}]}\n\
         {\"o\":{\"l\":[]}}",
    );
    assert_eq!(
        rows,
        [
            "x|{\"name\":\"x\",\"t\":\"true\",\"l\":[{\"n\":\"p\",\"id\":3163702595},{\"n\":\"q\",\"id\":2}]}|\
             [\"p\",\"q\"]|[3163702595,2]|[{\"k\":1}]",
            "none|{\"l\":[]}|~|~|~"
        ]
    );
}

#[test]
fn faults_of_single_rows() {
    let columns = [("n", "INT"), ("ts", "LONG")];
    let config = transforms(&[("ts", "fromDateTime(d, 'yyyy-MM-dd')")]);
    let (rows, processed) = Case::new(&columns, config).run(
        "{\"n\":1,\"d\":\"1970-01-02\"}\n{\"n\":\"x\",\"d\":\"1970-01-03\"}\n{\"n\":3,\"d\":\"never\"}\n{\"n\":4}",
    );
    assert_eq!(rows, ["1|86400000", "~|172800000", "3|~", "4|~"]);
    assert_eq!(processed.faulty_rows, 2);
    let faults: Vec<_> = processed.faults.iter().map(|f| (f.line, &*f.column)).collect();
    assert_eq!(faults, [(1, "n"), (2, "ts")]);
}

#[test]
fn filters_drop_what_is_true() {
    let filter = |function: &str| json!({"filterConfig": {"filterFunction": function}});
    let records = "{\"n\":1,\"s\":\"a\"}\n{\"n\":7,\"s\":\"b\"}\n{\"s\":\"c\"}\n{\"n\":\"bad\"}";
    let run = |function: &str| Case::new(&[("n", "INT")], filter(function)).run(records);
    let (rows, processed) = run("s = 'b' OR s = 'c'");
    assert_eq!((rows, processed.rows_filtered), (vec!["1".to_owned(), "~".to_owned()], 2));
    assert_eq!(processed.faults[0].line, 3);
    // A row that is dropped has no faults.
    let (rows, processed) = run("s IS NULL");
    assert_eq!((rows.len(), processed.faulty_rows), (3, 0));
    let (rows, _) = run("strcmp(coalesce(s, ''), '') = 0");
    assert_eq!(rows.len(), 3);
}

#[test]
fn bad_configs_are_refused() {
    let refused = |list: &[(&str, &str)]| Case::new(&[("a", "STRING")], transforms(list)).refused();
    assert_eq!(
        refused(&[("a", "Groovy({x + 1}, x)")]),
        "Groovy transform functions are disabled for table config. Found 'Groovy({x + 1}, x)' for column 'a'"
    );
    let filter = json!({"filterConfig": {"filterFunction": "groovy({x > 1}, x)"}});
    assert!(Case::new(&[("a", "STRING")], filter).refused().starts_with("Groovy filter functions are disabled"));
    let broken = refused(&[("a", "concat(b")]);
    assert!(broken.starts_with("Invalid transform function 'concat(b' for column 'a', exception: "), "{broken}");
    let unknown = refused(&[("a", "noSuchFunction(b)")]);
    assert!(unknown.starts_with("Invalid transform function 'noSuchFunction(b)' for column 'a'"), "{unknown}");
    assert!(refused(&[("a", "upper(b)"), ("b", "lower(a)")]).contains("in a cycle: a, b"));
    assert!(refused(&[("a", "upper(b)"), ("a", "lower(b)")]).contains("Duplicate transform config"));
}

#[test]
fn maps_give_keys_and_values() {
    let case = Case::new(&[("m__KEYS", "STRING[]"), ("m__VALUES", "INT[]")], json!({}));
    assert_eq!(case.rows("{\"m\":{\"z\":1,\"a\":2}}\n{\"m\":{}}"), ["[\"a\",\"z\"]|[2,1]", "~|~"]);
}

#[test]
fn complex_types() {
    let records = "{\"id\":1,\"a\":{\"b\":{\"c\":\"x\"}},\"p\":[{\"k\":1,\"q\":[5,6]},{\"k\":2,\"q\":[]}],\"o\":[{\"z\":1}],\"n\":[1,2]}\n\
                   {\"id\":2,\"p\":[]}";
    let columns = [("id", "INT"), ("a.b.c", "STRING"), ("p.k", "INT"), ("p.q", "INT"), ("o", "STRING"), ("n", "INT[]")];
    let config = |complex: Json| json!({"complexTypeConfig": complex});
    let flat = Case::new(&columns[..2], config(json!({})));
    assert_eq!(flat.rows(records), ["1|x", "2|~"]);
    let unnest = Case::new(&columns, config(json!({"fieldsToUnnest": ["p.q", "p"]})));
    assert_eq!(
        unnest.rows(records),
        ["1|x|1|5|[{\"z\":1}]|[1,2]", "1|x|1|6|[{\"z\":1}]|[1,2]", "1|x|2|~|[{\"z\":1}]|[1,2]", "2|~|~|~|~|~"]
    );
    let renamed = Case::new(
        &[("c", "STRING"), ("n", "STRING"), ("up", "STRING")],
        json!({
            "complexTypeConfig": {"delimiter": "_", "prefixesToRename": {"a_b_": ""}, "collectionNotUnnestedToJson": "ALL"},
            "transformConfigs": [{"columnName": "up", "transformFunction": "upper(c)"}],
        }),
    );
    assert_eq!(renamed.rows(records), ["x|[1,2]|X", "~|~|~"]);
}

#[test]
fn lines_survive_unnesting() {
    let case = Case::new(&[("p", "INT")], json!({"complexTypeConfig": {"fieldsToUnnest": ["p"]}}));
    let (_, processed) = case.run("{\"p\":[1,2,3]}\n\n{\"p\":[4,\"x\"]}");
    assert_eq!(processed.faults.iter().map(|f| f.line).collect::<Vec<_>>(), [2]);
    assert_eq!((processed.rows_read, processed.batch.num_rows()), (2, 5));
}

#[test]
fn the_time_column_has_a_valid_default_and_may_be_checked() {
    let mut case = Case::new(&[("a", "STRING")], json!({"rowTimeValueCheck": true}));
    case.schema["dateTimeFieldSpecs"] =
        json!([{"name": "ts", "dataType": "LONG", "format": "1:SECONDS:EPOCH", "granularity": "1:SECONDS"}]);
    case.time_column = Some("ts");
    let records = "{\"ts\":1600000000}\n{\"ts\":1600000000000}\n{}";
    let (rows, processed) = case.run(records);
    assert_eq!(rows[2], "~|~");
    assert_eq!(processed.faults[0].reason, "Time value: 1600000000000 is not in valid range: 1971-01-01 to 2071-01-01");
    let (pipeline, _) = case.pipeline().unwrap();
    let default = &pipeline.schema().field("ts").unwrap().default_null_value;
    assert_eq!(default, &model::Value::Long(NOW_MS / 1000));
    case.ingestion["continueOnError"] = true.into();
    assert_eq!(case.run(records).0, ["~|1600000000", "~|~", "~|~"]);
}

#[test]
fn a_legacy_time_column_is_converted_to_its_unit() {
    let mut case = Case::new(&[("a", "STRING")], json!({}));
    case.schema["timeFieldSpec"] = json!({
        "incomingGranularitySpec": {"name": "secs", "dataType": "LONG", "timeType": "SECONDS"},
        "outgoingGranularitySpec": {"name": "days", "dataType": "INT", "timeType": "DAYS"},
    });
    assert_eq!(case.rows("{\"secs\":1600000000}\n{\"secs\":\"86400\",\"a\":\"x\"}\n{}"), ["~|18518", "x|1", "~|~"]);
}

#[test]
fn enrichers_overwrite_and_come_first() {
    let config = json!({
        "enrichmentConfigs": [
            {"enricherType": "generateColumn", "properties": {"fieldToFunctionMap": {"a": "upper(b)"}}}
        ],
        "transformConfigs": [{"columnName": "c", "transformFunction": "lower(a)"}],
    });
    assert_eq!(Case::new(&[("a", "STRING"), ("c", "STRING")], config).rows("{\"a\":\"x\",\"b\":\"Yy\"}"), ["YY|yy"]);
    let own = json!({"enrichmentConfigs": [
        {"enricherType": "generateColumn", "properties": {"fieldToFunctionMap": {"b": "upper(b)"}}}
    ]});
    assert_eq!(Case::new(&[("b", "STRING")], own).rows("{\"b\":\"Yy\"}"), ["YY"]);
    let other = json!({"enrichmentConfigs": [{"enricherType": "clpEnricher"}]});
    assert!(Case::new(&[("a", "STRING")], other).refused().contains("'clpEnricher' is not supported"));
}

#[test]
fn a_dry_run_shows_what_a_row_has_before_the_schema() {
    let config = json!({
        "filterConfig": {"filterFunction": "n > 2"},
        "transformConfigs": [{"columnName": "up", "transformFunction": "upper(s)"}],
        "complexTypeConfig": {"fieldsToUnnest": ["l"]},
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in.json");
    std::fs::write(&path, "{\"s\":\"a\",\"n\":1,\"o\":{\"p\":2},\"l\":[{\"k\":1},{\"k\":2}]}\n{\"n\":3}\n{\"z\":null}")
        .unwrap();
    let mut seen = Vec::new();
    let mut run = |config: Json| {
        let table = json!({"tableName": "t", "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"}, "tenants": {},
                           "tableIndexConfig": {}, "metadata": {}, "ingestionConfig": config});
        let table = TableConfig::from_json(&table).unwrap();
        seen.clear();
        let report = crate::dry_run::run(&path, Format::Json, &Default::default(), &table, NOW_MS, &mut |row| {
            seen.push(Field::Map(row.into_iter().collect()).to_json());
            Ok(())
        });
        (report.unwrap(), seen.clone())
    };
    let (report, rows) = run(config);
    let flat = |k: u32| format!("{{\"l.k\":{k},\"n\":1,\"o.p\":2,\"s\":\"a\",\"up\":\"A\"}}");
    assert_eq!(rows, [flat(1), flat(2), "{}".to_owned()]);
    assert_eq!((report.rows_read, report.rows_filtered, report.rows_faulty), (3, 1, 0));
    let (_, rows) = run(transforms(&[("twice", "n + n")]));
    assert_eq!(rows[0], "{\"l\":[{\"k\":1},{\"k\":2}],\"n\":1,\"o\":{\"p\":2},\"s\":\"a\",\"twice\":2.0}");
}

#[test]
fn early_enrichers_see_nested_values() {
    let config = |early: bool| {
        json!({
            "enrichmentConfigs": [{"enricherType": "generateColumn", "preComplexTypeTransform": early,
                                   "properties": {"fieldToFunctionMap": {"text": "jsonFormat(o)"}}}],
            "complexTypeConfig": {"fieldsToUnnest": ["l"]},
        })
    };
    let columns = [("text", "STRING"), ("o.p", "INT"), ("l", "INT")];
    let records = "{\"o\":{\"p\":2},\"l\":[1,2]}";
    assert_eq!(Case::new(&columns, config(true)).rows(records), ["{\"p\":2}|2|1", "{\"p\":2}|2|2"]);
    // Later there is no field `o` any more.
    assert_eq!(Case::new(&columns, config(false)).rows(records), ["~|2|1", "~|2|2"]);
}

#[test]
fn what_the_schema_does_not_have_goes_to_catch_all_columns() {
    let columns = [
        ("a", "INT"),
        ("b.c", "STRING"),
        ("renamed", "STRING"),
        ("kept", "STRING"),
        ("json_data", "JSON"),
        ("json_data_no_idx", "STRING"),
        ("__mergedTextIndex", "STRING[]"),
    ];
    let config = json!({"schemaConformingTransformerConfig": {
        "columnNameToJsonKeyPathMap": {"renamed": "x.y"},
        "fieldPathsToDrop": ["secret", "b.gone"],
        "fieldPathsToPreserveInput": ["kept"],
        "optimizeCaseInsensitiveSearch": true,
    }});
    let case = Case::new(&columns, config.clone());
    let rows = case.rows(
        "{\"a\":1,\"b\":{\"c\":[1,{\"z\":2}],\"d\":3,\"d_noindex\":4,\"gone\":5},\"x.y\":\"Dot\",\"secret\":1,\
         \"kept\":{\"k\":[1]},\"message\":\"m\",\"e_noindex\":{\"f\":6},\"n\":null}\n{}",
    );
    assert_eq!(
        rows,
        [
            "1|[1,{\"z\":2}]|Dot|{\"k\":[1]}|{\"b\":{\"d\":3}}|{\"b\":{\"d_noindex\":4},\"e_noindex\":{\"f\":6}}|\
             [\"1:a\",\"[1,{\\\"z\\\":2}]:b.c\",\"1:b.c\",\"{\\\"z\\\":2}:b.c\",\"3:b.d\",\"m:message\",\"Dot:renamed\",\
             \"dot:renamed\"]",
            "~|~|~|~|~|~|~",
        ]
    );
    let refused = |columns: &[(&str, &str)]| Case::new(columns, config.clone()).refused();
    assert!(refused(&columns[..4]).contains("Field 'json_data' doesn't exist in schema"));
    assert!(refused(&[("secret", "INT")]).contains("Fields in schema overlap with fieldPathsToDrop"));
    assert!(refused(&[("a_noindex", "INT")]).contains("Field 'a_noindex' has no-index suffix '_noindex'"));
    let mut wrong = config;
    wrong["schemaConformingTransformerConfig"]["fieldPathsToDrop"] = json!("x");
    assert!(Case::new(&columns, wrong).refused().contains("'fieldPathsToDrop' has to be a list of texts"));
}
