//! CAST.

use model::{ColumnType, Value};

use super::Family;
use crate::{
    call, convert,
    registry::{Argument, Context, Error, ScalarFunction},
    vector::{Data, Vector},
};

pub static FUNCTIONS: Family = &[&Cast];

/// `cast(value, 'TYPE')`. On a multi-value each element is cast.
struct Cast;

impl Cast {
    fn target(value: ColumnType, name: Option<&Value>) -> Result<ColumnType, Error> {
        let Some(Value::String(name)) = name else {
            return Err(Error::failed("cast", "the type to cast to must be a literal"));
        };
        let target = convert::target_type(name).ok_or_else(|| {
            Error::failed("cast", format!("Unable to cast expression to type - {}", convert::clip(name)))
        })?;
        Ok(ColumnType { multi_value: target.multi_value || value.multi_value, ..target })
    }
}

impl ScalarFunction for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        match args {
            [value, target] => Self::target(value.ty, target.constant),
            _ => Err(Error::no_signature("cast", &args.iter().map(|a| a.ty).collect::<Vec<_>>())),
        }
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        let [value, Vector { data: Data::Constant(name), .. }] = args else {
            return Err(Error::failed("cast", "a value and a literal type are needed"));
        };
        let target = Self::target(value.ty, Some(name))?;
        call::once_if_constant("cast", true, args, rows, |_| convert::cast(value, target))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_errors};

    #[test]
    fn casts() {
        check(&[
            ("cast('12', 'INT')", "INT 12"),
            ("cast(12.7, 'integer')", "INT 12"),
            ("cast(1, 'VARCHAR')", "STRING 1"),
            ("cast(null, 'LONG')", "LONG null"),
            ("cast([1, 2], 'STRING')", "STRING_ARRAY [1,2]"),
            ("cast(1.5, 'BIG_DECIMAL')", "BIG_DECIMAL 1.5"),
        ]);
        check_errors(&[
            ("cast(1, 'FROB')", "cast: Unable to cast expression to type - FROB"),
            ("cast('Golf', 'INT')", "cast: For input string: \"Golf\""),
            ("cast(1)", "Unsupported function: cast with arguments of type: [INT]"),
        ]);
    }
}
