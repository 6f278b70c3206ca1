//! `transformConfigs` and `filterConfig`, and the columns of a map's keys and values.

use connectors::format::{Field, RawColumn};
use functions::Vector;
use model::{DateTimeFormat, FieldRole, FieldSpec, Schema, table_config::IngestionConfig};
use serde_json::Value as Json;

use super::{Column, Expression, Faults, Rows, order};
use crate::{Error, convert::field_of_value};

const KEYS: &str = "__KEYS";
const VALUES: &str = "__VALUES";

/// All transforms of a table, in the order in which they run.
pub(super) struct Transforms {
    /// Enrichers that come before complex types are opened.
    before: Vec<Step>,
    steps: Vec<Step>,
}

struct Step {
    column: String,
    kind: Kind,
    /// An enricher: its result stands whatever the input has.
    overwrites: bool,
}

enum Kind {
    Expression(Expression),
    /// The sorted keys of a map field, or the values in that order.
    MapPart {
        map: Vec<String>,
        keys: bool,
    },
    /// A legacy time column from the input's field and unit.
    TimeUnits {
        incoming: Vec<String>,
        from: DateTimeFormat,
        to: DateTimeFormat,
    },
}

impl Transforms {
    pub fn new(schema: &Schema, config: &IngestionConfig) -> Result<Self, Error> {
        let mut steps: Vec<Step> = Vec::new();
        for transform in &config.transforms {
            if steps.iter().any(|s| s.column == transform.column) {
                let column = &transform.column;
                return Err(Error::Config(format!("Duplicate transform config found for column '{column}'")));
            }
            let expression = Expression::transform(&transform.column, &transform.function)?;
            steps.push(Step {
                column: transform.column.clone(),
                kind: Kind::Expression(expression),
                overwrites: false,
            });
        }
        for field in &schema.fields {
            if steps.iter().any(|s| s.column == field.name) {
                continue;
            }
            let part = |suffix: &str, keys: bool| {
                let map = field.name.strip_suffix(suffix).filter(|m| !m.is_empty())?;
                Some(Kind::MapPart { map: vec![map.to_owned()], keys })
            };
            let kind = match &field.transform_function {
                Some(function) => Some(Kind::Expression(Expression::transform(&field.name, function)?)),
                None => part(KEYS, true).or_else(|| part(VALUES, false)).or_else(|| time_units(field)),
            };
            steps.extend(kind.map(|kind| Step { column: field.name.clone(), kind, overwrites: false }));
        }
        let names: Vec<&str> = steps.iter().map(|s| s.column.as_str()).collect();
        let order = order::by_dependency(&names, |i| steps[i].arguments())?;
        let mut slots: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
        let (before, mut all) = enrichers(config)?;
        all.extend(order.into_iter().filter_map(|i| slots[i].take()));
        Ok(Self { before, steps: all })
    }

    /// Every field that a transform reads.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.before.iter().chain(&self.steps).flat_map(|s| s.arguments().iter().map(String::as_str))
    }

    /// Whether something is to be done before complex types are opened.
    pub fn comes_before_complex(&self) -> bool {
        !self.before.is_empty()
    }

    /// Runs what comes before complex types.
    pub fn apply_before_complex(&self, rows: &mut Rows, now_ms: i64, schema: &Schema, faults: &mut Faults<'_>) {
        run(&self.before, rows, now_ms, schema, faults);
    }

    /// Runs the transforms; results stand beside the raw columns.
    pub fn apply(&self, rows: &mut Rows, now_ms: i64, schema: &Schema, faults: &mut Faults<'_>) {
        run(&self.steps, rows, now_ms, schema, faults);
    }
}

fn run(steps: &[Step], rows: &mut Rows, now_ms: i64, schema: &Schema, faults: &mut Faults<'_>) {
    for step in steps {
        match &step.kind {
            Kind::Expression(expression) => {
                // An enricher may read the field that it writes.
                transform(&step.column, expression, step.overwrites, rows, now_ms, schema, faults);
            }
            Kind::MapPart { map, keys } => map_part(&step.column, &map[0], *keys, rows),
            Kind::TimeUnits { incoming, from, to } => {
                convert_time(&step.column, &incoming[0], (from, to), rows, faults);
            }
        }
    }
}

/// `enrichmentConfigs`: columns that are always computed, before all transforms, in the order written. First those that
/// come before complex types are opened.
fn enrichers(config: &IngestionConfig) -> Result<(Vec<Step>, Vec<Step>), Error> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for enricher in &config.enrichments {
        let kind = enricher.get("enricherType").and_then(Json::as_str).unwrap_or_default();
        if kind != "generateColumn" {
            return Err(Error::Config(format!("the enricher '{kind}' is not supported, only generateColumn is")));
        }
        let early = enricher.get("preComplexTypeTransform").and_then(Json::as_bool) == Some(true);
        let steps = if early { &mut before } else { &mut after };
        let functions = enricher.get("properties").and_then(|p| p.get("fieldToFunctionMap")).and_then(Json::as_object);
        for (column, function) in functions.into_iter().flatten() {
            let expression = Expression::transform(column, function.as_str().unwrap_or_default())?;
            steps.push(Step { column: column.clone(), kind: Kind::Expression(expression), overwrites: true });
        }
    }
    Ok((before, after))
}

impl Step {
    fn arguments(&self) -> &[String] {
        match &self.kind {
            Kind::Expression(expression) => expression.arguments(),
            Kind::MapPart { map: argument, .. } | Kind::TimeUnits { incoming: argument, .. } => argument,
        }
    }
}

/// Fills a column where it has no value yet, or with `overwrite` all of it. A list or map that is there gives way to a
/// result of another kind.
fn transform(
    name: &str,
    expression: &Expression,
    overwrite: bool,
    rows: &mut Rows,
    now_ms: i64,
    schema: &Schema,
    faults: &mut Faults<'_>,
) {
    let wanted: Option<Vec<u32>> = rows.get(name).filter(|_| !overwrite).map(|existing| {
        let open = |row: &u32| existing.is_null(*row as usize) || existing.is_nested(*row as usize);
        (0..rows.len as u32).filter(open).collect()
    });
    if wanted.as_ref().is_some_and(Vec::is_empty) {
        return;
    }
    let selected = wanted.as_deref().filter(|w| w.len() < rows.len);
    let mut fault = |at: usize, reason: String| {
        let row = selected.map_or(at, |s| s[at] as usize);
        faults.add(row, name, reason);
    };
    let Some(result) = expression.evaluate(rows, selected, now_ms, schema, &mut fault) else {
        if overwrite {
            rows.remove(name);
        }
        return;
    };
    let Some(existing) = rows.get(name).filter(|_| !overwrite) else {
        rows.set(name, Column::Typed(result));
        return;
    };
    let result = Column::Typed(result);
    let mut merged: Vec<Field> = (0..rows.len).map(|row| existing.field(row)).collect();
    let all = 0..rows.len as u32;
    let places: Vec<u32> = selected.map_or_else(|| all.collect(), <[u32]>::to_vec);
    for (at, row) in places.into_iter().enumerate() {
        let value = result.field(at);
        let slot = &mut merged[row as usize];
        let same_kind = matches!((&*slot, &value), (Field::List(_), Field::List(_)));
        if slot.is_null() || !(value.is_null() || same_kind) {
            *slot = value;
        }
    }
    rows.set(name, Column::Raw(RawColumn::Fields(merged)));
}

fn map_part(name: &str, map: &str, keys: bool, rows: &mut Rows) {
    if rows.get(name).is_some() {
        return;
    }
    let Some(source) = rows.get(map) else { return };
    let part = |row: usize| {
        source.with_field(row, |field| {
            let Field::Map(entries) = field else { return Field::Null };
            let mut entries: Vec<&(String, Field)> = entries.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            let item = |(k, v): &&(String, Field)| if keys { Field::Text(k.clone()) } else { v.clone() };
            Field::List(entries.iter().map(item).collect())
        })
    };
    let parts: Vec<Field> = (0..rows.len).map(part).collect();
    rows.set(name, Column::Raw(RawColumn::Fields(parts)));
}

/// `timeFieldSpec` with another name and unit for what comes in than for what is stored.
fn time_units(field: &FieldSpec) -> Option<Kind> {
    let spec = field.raw.get("incomingGranularitySpec").filter(|_| field.role == FieldRole::Time)?;
    let text = |key: &str| spec.get(key).and_then(serde_json::Value::as_str);
    let incoming = text("name").filter(|name| *name != field.name)?;
    let size = spec.get("timeUnitSize").and_then(serde_json::Value::as_u64).unwrap_or(1);
    let format = text("timeFormat").unwrap_or("EPOCH");
    let from = DateTimeFormat::parse(&format!("{size}:{}:{format}", text("timeType")?)).ok()?;
    Some(Kind::TimeUnits { incoming: vec![incoming.to_owned()], from, to: field.date_time_format()? })
}

fn convert_time(
    name: &str,
    incoming: &str,
    (from, to): (&DateTimeFormat, &DateTimeFormat),
    rows: &mut Rows,
    faults: &mut Faults<'_>,
) {
    if rows.get(name).is_some() {
        return;
    }
    let Some(source) = rows.get(incoming) else { return };
    let mut converted = Vec::with_capacity(rows.len);
    for row in 0..rows.len {
        let field = source.field(row);
        if field.is_null() {
            converted.push(Field::Null);
            continue;
        }
        let text = if let Field::Text(text) = field { text } else { field.to_json() };
        match from.text_to_millis(&text) {
            Ok(millis) => converted.push(field_of_value(&to.from_millis(millis))),
            Err(e) => {
                faults.add(row, name, e.to_string());
                converted.push(Field::Null);
            }
        }
    }
    rows.set(name, Column::Raw(RawColumn::Fields(converted)));
}

/// The rows to drop: those for which the expression is true. `None` when there are none.
pub(super) fn filter(
    expression: &Expression,
    rows: &mut Rows,
    now_ms: i64,
    schema: &Schema,
    faults: &mut Faults<'_>,
) -> Option<Vec<bool>> {
    let mut fault = |row: usize, reason: String| faults.add(row, "", format!("filter: {reason}"));
    let result = expression.evaluate(rows, None, now_ms, schema, &mut fault)?;
    let dropped: Vec<bool> = match result {
        Vector { data: functions::Data::Constant(value), .. } => vec![is_true(&field_of_value(&value)); rows.len],
        vector => {
            let column = Column::Typed(vector);
            (0..rows.len).map(|row| is_true(&column.field(row))).collect()
        }
    };
    dropped.contains(&true).then_some(dropped)
}

fn is_true(field: &Field) -> bool {
    match field {
        Field::Bool(b) => *b,
        Field::Int(n) => *n != 0,
        Field::Long(n) => *n != 0,
        Field::Text(text) => model::parse::parse_boolean(text),
        _ => false,
    }
}
