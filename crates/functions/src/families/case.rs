//! CASE, and what COALESCE shares with it: the common type of branches and picking a branch a row.

use arrow::{
    array::{Array, ArrayRef, UInt32Array},
    compute::interleave,
};
use model::{ColumnType, DataType, Value};

use super::{Family, logic};
use crate::{
    Expr, arrays, convert,
    eval::{self, Columns, Subset},
    registry::{Argument, Context, Error, ScalarFunction},
    vector::{Data, Vector},
};

pub static FUNCTIONS: Family = &[&Case];

/// `case(when1, then1, when2, then2, …[, else])`; without ELSE the value is NULL.
struct Case;

impl ScalarFunction for Case {
    fn name(&self) -> &'static str {
        "case"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["casewhen"]
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        if args.len() < 2 {
            return Err(Error::no_signature("case", &args.iter().map(|a| a.ty).collect::<Vec<_>>()));
        }
        let last = args.len() - 1;
        let values: Vec<_> = args
            .iter()
            .enumerate()
            .filter(|(i, _)| i % 2 == 1 || (*i == last && last.is_multiple_of(2)))
            .map(|(_, a)| *a)
            .collect();
        common_type("case", &values)
    }

    fn evaluate(&self, args: &[Vector], rows: usize, ctx: &Context) -> Result<Vector, Error> {
        let types: Vec<_> = args.iter().map(argument).collect();
        let ty = self.return_type(&types)?;
        let columns = Evaluated(args);
        let exprs: Vec<_> = args.iter().enumerate().map(|(index, a)| Expr::Input { index, ty: a.ty }).collect();
        evaluate(&exprs, ty, &columns, rows, ctx)
    }
}

struct Evaluated<'a>(&'a [Vector]);

impl Columns for Evaluated<'_> {
    fn column(&self, _name: &str) -> Option<Vector> {
        None
    }

    fn input(&self, index: usize) -> Option<Vector> {
        self.0.get(index).cloned()
    }
}

pub(super) fn argument(vector: &Vector) -> Argument<'_> {
    let constant = if let Data::Constant(value) = &vector.data { Some(value) } else { None };
    Argument { ty: vector.ty, constant }
}

/// The type of a CASE or COALESCE: numbers widen; a literal text that reads as the others' type takes that type;
/// otherwise STRING.
pub(super) fn common_type(name: &str, values: &[Argument<'_>]) -> Result<ColumnType, Error> {
    let multi_value = values.iter().any(|v| v.ty.multi_value);
    if multi_value && values.iter().any(|v| !v.ty.multi_value && v.ty.data_type != DataType::Unknown) {
        return Err(Error::no_signature(name, &values.iter().map(|v| v.ty).collect::<Vec<_>>()));
    }
    let literal = |v: &&Argument<'_>| matches!(v.constant, Some(Value::String(_)));
    let fold = |a: DataType, v: &Argument<'_>| convert::common_type(a, v.ty.data_type);
    let others = values.iter().filter(|v| !literal(v)).fold(DataType::Unknown, fold);
    let reads = |v: &Argument<'_>| {
        v.constant.is_some_and(|text| match others {
            // Any text reads as a boolean, so only the words count.
            DataType::Boolean => {
                matches!(text, Value::String(t) if t.eq_ignore_ascii_case("true") || t.eq_ignore_ascii_case("false"))
            }
            _ => convert::value(text, others.sv()).is_ok(),
        })
    };
    let data_type = if others != DataType::Unknown && values.iter().filter(literal).all(reads) {
        others
    } else {
        values.iter().fold(DataType::Unknown, fold)
    };
    Ok(ColumnType { data_type, multi_value })
}

/// A branch's values: one entry a row, or one for all rows.
pub(super) struct Branch {
    array: ArrayRef,
    constant: bool,
}

impl Branch {
    fn at(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    pub(super) fn is_valid(&self, row: usize) -> bool {
        self.array.data_type() != &DataType::Unknown.arrow() && self.array.is_valid(self.at(row))
    }
}

pub(super) fn branch(vector: &Vector, ty: ColumnType) -> Result<Branch, String> {
    Ok(Branch { array: convert::to_column(vector, ty)?, constant: matches!(vector.data, Data::Constant(_)) })
}

/// Picks `(branch, row of the branch)` for every row.
pub(super) fn assemble(branches: &[Branch], picks: &[(usize, usize)], ty: ColumnType) -> Result<Vector, String> {
    if picks.is_empty() {
        return Ok(Vector::array(ty, arrays::nulls(ty, 0)));
    }
    let arrays: Vec<&dyn Array> = branches.iter().map(|b| b.array.as_ref()).collect();
    let indices: Vec<_> = picks.iter().map(|(b, row)| (*b, branches[*b].at(*row))).collect();
    Ok(Vector::array(ty, interleave(&arrays, &indices).map_err(|e| e.to_string())?))
}

/// Evaluates a CASE. Branches are computed over the whole block where that works, and where it does not only over the
/// rows that take them, so that `CASE WHEN isjson(x) THEN …` guards its branch.
pub(crate) fn evaluate(
    args: &[Expr],
    ty: ColumnType,
    columns: &dyn Columns,
    rows: usize,
    ctx: &Context,
) -> Result<Vector, Error> {
    let failed = |reason: String| Error::failed("case", reason);
    let branches = args.len() / 2;
    let mut undecided: Vec<u32> = (0..rows as u32).collect();
    // Per row: the branch and the row within the branch's values. Branch `branches` is ELSE.
    let mut picks = vec![(branches, 0usize); rows];
    let mut values: Vec<Branch> = Vec::with_capacity(branches + 1);
    for pair in args.chunks_exact(2) {
        let (when, then) = (&pair[0], &pair[1]);
        let mut taken = Vec::new();
        if !undecided.is_empty() {
            let (condition, subset) = whole_or_subset(when, columns, rows, &undecided, ctx)?;
            let count = if subset { undecided.len() } else { rows };
            let condition = logic::booleans(&condition, count).map_err(failed)?;
            let mut rest = Vec::new();
            for (position, row) in undecided.iter().copied().enumerate() {
                let at = if subset { position } else { row as usize };
                let holds = condition.is_valid(at) && condition.value(at);
                if holds { taken.push(row) } else { rest.push(row) }
            }
            undecided = rest;
        }
        values.push(take_branch(then, ty, columns, rows, &taken, values.len(), &mut picks, ctx)?);
    }
    let otherwise = if args.len() % 2 == 1 { args[args.len() - 1].clone() } else { Expr::Literal(Value::Null) };
    values.push(take_branch(&otherwise, ty, columns, rows, &undecided, branches, &mut picks, ctx)?);
    assemble(&values, &picks, ty).map_err(failed)
}

/// Evaluates `then` for the rows in `taken` and notes for each where its value is.
#[allow(clippy::too_many_arguments)]
fn take_branch(
    then: &Expr,
    ty: ColumnType,
    columns: &dyn Columns,
    rows: usize,
    taken: &[u32],
    index: usize,
    picks: &mut [(usize, usize)],
    ctx: &Context,
) -> Result<Branch, Error> {
    if taken.is_empty() {
        return Ok(Branch { array: arrays::nulls(ty, 1), constant: true });
    }
    let failed = |reason: String| Error::failed("case", reason);
    let whole = eval::evaluate(then, columns, rows, ctx).and_then(|v| branch(&v, ty).map_err(failed));
    let (branch, subset) = match whole {
        Ok(branch) => (branch, false),
        Err(error) if taken.len() == rows => return Err(error),
        Err(_) => {
            let chosen = UInt32Array::from(taken.to_vec());
            let vector = eval::evaluate(then, &Subset { columns, rows: &chosen }, taken.len(), ctx)?;
            (branch(&vector, ty).map_err(failed)?, true)
        }
    };
    for (position, row) in taken.iter().enumerate() {
        picks[*row as usize] = (index, if subset { position } else { *row as usize });
    }
    Ok(branch)
}

/// The expression over all rows, or (`true`) over those of `needed` when some other row makes it fail.
fn whole_or_subset(
    expr: &Expr,
    columns: &dyn Columns,
    rows: usize,
    needed: &[u32],
    ctx: &Context,
) -> Result<(Vector, bool), Error> {
    match eval::evaluate(expr, columns, rows, ctx) {
        Ok(vector) => Ok((vector, false)),
        Err(error) if needed.len() == rows => Err(error),
        Err(_) => {
            let chosen = UInt32Array::from(needed.to_vec());
            Ok((eval::evaluate(expr, &Subset { columns, rows: &chosen }, needed.len(), ctx)?, true))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, Int32Array, StringArray};
    use model::DataType;

    use super::*;
    use crate::testing::{check, check_errors, context};

    #[test]
    fn branches() {
        check(&[
            ("case(true, 1, 2)", "INT 1"),
            ("case(false, 1, 2)", "INT 2"),
            ("case(false, 1)", "INT null"),
            ("case(null, 1, 2.5)", "DOUBLE 2.5"),
            ("case(false, 'a', true, 'b', 'c')", "STRING b"),
            ("case(true, 1, 'x')", "STRING 1"),
            ("case(true, 1, '7')", "INT 1"),
            ("casewhen(true, null, 3)", "INT null"),
            ("case(greaterthan(3, 2), plus(1, 1), 0)", "DOUBLE 2.0"),
        ]);
        check_errors(&[("case(true)", "Unsupported function: case with arguments of type: [BOOLEAN]")]);
    }

    struct Texts;
    impl Columns for Texts {
        fn column(&self, _name: &str) -> Option<Vector> {
            Some(Vector::array(DataType::String.sv(), Arc::new(StringArray::from(vec![Some("7"), Some("x"), None]))))
        }
        fn input(&self, _index: usize) -> Option<Vector> {
            None
        }
    }

    #[test]
    fn a_condition_guards_its_branch() {
        let text = Expr::Column { name: "t".into(), ty: DataType::String.sv() };
        let call = |function: &str, args, ty: DataType| Expr::Call { function: function.into(), args, ty: ty.sv() };
        let number = call("cast", vec![text.clone(), Expr::Literal(Value::String("INT".into()))], DataType::Int);
        let is_x = call("equals", vec![text, Expr::Literal(Value::String("x".into()))], DataType::Boolean);
        let guarded = call("case", vec![is_x.clone(), Expr::Literal(Value::Int(-1)), number.clone()], DataType::Int);
        let array = crate::evaluate_array(&guarded, &Texts, 3, &context()).unwrap();
        let got: &Int32Array = array.as_any().downcast_ref().unwrap();
        assert_eq!(got.iter().collect::<Vec<_>>(), [Some(7), Some(-1), None]);
        let unguarded = call("case", vec![is_x, number.clone(), number], DataType::Int);
        assert!(crate::evaluate_array(&unguarded, &Texts, 3, &context()).is_err());
    }
}
