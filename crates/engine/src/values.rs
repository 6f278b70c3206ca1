//! Values of expressions over blocks of docs, or once per dictionary entry.

use std::cell::RefCell;

use arrow::array::{ArrayRef, BooleanArray};
use functions::{Columns, Context, Expr, Vector, evaluate_array};
use model::ColumnType;
use segment::reader::Dictionary;

use crate::{
    columns::{Segment, repeat},
    error::{Error, Result},
    mask::Docs,
};

/// The columns of a block, each materialised at most once.
struct Block<'b> {
    segment: &'b Segment<'b>,
    docs: &'b Docs<'b>,
    made: RefCell<Vec<(String, Vector)>>,
    failed: RefCell<Option<Error>>,
}

impl Columns for Block<'_> {
    fn column(&self, name: &str) -> Option<Vector> {
        if let Some((_, vector)) = self.made.borrow().iter().find(|(n, _)| n == name) {
            return Some(vector.clone());
        }
        let column = self.segment.column(name)?;
        match self.segment.values(column, self.docs) {
            Ok(values) => {
                let vector = Vector::array(column.ty(), values);
                self.made.borrow_mut().push((name.to_owned(), vector.clone()));
                Some(vector)
            }
            Err(error) => {
                *self.failed.borrow_mut() = Some(error);
                None
            }
        }
    }

    fn input(&self, _index: usize) -> Option<Vector> {
        None
    }
}

/// One array of `docs.len()` rows, of the Arrow type of the expression.
pub(crate) fn evaluate(segment: &Segment<'_>, expr: &Expr, docs: &Docs<'_>, context: Context) -> Result<ArrayRef> {
    match expr {
        Expr::Column { name, ty } => {
            if let Some(column) = segment.column(name)
                && column.ty() == *ty
            {
                return segment.values(column, docs);
            }
        }
        Expr::Literal(value) => return Ok(repeat(value, expr.ty(), docs.len())),
        _ => {}
    }
    let block = Block { segment, docs, made: RefCell::default(), failed: RefCell::default() };
    let result = evaluate_array(expr, &block, docs.len(), &context);
    if let Some(error) = block.failed.take() {
        return Err(error);
    }
    result.map_err(|error| Error::from(error).in_segment(segment.reader.name()))
}

struct Entries {
    entries: Vector,
}

impl Columns for Entries {
    fn column(&self, _name: &str) -> Option<Vector> {
        Some(self.entries.clone())
    }

    fn input(&self, _index: usize) -> Option<Vector> {
        None
    }
}

/// An expression over one column, once for each entry of its dictionary.
pub(crate) fn over_dictionary(
    expr: &Expr,
    dictionary: &dyn Dictionary,
    ty: ColumnType,
    context: Context,
) -> Result<ArrayRef> {
    over_entries(expr, dictionary.all(), ty, context)
}

/// An expression over one column, for some of its values.
pub(crate) fn over_entries(expr: &Expr, entries: ArrayRef, ty: ColumnType, context: Context) -> Result<ArrayRef> {
    let rows = entries.len();
    Ok(evaluate_array(expr, &Entries { entries: Vector::array(ty, entries) }, rows, &context)?)
}

/// The rows for which a boolean array is true.
pub(crate) fn true_rows(array: &BooleanArray) -> Vec<u32> {
    use arrow::array::Array;
    (0..array.len()).filter(|&row| array.is_valid(row) && array.value(row)).map(|row| row as u32).collect()
}
