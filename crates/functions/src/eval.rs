//! Evaluates a bound expression over a block of rows.

use arrow::array::{Array, ArrayRef, UInt32Array};
use model::{DataType, Value};

use crate::{
    Expr, arrays,
    families::{self, arithmetic},
    registry::{Context, Error, ScalarFunction, lookup},
    vector::{Data, Vector},
};

/// Where an expression finds its columns: a block of a segment, a row being ingested, the rows of a reduce.
pub trait Columns {
    /// The column of this name, with as many entries as the block has rows.
    fn column(&self, name: &str) -> Option<Vector>;

    /// A slot of an earlier phase's output.
    fn input(&self, index: usize) -> Option<Vector>;
}

/// No columns at all, for constant expressions.
pub struct NoColumns;

impl Columns for NoColumns {
    fn column(&self, _name: &str) -> Option<Vector> {
        None
    }

    fn input(&self, _index: usize) -> Option<Vector> {
        None
    }
}

/// Evaluates over `rows` rows. A result that is the same in every row stays a constant.
pub fn evaluate(expr: &Expr, columns: &dyn Columns, rows: usize, ctx: &Context) -> Result<Vector, Error> {
    match expr {
        Expr::Literal(value) => Ok(Vector::constant(value.clone())),
        Expr::Column { name, .. } => columns.column(name).ok_or_else(|| Error::Failed {
            function: name.clone(),
            reason: "the column is not available here".to_owned(),
        }),
        Expr::Input { index, .. } => columns.input(*index).ok_or_else(|| Error::Failed {
            function: format!("input {index}"),
            reason: "the slot is not available here".to_owned(),
        }),
        Expr::Call { function, args, ty } => {
            let implementation = lookup(function).ok_or_else(|| Error::UnknownFunction(function.clone()))?;
            if function == "case" {
                return families::case::evaluate(args, *ty, columns, rows, ctx);
            }
            let args = args.iter().map(|arg| evaluate(arg, columns, rows, ctx)).collect::<Result<Vec<_>, _>>()?;
            if *ty == DataType::Long.sv() {
                let types: Vec<_> = args.iter().map(|a| a.ty).collect();
                if arithmetic::folded_type(function, &types).is_some() {
                    return arithmetic::evaluate_long(function, &args, rows);
                }
            }
            implementation.evaluate(&args, rows, ctx)
        }
    }
}

/// Evaluates and gives an array of `rows` entries of `expr.ty()`'s Arrow type.
pub fn evaluate_array(expr: &Expr, columns: &dyn Columns, rows: usize, ctx: &Context) -> Result<ArrayRef, Error> {
    let vector = evaluate(expr, columns, rows, ctx)?;
    let failed = |reason| Error::Failed { function: describe(expr), reason };
    let array = arrays::expand(&vector, rows).map_err(failed)?;
    crate::convert::cast_array(&array, vector.ty, expr.ty()).map_err(failed)
}

fn describe(expr: &Expr) -> String {
    match expr {
        Expr::Call { function, .. } => function.clone(),
        Expr::Column { name, .. } => name.clone(),
        _ => "expression".to_owned(),
    }
}

/// Replaces each deterministic call over literals (and `now()`, `ago()`) by its value, inner calls first. A call that
/// fails is an error here already.
pub fn fold(expr: Expr, ctx: &Context) -> Result<Expr, Error> {
    let Expr::Call { function, args, ty } = expr else { return Ok(expr) };
    let args = args.into_iter().map(|arg| fold(arg, ctx)).collect::<Result<Vec<_>, _>>()?;
    let literal = args.iter().all(|arg| matches!(arg, Expr::Literal(_)));
    let call = Expr::Call { function, args, ty };
    let Expr::Call { function, .. } = &call else { return Ok(call) };
    let foldable = lookup(function).is_some_and(ScalarFunction::is_deterministic);
    if !literal || !foldable {
        return Ok(call);
    }
    let result = evaluate(&call, &NoColumns, 1, ctx)?;
    Ok(Expr::Literal(match result.data {
        Data::Constant(value) => value,
        Data::Array(array) => arrays::value_at(array.as_ref(), result.ty, 0),
    }))
}

/// Evaluates an expression without columns.
pub fn evaluate_constant(expr: &Expr, ctx: &Context) -> Result<Value, Error> {
    let result = evaluate(expr, &NoColumns, 1, ctx)?;
    Ok(match result.data {
        Data::Constant(value) => value,
        Data::Array(array) => arrays::value_at(array.as_ref(), result.ty, 0),
    })
}

/// The chosen rows of other columns.
pub(crate) struct Subset<'a> {
    pub columns: &'a dyn Columns,
    pub rows: &'a UInt32Array,
}

impl Subset<'_> {
    fn pick(&self, vector: Vector) -> Option<Vector> {
        let data = match vector.data {
            Data::Constant(value) => Data::Constant(value),
            Data::Array(array) if self.rows.is_empty() => Data::Array(array.slice(0, 0)),
            Data::Array(array) => Data::Array(arrow::compute::take(array.as_ref(), self.rows, None).ok()?),
        };
        Some(Vector { ty: vector.ty, data })
    }
}

impl Columns for Subset<'_> {
    fn column(&self, name: &str) -> Option<Vector> {
        self.pick(self.columns.column(name)?)
    }

    fn input(&self, index: usize) -> Option<Vector> {
        self.pick(self.columns.input(index)?)
    }
}
