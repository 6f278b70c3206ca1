//! One segment as a query sees it: its stored columns, the virtual ones, and defaults for columns it lacks.

pub(crate) mod constant;
pub(crate) mod doc_id;

use arrow::{
    array::{ArrayRef, BooleanArray},
    buffer::BooleanBuffer,
};
use functions::Expr;
use model::{ColumnType, DataType, FieldRole, Value};
use segment::reader::{ColumnReader, Forward, SegmentReader};

use crate::{
    columns::{constant::ConstantColumn, doc_id::DocIdColumn},
    error::Result,
    mask::Docs,
};

/// A segment with the columns that one query uses.
pub(crate) struct Segment<'a> {
    pub(crate) reader: &'a dyn SegmentReader,
    /// Fixed when the query began: rows appended later are not seen.
    pub(crate) num_docs: u32,
    pub(crate) null_handling: bool,
    columns: Vec<(String, Handle<'a>)>,
}

enum Handle<'a> {
    Stored(&'a dyn ColumnReader),
    Made(Box<dyn ColumnReader>),
}

impl<'a> Segment<'a> {
    /// `columns` are the names and types that the query mentions; each resolves, to a default column if need be.
    pub(crate) fn new(
        reader: &'a dyn SegmentReader,
        columns: &[(String, ColumnType)],
        host_name: &str,
        null_handling: bool,
    ) -> Self {
        let num_docs = reader.num_docs();
        let columns = columns
            .iter()
            .map(|(name, ty)| {
                let handle = match reader.column(name) {
                    Some(column) => Handle::Stored(column),
                    None => Handle::Made(made_column(reader, name, *ty, num_docs, host_name)),
                };
                (name.clone(), handle)
            })
            .collect();
        Self { reader, num_docs, null_handling, columns }
    }

    /// A column of the list given to [`Segment::new`].
    pub(crate) fn column(&self, name: &str) -> Option<&dyn ColumnReader> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, handle)| match handle {
            Handle::Stored(column) => *column,
            Handle::Made(column) => column.as_ref(),
        })
    }

    /// The values of some docs, with SQL NULLs where null handling wants them.
    pub(crate) fn values(&self, column: &dyn ColumnReader, docs: &Docs<'_>) -> Result<ArrayRef> {
        let values = match docs {
            Docs::Range(range) => column.values_range(range.clone()),
            Docs::List(list) => column.values(list),
        };
        if !self.null_handling {
            return Ok(values);
        }
        let Some(nulls) = column.nulls() else { return Ok(values) };
        let is_null = match docs {
            Docs::Range(range) => BooleanBuffer::collect_bool(docs.len(), |i| nulls.contains(range.start + i as u32)),
            Docs::List(list) => BooleanBuffer::collect_bool(docs.len(), |i| nulls.contains(list[i])),
        };
        if is_null.count_set_bits() == 0 {
            return Ok(values);
        }
        Ok(arrow::compute::nullif(values.as_ref(), &BooleanArray::new(is_null, None))?)
    }
}

fn made_column(
    reader: &dyn SegmentReader,
    name: &str,
    ty: ColumnType,
    num_docs: u32,
    host_name: &str,
) -> Box<dyn ColumnReader> {
    let text = |text: &str| Value::String(text.to_owned());
    match name {
        "$docId" => Box::new(DocIdColumn::new(num_docs)),
        "$segmentName" => {
            Box::new(ConstantColumn::virtual_column(DataType::String.sv(), text(reader.name()), num_docs))
        }
        "$hostName" => Box::new(ConstantColumn::virtual_column(DataType::String.sv(), text(host_name), num_docs)),
        "$partitionId" => {
            let value = Value::Array(DataType::String, partition_ids(reader).into_iter().map(Value::String).collect());
            Box::new(ConstantColumn::virtual_column(DataType::String.mv(), value, num_docs))
        }
        _ => Box::new(ConstantColumn::missing(ty, num_docs)),
    }
}

/// `column_partition` for every partition of every partitioned column; one empty text when nothing is partitioned.
fn partition_ids(reader: &dyn SegmentReader) -> Vec<String> {
    let mut ids = Vec::new();
    for name in reader.column_names() {
        if let Some((_, _, partitions)) = reader.column(name).and_then(ColumnReader::partitions) {
            ids.extend(partitions.iter().map(|p| format!("{name}_{p}")));
        }
    }
    if ids.is_empty() {
        ids.push(String::new());
    }
    ids
}

/// What stands in a segment that was built before the column existed.
pub(crate) fn default_null_value(ty: DataType, role: FieldRole) -> Value {
    let metric = role == FieldRole::Metric;
    match ty {
        DataType::Int => Value::Int(if metric { 0 } else { i32::MIN }),
        DataType::Long => Value::Long(if metric { 0 } else { i64::MIN }),
        DataType::Float => Value::Float(if metric { 0.0 } else { f32::NEG_INFINITY }),
        DataType::Double => Value::Double(if metric { 0.0 } else { f64::NEG_INFINITY }),
        DataType::BigDecimal => Value::BigDecimal(0.into()),
        DataType::Boolean => Value::Boolean(false),
        DataType::Timestamp => Value::Timestamp(0),
        DataType::Json => Value::Json("null".to_owned()),
        DataType::Bytes | DataType::Object => Value::Bytes(Vec::new()),
        DataType::Map | DataType::Struct => Value::Map("{}".to_owned()),
        DataType::String | DataType::List | DataType::Unknown => Value::String("null".to_owned()),
    }
}

/// Dict ids of some docs of a single-value dictionary column, into `out` (cleared first).
pub(crate) fn read_ids(forward: Forward<'_>, docs: &Docs<'_>, out: &mut Vec<u32>) {
    use segment::reader::Ids;
    out.clear();
    match (forward, docs) {
        (Forward::Ids(Ids::U8(ids)), Docs::Range(r)) => out.extend(ids[span(r)].iter().map(|&i| u32::from(i))),
        (Forward::Ids(Ids::U16(ids)), Docs::Range(r)) => out.extend(ids[span(r)].iter().map(|&i| u32::from(i))),
        (Forward::Ids(Ids::U32(ids)), Docs::Range(r)) => out.extend_from_slice(&ids[span(r)]),
        (Forward::Ids(Ids::U8(ids)), Docs::List(l)) => out.extend(l.iter().map(|&d| u32::from(ids[d as usize]))),
        (Forward::Ids(Ids::U16(ids)), Docs::List(l)) => out.extend(l.iter().map(|&d| u32::from(ids[d as usize]))),
        (Forward::Ids(Ids::U32(ids)), Docs::List(l)) => out.extend(l.iter().map(|&d| ids[d as usize])),
        (Forward::Sorted { starts }, Docs::Range(r)) => {
            let mut id = id_at(starts, r.start);
            let mut doc = r.start;
            while doc < r.end {
                let end = starts.get(id as usize + 1).copied().unwrap_or(r.end).min(r.end).max(doc + 1);
                out.resize(out.len() + (end - doc) as usize, id);
                doc = end;
                id += 1;
            }
        }
        (Forward::Sorted { starts }, Docs::List(l)) => {
            let mut id = 0u32;
            let mut span = 0..0;
            for &doc in *l {
                if !span.contains(&doc) {
                    id = id_at(starts, doc);
                    span = starts[id as usize]..starts.get(id as usize + 1).copied().unwrap_or(u32::MAX);
                }
                out.push(id);
            }
        }
        _ => {}
    }
}

/// The dict id of a doc in a sorted column.
pub(crate) fn id_at(starts: &[u32], doc: u32) -> u32 {
    (starts.partition_point(|&start| start <= doc) as u32).saturating_sub(1)
}

pub(crate) fn span(range: &std::ops::Range<u32>) -> std::ops::Range<usize> {
    range.start as usize..range.end as usize
}

/// Every column that an expression mentions, once.
pub(crate) fn collect_columns(expr: &Expr, out: &mut Vec<(String, ColumnType)>) {
    match expr {
        Expr::Column { name, ty } => {
            if !out.iter().any(|(n, _)| n == name) {
                out.push((name.clone(), *ty));
            }
        }
        Expr::Call { args, .. } => args.iter().for_each(|arg| collect_columns(arg, out)),
        Expr::Literal(_) | Expr::Input { .. } => {}
    }
}

/// The one column of an expression that depends on exactly one.
pub(crate) fn single_column(expr: &Expr) -> Option<String> {
    let mut columns = Vec::new();
    collect_columns(expr, &mut columns);
    if columns.len() == 1 { columns.pop().map(|(name, _)| name) } else { None }
}

/// Whether equal inputs give equal results, all the way down.
pub(crate) fn is_deterministic(expr: &Expr) -> bool {
    match expr {
        Expr::Call { function, args, .. } => {
            functions::lookup(function).is_none_or(|f| f.is_deterministic()) && args.iter().all(is_deterministic)
        }
        _ => true,
    }
}

/// An array of `rows` copies of a value.
pub(crate) fn repeat(value: &Value, ty: ColumnType, rows: usize) -> ArrayRef {
    constant::repeat(value, ty, rows)
}
