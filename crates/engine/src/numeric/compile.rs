//! Which expressions can be read as doubles, and how.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type, Int64Type};
use functions::Expr;
use model::{DataType, Value};
use segment::reader::{Forward, Numbers};

use super::{Numeric, Operator};
use crate::{
    columns::{Segment, is_deterministic, single_column},
    values,
};

/// Entries up to which a function is evaluated over a whole dictionary.
const MAX_TABLE: u32 = 10_000;

/// `None` for whatever needs more than numbers of single values without NULLs.
pub(crate) fn compile<'s>(segment: &'s Segment<'s>, expr: &Expr) -> Option<Numeric<'s>> {
    if expr.ty().multi_value {
        return None;
    }
    match expr {
        Expr::Literal(value) => literal(value),
        Expr::Column { name, .. } => column(segment, name),
        Expr::Call { function, args, ty } => {
            arithmetic(segment, function, args, ty.data_type).or_else(|| table(segment, expr))
        }
        Expr::Input { .. } => None,
    }
}

fn literal(value: &Value) -> Option<Numeric<'static>> {
    Some(Numeric::Constant(match value {
        Value::Int(v) => f64::from(*v),
        Value::Long(v) => *v as f64,
        Value::Float(v) => f64::from(*v),
        Value::Double(v) => *v,
        Value::Boolean(v) => f64::from(u8::from(*v)),
        _ => return None,
    }))
}

fn is_number(ty: DataType) -> bool {
    matches!(ty, DataType::Int | DataType::Long | DataType::Float | DataType::Double)
}

fn arithmetic<'s>(segment: &'s Segment<'s>, function: &str, args: &[Expr], ty: DataType) -> Option<Numeric<'s>> {
    let boxed = |expr: &Expr| compile(segment, expr).map(Box::new);
    let types = |fits: fn(DataType) -> bool| args.iter().all(|arg| fits(arg.ty().data_type));
    let binary = |operator| {
        let [left, right] = args else { return None };
        Some(Numeric::Binary(operator, boxed(left)?, boxed(right)?))
    };
    let calculates = || (ty == DataType::Double && types(is_number)).then_some(());
    // A double does not tell all longs apart.
    let compares = || types(|ty| matches!(ty, DataType::Int | DataType::Float | DataType::Double)).then_some(());
    let joins = |operator| {
        let mut parts = args.iter();
        let mut all = compile(segment, parts.next()?)?;
        for part in parts {
            all = Numeric::Binary(operator, Box::new(all), boxed(part)?);
        }
        Some(all)
    };
    let is_boolean = || types(|ty| ty == DataType::Boolean).then_some(());
    match function {
        "plus" | "add" => calculates().and_then(|()| binary(Operator::Plus)),
        "minus" | "sub" => calculates().and_then(|()| binary(Operator::Minus)),
        "times" | "mult" => calculates().and_then(|()| binary(Operator::Times)),
        "divide" | "div" => calculates().and_then(|()| binary(Operator::Divide)),
        "equals" => compares().and_then(|()| binary(Operator::Equal)),
        "notequals" => compares().and_then(|()| binary(Operator::NotEqual)),
        "lessthan" => compares().and_then(|()| binary(Operator::Less)),
        "lessthanorequal" => compares().and_then(|()| binary(Operator::LessOrEqual)),
        "greaterthan" => compares().and_then(|()| binary(Operator::Greater)),
        "greaterthanorequal" => compares().and_then(|()| binary(Operator::GreaterOrEqual)),
        "and" => is_boolean().and_then(|()| joins(Operator::And)),
        "or" => is_boolean().and_then(|()| joins(Operator::Or)),
        "not" => match args {
            [inner] => is_boolean().and_then(|()| Some(Numeric::Not(boxed(inner)?))),
            _ => None,
        },
        "case" if is_number(ty) => case(segment, args),
        _ => None,
    }
}

/// `case(when, then, when, then, …, else)`.
fn case<'s>(segment: &'s Segment<'s>, args: &[Expr]) -> Option<Numeric<'s>> {
    let (last, pairs) = args.split_last()?;
    if pairs.len() % 2 != 0 || !is_number(last.ty().data_type) {
        return None;
    }
    let mut value = compile(segment, last)?;
    for pair in pairs.chunks_exact(2).rev() {
        let [when, then] = pair else { return None };
        if when.ty().data_type != DataType::Boolean || !is_number(then.ty().data_type) {
            return None;
        }
        value = Numeric::Select(Box::new([compile(segment, when)?, compile(segment, then)?, value]));
    }
    Some(value)
}

fn column<'s>(segment: &'s Segment<'s>, name: &str) -> Option<Numeric<'s>> {
    let column = segment.column(name)?;
    if column.ty().multi_value || segment.null_handling && column.nulls().is_some_and(|nulls| !nulls.is_empty()) {
        return None;
    }
    let entries = || {
        let numbers = column.dictionary()?.numbers();
        (!matches!(numbers, Numbers::None)).then_some(numbers)
    };
    match column.forward() {
        Forward::I32(values) => Some(Numeric::I32(values)),
        Forward::I64(values) => Some(Numeric::I64(values)),
        Forward::F32(values) => Some(Numeric::F32(values)),
        Forward::F64(values) => Some(Numeric::F64(values)),
        Forward::Ids(ids) => Some(Numeric::Dictionary { ids, entries: entries()? }),
        Forward::Sorted { starts } => Some(Numeric::Sorted { starts, entries: entries()? }),
        Forward::MultiIds { .. } | Forward::Var => None,
    }
}

/// Any function of one small dictionary column, evaluated once per entry.
fn table<'s>(segment: &'s Segment<'s>, expr: &Expr) -> Option<Numeric<'s>> {
    let ty = expr.ty().data_type;
    if !is_number(ty) && ty != DataType::Boolean || !is_deterministic(expr) {
        return None;
    }
    let column = segment.column(&single_column(expr)?)?;
    let dictionary = column.dictionary()?;
    let nulls = segment.null_handling && column.nulls().is_some_and(|nulls| !nulls.is_empty());
    if nulls || column.ty().multi_value || dictionary.len() > MAX_TABLE || dictionary.len() > segment.num_docs {
        return None;
    }
    // An entry that no row of the answer holds may fail; then only the rows are evaluated.
    let results = values::over_dictionary(expr, dictionary, column.ty(), segment.context).ok()?;
    let entries = results_as_doubles(&results)?;
    match column.forward() {
        Forward::Ids(ids) => Some(Numeric::Table { ids, entries }),
        Forward::Sorted { starts } => Some(Numeric::SortedTable { starts, entries }),
        _ => None,
    }
}

fn results_as_doubles(results: &ArrayRef) -> Option<Vec<f64>> {
    if results.null_count() > 0 {
        return None;
    }
    if let Some(values) = results.as_boolean_opt() {
        return Some((0..values.len()).map(|row| f64::from(u8::from(values.value(row)))).collect());
    }
    if let Some(values) = results.as_primitive_opt::<Int32Type>() {
        return Some(values.values().iter().map(|&v| f64::from(v)).collect());
    }
    if let Some(values) = results.as_primitive_opt::<Int64Type>() {
        return Some(values.values().iter().map(|&v| v as f64).collect());
    }
    if let Some(values) = results.as_primitive_opt::<Float32Type>() {
        return Some(values.values().iter().map(|&v| f64::from(v)).collect());
    }
    results.as_primitive_opt::<Float64Type>().map(|values| values.values().to_vec())
}
