//! Scalar expressions to bound ones.

use functions::{Argument, Expr, lookup, registry::folded_type};
use model::{ColumnType, DataType, Value};

use super::names::Names;
use crate::{ast::Expression, ast::Function, error::Error};

/// Where an expression's names come from.
pub(super) trait Scope {
    fn column(&self, name: &str) -> Result<Expr, Error>;

    /// An expression that has been computed by an earlier phase.
    fn computed(&mut self, expression: &Expression) -> Result<Option<Expr>, Error>;

    /// Whether `+`, `-`, `*` of whole numbers are whole, as after aggregation.
    fn whole_arithmetic(&self) -> bool;

    fn map_value_type(&self, name: &str) -> Option<DataType>;
}

/// The rows of the table.
pub(super) struct Rows<'a>(pub(super) &'a Names<'a>);

impl Scope for Rows<'_> {
    fn column(&self, name: &str) -> Result<Expr, Error> {
        Ok(Expr::Column { name: name.to_owned(), ty: self.0.column_type(name)? })
    }

    fn computed(&mut self, _expression: &Expression) -> Result<Option<Expr>, Error> {
        Ok(None)
    }

    fn whole_arithmetic(&self) -> bool {
        false
    }

    fn map_value_type(&self, name: &str) -> Option<DataType> {
        self.0.map_value_type(name)
    }
}

pub(super) fn bind(expression: &Expression, scope: &mut dyn Scope) -> Result<Expr, Error> {
    if let Some(computed) = scope.computed(expression)? {
        return Ok(computed);
    }
    match expression {
        Expression::Identifier(name) => scope.column(name),
        Expression::Literal(value) => Ok(Expr::Literal(value.clone())),
        Expression::Function(function) => {
            let args = function.args.iter().map(|arg| bind(arg, scope)).collect::<Result<Vec<_>, _>>()?;
            call(function, args, scope)
        }
    }
}

fn call(function: &Function, mut args: Vec<Expr>, scope: &dyn Scope) -> Result<Expr, Error> {
    if function.name == "item"
        && let [Expression::Identifier(map), Expression::Literal(_)] = function.args.as_slice()
        && let Some(value_type) = scope.map_value_type(map)
    {
        return Ok(Expr::Call { function: "item".to_owned(), args, ty: value_type.sv() });
    }
    read_texts_as_timestamps(&function.name, &mut args);
    let implementation =
        lookup(&function.name).ok_or_else(|| Error::Unsupported(format!("Unsupported function: {}", function.name)))?;
    let types: Vec<ColumnType> = args.iter().map(Expr::ty).collect();
    let arguments: Vec<Argument<'_>> = args
        .iter()
        .zip(&types)
        .map(|(arg, &ty)| Argument { ty, constant: if let Expr::Literal(value) = arg { Some(value) } else { None } })
        .collect();
    let mut ty = implementation.return_type(&arguments)?;
    if scope.whole_arithmetic() || args.iter().all(|arg| matches!(arg, Expr::Literal(_))) {
        ty = folded_type(implementation.name(), &types).unwrap_or(ty);
    }
    Ok(Expr::Call { function: implementation.name().to_owned(), args, ty })
}

/// A text compared with a TIMESTAMP is a timestamp.
fn read_texts_as_timestamps(name: &str, args: &mut [Expr]) {
    let comparison = matches!(
        name,
        "equals"
            | "not_equals"
            | "greater_than"
            | "greater_than_or_equal"
            | "less_than"
            | "less_than_or_equal"
            | "between"
            | "in"
            | "not_in"
    );
    if !comparison || !args.iter().any(|arg| arg.ty() == DataType::Timestamp.sv()) {
        return;
    }
    for arg in args {
        if let Expr::Literal(value @ Value::String(_)) = arg
            && let Ok(timestamp) = functions::convert::value(value, DataType::Timestamp.sv())
        {
            *value = timestamp;
        }
    }
}
