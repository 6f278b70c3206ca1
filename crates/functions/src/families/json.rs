//! JSON: extraction by path, keys, text.

use model::{ColumnType, DataType, Value, parse};
use serde_json::Value as Json;

use super::Family;
use crate::{
    arrays,
    call::{self, Double, JsonText, Long, Memo, Opt, Str},
    convert, function,
    json::{Path, text},
    registry::{Argument, Context, Error, ScalarFunction},
    vector::{Data, Vector},
};

pub static FUNCTIONS: Family = &[
    &Extract,
    &Format { name: "jsonformat", aliases: &["tojsonmapstr"] },
    &function!("jsonextractkey";
        (doc: Str, path: Str) -> Result<Vec<String>, String>, with { let paths = Memo::new(Path::parse); } =>
            Ok(paths.get(path)?.paths(doc)),
        (doc: Str, path: Str, options: Str) -> Result<Vec<String>, String>, with { let paths = Memo::new(Path::parse); } =>
            Ok(shaped(paths.get(path)?.paths(doc), options))),
    &function!("jsonpath";
        (doc: Str, path: Str) -> Result<Option<String>, String>, with { let paths = Memo::new(Path::parse); } =>
            Ok(found(&paths, doc, path)?.map(|v| text::raw_or_text(&v)))),
    &function!("jsonpathstring";
    (doc: Str, path: Str) -> Result<Option<String>, String>, with { let paths = Memo::new(Path::parse); } =>
        Ok(found(&paths, doc, path)?.map(|v| text::raw_or_text(&v))),
    (doc: Opt<Str>, path: Str, default: Opt<Str>) -> Result<Option<String>, String>, with { let paths = Memo::new(Path::parse); } => {
        let value = doc.map(|doc| found(&paths, doc, path)).transpose()?.flatten();
        Ok(value.map(|v| text::raw_or_text(&v)).or_else(|| default.map(str::to_owned)))
    }),
    &function!("jsonpathlong";
    (doc: Str, path: Str) -> Result<i64, String>, with { let paths = Memo::new(Path::parse); } =>
        long(found(&paths, doc, path)?, Some(i64::MIN)).map(|v| v.unwrap_or(i64::MIN)),
    (doc: Opt<Str>, path: Str, default: Opt<Long>) -> Result<Option<i64>, String>, with { let paths = Memo::new(Path::parse); } => {
        let value = doc.map(|doc| found(&paths, doc, path)).transpose()?.flatten();
        Ok(long(value, default).unwrap_or(default))
    }),
    &function!("jsonpathdouble";
    (doc: Str, path: Str) -> Result<f64, String>, with { let paths = Memo::new(Path::parse); } =>
        double(found(&paths, doc, path)?, Some(f64::NAN)).map(|v| v.unwrap_or(f64::NAN)),
    (doc: Opt<Str>, path: Str, default: Opt<Double>) -> Result<Option<f64>, String>, with { let paths = Memo::new(Path::parse); } => {
        let value = doc.map(|doc| found(&paths, doc, path)).transpose()?.flatten();
        Ok(double(value, default).unwrap_or(default))
    }),
    &function!("jsonpathexists"; (doc: Str, path: Str) -> Result<bool, String>, with { let paths = Memo::new(Path::parse); } =>
        Ok(paths.get(path)?.exists(doc))),
    &function!("jsonpatharray";
        (doc: Str, path: Str) -> Result<Option<Vec<String>>, String>, with { let paths = Memo::new(Path::parse); } =>
            Ok(found(&paths, doc, path)?.map(|v| elements(&v)))),
    &function!("jsonpatharraydefaultempty";
    (doc: Opt<Str>, path: Str) -> Result<Vec<String>, String>, with { let paths = Memo::new(Path::parse); } => {
        let value = doc.map(|doc| found(&paths, doc, path)).transpose()?.flatten();
        Ok(value.map(|v| elements(&v)).unwrap_or_default())
    }),
    &function!("isjson"; (s: Str) -> bool => serde_json::from_str::<serde::de::IgnoredAny>(s).is_ok()),
    &function!("jsonstringtoarray"; (s: Str) -> Option<Vec<String>> => {
        serde_json::from_str::<Json>(s).ok().filter(Json::is_array).map(|v| elements(&v))
    }),
    &function!("jsonstringtomap"; (s: Str) -> Option<JsonText> => {
        serde_json::from_str::<Json>(s).ok().filter(Json::is_object).map(|v| JsonText(text::to_text(&v)))
    }),
    &function!("jsonstringtolistormap"; (s: Str) -> Option<JsonText> => {
        serde_json::from_str::<Json>(s).ok().filter(|v| v.is_object() || v.is_array()).map(|v| JsonText(text::to_text(&v)))
    }),
    &function!("jsonkeyvaluearraytomap";
        (s: Str) -> Option<JsonText> => to_map(s, "key", "value"),
        (s: Str, key: Str, value: Str) -> Option<JsonText> => to_map(s, key, value)),
];

/// What the path leads to; a JSON null counts as nothing.
fn found(paths: &Memo<Path>, document: &str, path: &str) -> Result<Option<Json>, String> {
    Ok(paths.get(path)?.read(document).filter(|v| !v.is_null()))
}

fn long(value: Option<Json>, default: Option<i64>) -> Result<Option<i64>, String> {
    let Some(value) = value else { return Ok(default) };
    single(&value, DataType::Long).map(|v| if let Value::Long(v) = v { Some(v) } else { default })
}

fn double(value: Option<Json>, default: Option<f64>) -> Result<Option<f64>, String> {
    let Some(value) = value else { return Ok(default) };
    single(&value, DataType::Double).map(|v| if let Value::Double(v) = v { Some(v) } else { default })
}

/// The elements as texts; of a single value that value.
fn elements(value: &Json) -> Vec<String> {
    match value {
        Json::Array(items) => items.iter().map(text::raw_or_text).collect(),
        single => vec![text::raw_or_text(single)],
    }
}

/// An array of `{"key": …, "value": …}` as one object.
fn to_map(document: &str, key: &str, value: &str) -> Option<JsonText> {
    let document: Json = serde_json::from_str(document).ok()?;
    let mut map = serde_json::Map::new();
    for item in document.as_array()? {
        if let Some(name) = item.get(key) {
            map.insert(text::raw_or_text(name), item.get(value).cloned().unwrap_or(Json::Null));
        }
    }
    Some(JsonText(text::to_text(&Json::Object(map))))
}

/// `maxDepth=2;dotNotation=true` applied to normalised paths.
fn shaped(paths: Vec<String>, options: &str) -> Vec<String> {
    let option = |name: &str| {
        let pairs = options.split(';').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
    };
    let depth = option("maxDepth").and_then(|d| d.parse::<usize>().ok()).filter(|d| *d > 0).unwrap_or(usize::MAX);
    let dots = option("dotNotation").is_some_and(|d| d.eq_ignore_ascii_case("true"));
    let within = paths.into_iter().filter(|path| path.matches('[').count() <= depth);
    if !dots {
        return within.collect();
    }
    within
        .map(|path| {
            path.trim_start_matches('$')
                .replace("']['", ".")
                .replace("['", ".")
                .replace("']", "")
                .replace('[', ".")
                .replace(']', "")
                .trim_start_matches('.')
                .to_owned()
        })
        .collect()
}

/// One JSON value as a value of a single type; numbers and texts convert, a text that is no number is an error.
fn single(value: &Json, ty: DataType) -> Result<Value, String> {
    let number = |n: &serde_json::Number| match (n.as_i64(), n.as_f64()) {
        (Some(long), _) => Value::Long(long),
        (None, Some(double)) => Value::Double(double),
        _ => Value::Null,
    };
    match (ty, value) {
        (_, Json::Null) => Ok(Value::Null),
        (DataType::String, value) => Ok(Value::String(text::raw_or_text(value))),
        (DataType::Json, value) => Ok(Value::Json(text::raw_or_text(value))),
        (DataType::BigDecimal, Json::Number(n)) => convert::value(&Value::String(n.to_string()), ty.sv()),
        (DataType::Int, Json::Number(n)) => convert::value(&convert::value(&number(n), DataType::Long.sv())?, ty.sv()),
        (_, Json::Number(n)) => convert::value(&number(n), ty.sv()),
        (DataType::Boolean, Json::String(text)) => Ok(Value::Boolean(parse::parse_boolean(text))),
        (_, Json::Bool(b)) => convert::value(&Value::Boolean(*b), ty.sv()),
        (_, value) => convert::value(&Value::String(text::raw_or_text(value)), ty.sv()),
    }
}

/// `jsonextractscalar(document, 'path', 'TYPE'[, default])`.
struct Extract;

const EXTRACT: &str = "jsonextractscalar";

/// The path, type and default of a call, which must be literals.
struct Plan {
    path: Path,
    ty: ColumnType,
    default: Option<Value>,
}

impl Plan {
    fn result_type(literals: &[Option<&Value>]) -> Result<ColumnType, String> {
        match literals.get(1).copied().flatten() {
            Some(Value::String(name)) => {
                convert::target_type(name).ok_or_else(|| format!("Unsupported results type: {}", convert::clip(name)))
            }
            _ => Err("the results type must be a literal".to_owned()),
        }
    }

    fn new(literals: &[Option<&Value>]) -> Result<Self, String> {
        let ty = Self::result_type(literals)?;
        let Some(Value::String(path)) = literals.first().copied().flatten() else {
            return Err("the path must be a literal".to_owned());
        };
        let default = match literals.get(2) {
            None => None,
            Some(None) => return Err("the default must be a literal".to_owned()),
            Some(Some(Value::Null)) => Some(Value::Null),
            Some(Some(value)) => Some(convert::value(value, ty)?),
        };
        Ok(Self { path: Path::parse(path)?, ty, default })
    }

    fn extract(&self, document: &str) -> Result<Option<Value>, String> {
        let Some(value) = self.path.read(document).filter(|v| !v.is_null()) else { return Ok(None) };
        if !self.ty.multi_value {
            return single(&value, self.ty.data_type).map(Some);
        }
        let items = match value {
            Json::Array(items) => items,
            other => vec![other],
        };
        let items = items.iter().map(|item| single(item, self.ty.data_type)).collect::<Result<_, _>>()?;
        Ok(Some(Value::Array(self.ty.data_type, items)))
    }
}

impl ScalarFunction for Extract {
    fn name(&self) -> &'static str {
        EXTRACT
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["jsonextractindex"]
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        if !(3..=4).contains(&args.len()) || args[0].ty.multi_value {
            return Err(Error::no_signature(EXTRACT, &args.iter().map(|a| a.ty).collect::<Vec<_>>()));
        }
        let literals: Vec<_> = args[1..].iter().map(|a| a.constant).collect();
        Ok(Plan::new(&literals).map_err(|e| Error::failed(EXTRACT, e))?.ty)
    }

    fn evaluate(&self, args: &[Vector], rows: usize, ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant(EXTRACT, true, args, rows, |rows| {
            let (document, literals) = args.split_first().ok_or("an argument is missing")?;
            let literals: Vec<_> =
                literals.iter().map(|l| if let Data::Constant(value) = &l.data { Some(value) } else { None }).collect();
            let plan = Plan::new(&literals)?;
            let input = call::Input::<Str>::new(std::slice::from_ref(document), 0)?;
            let mut values = Vec::with_capacity(rows);
            for row in 0..rows {
                let found = if input.is_null(row) { None } else { plan.extract(input.get(row))? };
                values.push(match (found, &plan.default) {
                    (Some(value), _) => value,
                    (None, Some(default)) => default.clone(),
                    (None, None) if ctx.null_handling || input.is_null(row) => Value::Null,
                    (None, None) => {
                        return Err(
                            "Cannot resolve JSON path on some records. Consider setting a default value.".to_owned()
                        );
                    }
                });
            }
            Ok(Vector::array(plan.ty, arrays::from_values(plan.ty, &values)?))
        })
    }
}

/// The JSON text of a value: documents as they are, texts quoted.
struct Format {
    name: &'static str,
    aliases: &'static [&'static str],
}

impl ScalarFunction for Format {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        match args {
            [_] => Ok(DataType::String.sv()),
            _ => Err(Error::no_signature(self.name, &args.iter().map(|a| a.ty).collect::<Vec<_>>())),
        }
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant(self.name, true, args, rows, |rows| {
            let value = args.first().ok_or("an argument is missing")?;
            let document =
                matches!(value.ty.data_type, DataType::Json | DataType::Map | DataType::List | DataType::Struct);
            if document && !value.ty.multi_value {
                return convert::cast(value, DataType::String.sv());
            }
            let array = arrays::expand(value, rows)?;
            let texts: Vec<Value> = (0..rows)
                .map(|row| match arrays::value_at(array.as_ref(), value.ty, row) {
                    Value::Null => Value::Null,
                    found => {
                        let mut text = String::new();
                        model::render::push_json(&mut text, &found);
                        Value::String(text)
                    }
                })
                .collect();
            Ok(Vector::array(DataType::String.sv(), arrays::from_values(DataType::String.sv(), &texts)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_errors};

    #[test]
    fn extraction() {
        check(&[
            (r#"jsonextractscalar('{"a":1}', '$.a', 'INT', -1)"#, "INT 1"),
            (r#"jsonextractscalar('{"b":1}', '$.a', 'INT', -1)"#, "INT -1"),
            (r#"jsonextractscalar('{"a":null}', '$.a', 'INT', '-1')"#, "INT -1"),
            (r#"jsonextractscalar('{"a":1.9}', '$.a', 'LONG')"#, "LONG 1"),
            (r#"jsonextractscalar('{"a":"7"}', '$.a', 'DOUBLE')"#, "DOUBLE 7.0"),
            (r#"jsonextractscalar('{"a":{"b":[1,"x"]}}', '$.a', 'STRING')"#, r#"STRING {"b":[1,"x"]}"#),
            (r#"jsonextractscalar('{"a":[1,2,{"c":"x"}]}', '$.a[*]', 'STRING')"#, r#"STRING [1,2,{"c":"x"}]"#),
            (r#"jsonextractscalar('{"a":[1,2]}', '$.a', 'LONG_ARRAY')"#, "LONG_ARRAY [1,2]"),
            (r#"jsonextractscalar('{"a":[{"n":"x"},{"n":"y"}]}', '$.a[*].n', 'STRING_ARRAY')"#, "STRING_ARRAY [x,y]"),
            (r#"jsonextractscalar('{"a":true}', '$.a', 'BOOLEAN')"#, "BOOLEAN true"),
            (r#"jsonextractscalar('{"a":true}', '$.a', 'STRING')"#, "STRING true"),
            (
                r#"jsonextractscalar('{"a":12345678901234567890.125}', '$.a', 'STRING', '')"#,
                "STRING 1.2345678901234567E19",
            ),
            (r#"jsonextractscalar('{"a":"2024-02-29 00:00:00"}', '$.a', 'TIMESTAMP')"#, "TIMESTAMP 1709164800000"),
            ("jsonextractscalar('broken', '$.a', 'STRING', 'none')", "STRING none"),
            ("jsonextractscalar('{}', '$.a', 'STRING')", "STRING null"),
        ]);
        check_errors(&[
            (r#"jsonextractscalar('{"a":"x"}', '$.a', 'INT')"#, "jsonextractscalar: For input string: \"x\""),
            ("jsonextractscalar('{}', '$.a', 'FROB')", "jsonextractscalar: Unsupported results type: FROB"),
            (
                "jsonextractscalar('{}', '$[', 'INT')",
                "jsonextractscalar: invalid JSON path '$[': a position or key is missing at character 3",
            ),
        ]);
    }

    #[test]
    fn without_null_handling_a_missing_value_is_an_error() {
        let args = ["{}", "$.a", "INT"].map(|t| crate::Vector::constant(model::Value::String(t.into())));
        let context = crate::Context { null_handling: false, ..crate::testing::context() };
        let error = crate::lookup("JSON_EXTRACT_SCALAR").unwrap().evaluate(&args, 1, &context).unwrap_err();
        assert!(
            error.to_string().ends_with("Cannot resolve JSON path on some records. Consider setting a default value.")
        );
    }

    #[test]
    fn paths_and_keys() {
        check(&[
            (r#"jsonpathstring('{"repo":{"name":"x/y"}}', '$.repo.name', 'null')"#, "STRING x/y"),
            (r#"jsonpathstring('{"a":{"b":1.0}}', '$.a')"#, r#"STRING {"b":1.0}"#),
            (r#"jsonpathstring('{"a":1}', '$.b', 'null')"#, "STRING null"),
            ("jsonpathstring(null, '$.b', 'd')", "STRING d"),
            (r#"jsonpathlong('{"a":5}', '$.a')"#, "LONG 5"),
            (r#"jsonpathlong('{"a":5}', '$.b')"#, "LONG -9223372036854775808"),
            (r#"jsonpathlong('{"a":"x"}', '$.a', 3)"#, "LONG 3"),
            (r#"jsonpathdouble('{"a":5}', '$.a')"#, "DOUBLE 5.0"),
            (r#"jsonpathdouble('{}', '$.a')"#, "DOUBLE NaN"),
            (r#"jsonpathexists('{"a":5}', '$.a')"#, "BOOLEAN true"),
            (r#"jsonpathexists('{"a":5}', '$.b[*]')"#, "BOOLEAN false"),
            (r#"jsonpatharray('{"a":[1,"x"]}', '$.a[*]')"#, "STRING_ARRAY [1,x]"),
            (r#"jsonpatharraydefaultempty('{"a":[]}', '$.b.c')"#, "STRING_ARRAY []"),
            ("jsonpatharraydefaultempty(null, '$.b.c')", "STRING_ARRAY []"),
            (r#"jsonextractkey('{"a":1,"b":{"c":2}}', '$.*')"#, "STRING_ARRAY [$['a'],$['b']]"),
            (r#"jsonextractkey('{"a":1,"b":{"c":2}}', '$..**', 'maxDepth=1')"#, "STRING_ARRAY [$['a'],$['b']]"),
            (r#"jsonextractkey('{"a":1,"b":{"c":2}}', '$..*', 'dotNotation=true')"#, "STRING_ARRAY [a,b,b.c]"),
            (r#"isjson('{"a":1}')"#, "BOOLEAN true"),
            ("isjson('{')", "BOOLEAN false"),
            ("jsonformat('a\"b')", r#"STRING "a\"b""#),
            ("jsonformat([1, 2])", "STRING [1,2]"),
            (r#"jsonstringtoarray('[1,"a"]')"#, "STRING_ARRAY [1,a]"),
            (r#"jsonkeyvaluearraytomap('[{"key":"k","value":1}]')"#, r#"JSON {"k":1}"#),
        ]);
    }
}
