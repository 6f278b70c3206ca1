//! A transform or filter expression: parsed once, bound per batch, since raw columns have no fixed type.

use arrow::{
    array::{ArrayRef, UInt32Array},
    compute::take,
};
use functions::{Data, Vector, eval, registry::Context};
use model::{ColumnType, DataType, Schema};
use query::ast;

use super::Rows;
use crate::Error;

/// A parsed expression.
#[derive(Debug)]
pub(super) struct Expression {
    tree: ast::Expression,
    arguments: Vec<String>,
}

impl Expression {
    pub fn transform(column: &str, function: &str) -> Result<Self, Error> {
        if is_groovy(function) {
            return Err(Error::GroovyTransform { column: column.to_owned(), function: function.to_owned() });
        }
        Self::parse(function).map_err(|reason| Error::Transform {
            column: column.to_owned(),
            function: function.to_owned(),
            reason,
        })
    }

    pub fn filter(function: &str) -> Result<Self, Error> {
        if is_groovy(function) {
            return Err(Error::GroovyFilter { function: function.to_owned() });
        }
        Self::parse(function).map_err(|reason| Error::Filter { function: function.to_owned(), reason })
    }

    fn parse(function: &str) -> Result<Self, String> {
        let tree = query::parse_expression(function).map_err(|e| e.to_string())?;
        let mut arguments: Vec<String> = Vec::new();
        tree.for_each_identifier(&mut |name| {
            if !arguments.iter().any(|a| a == name) {
                arguments.push(name.to_owned());
            }
        });
        check_functions(&tree)?;
        Ok(Self { tree, arguments })
    }

    /// The input fields that it reads.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Evaluates over some rows (`None`: all). Row faults go to `fault`; those rows are null in the result.
    pub fn evaluate(
        &self,
        rows: &mut Rows,
        selected: Option<&[u32]>,
        now_ms: i64,
        schema: &Schema,
        fault: &mut dyn FnMut(usize, String),
    ) -> Option<Vector> {
        let len = selected.map_or(rows.len, <[u32]>::len);
        let mut columns = Vec::with_capacity(self.arguments.len());
        for name in &self.arguments {
            let mut vector = rows.vector(name);
            if let (Data::Array(array), Some(selected)) = (&vector.data, selected) {
                let picked = take(array, &UInt32Array::from(selected.to_vec()), None).ok()?;
                vector = Vector::array(vector.ty, picked);
            }
            if super::is_null_constant(&vector.data)
                && let Some(field) = schema.field(name)
            {
                vector.ty = field.column_type();
            }
            columns.push((name.as_str(), vector));
        }
        let types = |name: &str| {
            let found = columns.iter().find(|(n, _)| *n == name);
            // A field without any value may be whatever the function takes; text is what most take.
            found.map(|(_, v)| if v.ty.data_type == DataType::Unknown { DataType::String.sv() } else { v.ty })
        };
        let bound = match query::bind_expression(&self.tree, &types) {
            Ok(bound) => bound,
            Err(e) => {
                let reason = e.to_string();
                (0..len).for_each(|row| fault(row, reason.clone()));
                return None;
            }
        };
        let context = Context { now_ms, null_handling: true };
        let run = Run { bound: &bound, columns: &columns, context };
        run.all(len, fault)
    }
}

/// Unknown functions are told when the table is created, not row by row. Whether the arguments' types fit is known
/// only when there are rows.
fn check_functions(tree: &ast::Expression) -> Result<(), String> {
    let Err(e) = query::bind_expression(tree, &|_| Some(ColumnType::UNKNOWN)) else { return Ok(()) };
    let text = e.to_string();
    if names_unknown_function(tree, &text) { Err(text) } else { Ok(()) }
}

fn names_unknown_function(tree: &ast::Expression, error: &str) -> bool {
    let Some(function) = tree.as_function() else { return false };
    error == format!("Unsupported function: {}", function.name)
        || function.args.iter().any(|arg| names_unknown_function(arg, error))
}

/// `Groovy({script}, arguments…)`.
fn is_groovy(function: &str) -> bool {
    let start = function.trim_start().as_bytes();
    start.len() > 6
        && start[..6].eq_ignore_ascii_case(b"groovy")
        && function.trim_start()[6..].trim_start().starts_with('(')
}

struct Run<'a> {
    bound: &'a functions::Expr,
    columns: &'a [(&'a str, Vector)],
    context: Context,
}

/// A range of rows of the argument columns.
struct Slice<'a> {
    columns: &'a [(&'a str, Vector)],
    start: usize,
    len: usize,
}

impl eval::Columns for Slice<'_> {
    fn column(&self, name: &str) -> Option<Vector> {
        let (_, vector) = self.columns.iter().find(|(n, _)| *n == name)?;
        Some(match &vector.data {
            Data::Array(array) => Vector::array(vector.ty, array.slice(self.start, self.len)),
            Data::Constant(_) => vector.clone(),
        })
    }

    fn input(&self, _index: usize) -> Option<Vector> {
        None
    }
}

impl Run<'_> {
    fn slice(&self, start: usize, len: usize) -> Result<Vector, String> {
        let columns = Slice { columns: self.columns, start, len };
        eval::evaluate(self.bound, &columns, len, &self.context).map_err(|e| e.to_string())
    }

    /// All rows at once; when that fails, halves, until the rows that fail stand alone.
    fn all(&self, len: usize, fault: &mut dyn FnMut(usize, String)) -> Option<Vector> {
        if len == 0 {
            return None;
        }
        match self.slice(0, len) {
            Ok(vector) => Some(vector),
            Err(reason) => {
                let mut parts: Vec<ArrayRef> = Vec::new();
                let ty = self.bound.ty();
                self.halves(0, len, reason, ty, &mut parts, fault);
                let parts: Vec<&dyn arrow::array::Array> = parts.iter().map(AsRef::as_ref).collect();
                let whole = arrow::compute::concat(&parts).ok()?;
                Some(Vector::array(ty, whole))
            }
        }
    }

    fn halves(
        &self,
        start: usize,
        len: usize,
        reason: String,
        ty: model::ColumnType,
        parts: &mut Vec<ArrayRef>,
        fault: &mut dyn FnMut(usize, String),
    ) {
        if len == 1 {
            fault(start, reason);
            parts.push(arrow::array::new_null_array(&ty.arrow(), 1));
            return;
        }
        let middle = len / 2;
        for (start, len) in [(start, middle), (start + middle, len - middle)] {
            let columns = Slice { columns: self.columns, start, len };
            match eval::evaluate_array(self.bound, &columns, len, &self.context) {
                Ok(array) => parts.push(array),
                Err(e) => self.halves(start, len, e.to_string(), ty, parts, fault),
            }
        }
    }
}
