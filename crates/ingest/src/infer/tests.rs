//! Proposed schemas, written as `role name type[]`.

use std::fs;

use super::*;

const AVRO: &str = r#"{"type":"record","name":"r","fields":[
    {"name":"id","type":["null","int"]}, {"name":"price","type":"double"}, {"name":"tags","type":{"type":"array","items":["null","string"]}},
    {"name":"when","type":{"type":"long","logicalType":"timestamp-millis"}}, {"name":"ok","type":"boolean"},
    {"name":"raw","type":{"type":"fixed","name":"f","size":4}}, {"name":"m","type":{"type":"map","values":"int"}},
    {"name":"one","type":{"type":"record","name":"o","fields":[{"name":"x","type":"float"}]}}
]}"#;

fn wishes() -> Wishes {
    Wishes {
        schema_name: "s".to_owned(),
        dimensions: Vec::new(),
        metrics: Vec::new(),
        time_column: None,
        time_unit: "DAYS".to_owned(),
        complex: None,
    }
}

fn shown(inferred: &Inferred) -> Vec<String> {
    let field = |f: &FieldSpec| {
        let multi = if f.multi_value { "[]" } else { "" };
        let format = f.format.as_ref().map(|format| format!(" {format}")).unwrap_or_default();
        format!("{:?} {} {}{multi}{format}", f.role, f.name, f.data_type)
    };
    inferred.schema.fields.iter().map(field).collect()
}

fn with_file<T>(content: &str, f: impl FnOnce(&Path) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in");
    fs::write(&path, content).unwrap();
    f(&path)
}

fn avro(schema: &str, wishes: &Wishes) -> Result<Inferred, Error> {
    with_file(schema, |path| from_avro_schema_file(path, wishes))
}

fn json(content: &str, wishes: &Wishes) -> Result<Inferred, Error> {
    with_file(content, |path| from_json_file(path, wishes))
}

#[test]
fn avro_fields_become_columns() {
    let mut wishes = wishes();
    wishes.metrics = vec!["price".to_owned(), "nosuch".to_owned()];
    wishes.time_column = Some("when".to_owned());
    wishes.time_unit = "MILLISECONDS".to_owned();
    let inferred = avro(AVRO, &wishes).unwrap();
    assert_eq!(
        shown(&inferred),
        [
            "Dimension id INT",
            "Dimension tags STRING[]",
            "Dimension ok BOOLEAN",
            "Dimension raw BYTES",
            "Dimension m JSON",
            "Dimension one FLOAT",
            "Metric price DOUBLE",
            "DateTime when LONG EPOCH|MILLISECONDS",
        ]
    );
    assert_eq!(inferred.not_found, ["nosuch"]);
    let written = inferred.schema.to_json();
    assert_eq!(Schema::from_json(&written).unwrap().to_json(), written);
}

#[test]
fn avro_records_are_flattened_when_asked_for() {
    let schema = r#"{"type":"record","name":"r","namespace":"n","fields":[
        {"name":"a","type":{"type":"record","name":"in","fields":[{"name":"b","type":["null","string"]},{"name":"c","type":"long"}]}},
        {"name":"l","type":{"type":"array","items":"in"}}, {"name":"u","type":{"type":"array","items":"n.in"}},
        {"name":"p","type":{"type":"array","items":"int"}}, {"name":"y","type":{"type":"array","items":"bytes"}}
    ]}"#;
    let error = avro(schema, &wishes()).unwrap_err().to_string();
    assert!(error.contains("field 'a' is a record of 2 fields"), "{error}");
    let mut complex = Wishes::default_complex();
    complex.fields_to_unnest = vec!["u".to_owned()];
    let wished = Wishes { complex: Some(complex.clone()), ..wishes() };
    let names = ["a.b STRING", "a.c LONG", "l STRING", "u.b STRING", "u.c LONG", "p INT[]", "y STRING"];
    assert_eq!(shown(&avro(schema, &wished).unwrap()), names.map(|n| format!("Dimension {n}")));
    complex.collections_to_json = JsonCollections::None;
    complex.delimiter = "_".to_owned();
    let wished = Wishes { complex: Some(complex), ..wishes() };
    let names = ["a_b STRING", "a_c LONG", "u_b STRING", "u_c LONG"];
    assert_eq!(shown(&avro(schema, &wished).unwrap()), names.map(|n| format!("Dimension {n}")));
}

#[test]
fn avro_that_cannot_be_a_table() {
    let refused = |schema: &str| avro(schema, &wishes()).unwrap_err().to_string();
    assert!(refused("\"int\"").contains("the Avro schema is not a record"));
    assert!(refused("{").starts_with("in is not a readable Avro schema file: its schema is not JSON"));
    let field = |ty: &str| {
        refused(&format!("{{\"type\":\"record\",\"name\":\"r\",\"fields\":[{{\"name\":\"a\",\"type\":{ty}}}]}}"))
    };
    assert!(field("[\"int\",\"string\"]").contains("field 'a' is a union of several types"));
    assert!(field("[\"null\"]").contains("a union of nothing but null"));
    // A type that holds itself has no end.
    let error = field("{\"type\":\"record\",\"name\":\"x\",\"fields\":[{\"name\":\"y\",\"type\":\"x\"}]}");
    assert!(error.contains("holds itself"), "{error}");
}

#[test]
fn json_records_become_columns() {
    let record = r#"{"i":1,"l":3000000000,"d":1.5,"s":"x","b":true,"n":null,"big":123456789012345678901,
        "o":{"p":{"q":1}},"mv":[1,2],"objects":[{"z":"y"}],"empty":[],"u":[{"k":1}]}
        {"other":1}"#;
    let mut complex = Wishes::default_complex();
    complex.fields_to_unnest = vec!["u".to_owned()];
    let mut wished = Wishes { complex: Some(complex), metrics: vec!["d".to_owned()], ..wishes() };
    wished.time_column = Some("i".to_owned());
    assert_eq!(
        shown(&json(record, &wished).unwrap()),
        [
            "Dimension l LONG",
            "Dimension s STRING",
            "Dimension b BOOLEAN",
            "Dimension big STRING",
            "Dimension o.p.q INT",
            "Dimension mv INT[]",
            "Dimension objects STRING",
            "Dimension u.k INT",
            "Metric d DOUBLE",
            "DateTime i INT EPOCH|DAYS",
        ]
    );
    wished.metrics = vec!["mv".to_owned()];
    assert!(json(record, &wished).unwrap_err().to_string().contains("Metric field: mv cannot be multi-valued"));
    wished.time_unit = "day".to_owned();
    assert!(json(record, &wished).unwrap_err().to_string().contains("'day' is not a time unit"));
    assert!(json("", &wishes()).unwrap_err().to_string().contains("it holds no record"));
    assert!(json("{\"a\":", &wishes()).is_err());
    assert!(json("{\"a.b\":1,\"a\":{\"b\":2}}", &wishes()).unwrap_err().to_string().contains("two fields"));
}
