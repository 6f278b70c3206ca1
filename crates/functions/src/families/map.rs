//! MAP columns, and the older form of a map in two parallel multi-value columns.

use model::{ColumnType, DataType, Value};
use serde_json::Value as Json;

use super::Family;
use crate::{
    arrays, call, convert,
    json::text,
    registry::{Argument, Context, Error, ScalarFunction},
    vector::Vector,
};

pub static FUNCTIONS: Family = &[&Item, &MapValue];

/// What stands for a missing value where nulls are not handled.
fn default_of(ty: DataType) -> Value {
    match ty {
        DataType::Int => Value::Int(i32::MIN),
        DataType::Long => Value::Long(i64::MIN),
        DataType::Float => Value::Float(f32::NEG_INFINITY),
        DataType::Double => Value::Double(f64::NEG_INFINITY),
        DataType::BigDecimal => Value::BigDecimal(0.into()),
        DataType::Boolean => Value::Boolean(false),
        DataType::Timestamp => Value::Timestamp(0),
        DataType::Bytes => Value::Bytes(Vec::new()),
        _ => Value::String("null".to_owned()),
    }
}

/// `item(map, 'key'[, 'TYPE'])`: a map's value for a key; the type is that of the map's values, STRING if not given.
struct Item;

impl Item {
    fn result_type(ty: Option<&Value>) -> Result<ColumnType, Error> {
        match ty {
            None => Ok(DataType::String.sv()),
            Some(Value::String(name)) => convert::target_type(name)
                .ok_or_else(|| Error::failed("item", format!("'{}' is no type", convert::clip(name)))),
            Some(_) => Err(Error::failed("item", "the type must be a literal text")),
        }
    }
}

impl ScalarFunction for Item {
    fn name(&self) -> &'static str {
        "item"
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        match args {
            [map, _] if !map.ty.multi_value => Self::result_type(None),
            [map, _, ty] if !map.ty.multi_value && ty.constant.is_some() => Self::result_type(ty.constant),
            _ => Err(Error::no_signature("item", &args.iter().map(|a| a.ty).collect::<Vec<_>>())),
        }
    }

    fn evaluate(&self, args: &[Vector], rows: usize, ctx: &Context) -> Result<Vector, Error> {
        let ty = match args {
            [_, _, Vector { data: crate::Data::Constant(ty), .. }] => Self::result_type(Some(ty))?,
            _ => Self::result_type(None)?,
        };
        call::once_if_constant("item", true, args, rows, |rows| {
            let (maps, keys) = (call::Input::<call::Str>::new(args, 0)?, call::Input::<call::Str>::new(args, 1)?);
            let mut values = Vec::with_capacity(rows);
            for row in 0..rows {
                let found = if maps.is_null(row) || keys.is_null(row) {
                    None
                } else {
                    let map: Option<Json> = serde_json::from_str(maps.get(row)).ok();
                    map.and_then(|m| m.get(keys.get(row)).filter(|v| !v.is_null()).map(text::raw_or_text))
                };
                values.push(match found {
                    Some(text) => convert::value(&Value::String(text), ty)?,
                    None if ctx.null_handling => Value::Null,
                    None => default_of(ty.data_type),
                });
            }
            Ok(Vector::array(ty, arrays::from_values(ty, &values)?))
        })
    }
}

/// `mapvalue(keys, 'key', values)`: the value at the place where the key stands.
struct MapValue;

impl ScalarFunction for MapValue {
    fn name(&self) -> &'static str {
        "mapvalue"
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        match args {
            [keys, key, values] if keys.ty.multi_value && !key.ty.multi_value && values.ty.multi_value => {
                Ok(values.ty.data_type.sv())
            }
            _ => Err(Error::no_signature("mapvalue", &args.iter().map(|a| a.ty).collect::<Vec<_>>())),
        }
    }

    fn evaluate(&self, args: &[Vector], rows: usize, ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant("mapvalue", true, args, rows, |rows| {
            let [keys, key, values] = args else { return Err("three arguments are needed".to_owned()) };
            let ty = values.ty.data_type.sv();
            let (names, items) = (arrays::expand(keys, rows)?, arrays::expand(values, rows)?);
            let wanted = call::Input::<call::Str>::new(std::slice::from_ref(key), 0)?;
            let mut found = Vec::with_capacity(rows);
            for row in 0..rows {
                let names = arrays::value_at(names.as_ref(), keys.ty, row);
                let items = arrays::value_at(items.as_ref(), values.ty, row);
                let value = match (names, items) {
                    (Value::Array(_, names), Value::Array(_, mut items)) if !wanted.is_null(row) => {
                        let is_wanted = |name: &Value| convert::to_text(name).is_ok_and(|t| t == wanted.get(row));
                        names.iter().position(is_wanted).filter(|at| *at < items.len()).map(|at| items.swap_remove(at))
                    }
                    _ => None,
                };
                found.push(match value {
                    Some(value) => value,
                    None if ctx.null_handling => Value::Null,
                    None => default_of(ty.data_type),
                });
            }
            Ok(Vector::array(ty, arrays::from_values(ty, &found)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn maps() {
        check(&[
            (r#"item('{"k1":5}', 'k1', 'INT')"#, "INT 5"),
            (r#"item('{"k1":5}', 'k1')"#, "STRING 5"),
            (r#"item('{"k1":5}', 'k2', 'INT')"#, "INT null"),
            ("mapvalue(['k1', 'k2'], 'k2', [10, 20])", "INT 20"),
            ("mapvalue(['k1', 'k2'], 'k3', [10, 20])", "INT null"),
        ]);
    }
}
