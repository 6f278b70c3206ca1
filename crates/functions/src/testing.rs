//! Check tables for functions: a call as text and the typed result as text.

use std::{iter::Peekable, str::Chars};

use model::{ColumnType, DataType, Value};

use crate::{
    Argument, Context, Data, Error, Expr, Vector, arrays, convert, evaluate, lookup, registry::ScalarFunction,
};

/// 2024-02-29 12:34:56.789 UTC.
pub(crate) fn context() -> Context {
    Context { now_ms: 1_709_210_096_789, null_handling: true }
}

/// `(call, "TYPE value")`. Literals: `1` INT or LONG, `1.5` DOUBLE, `1.5m` BIG_DECIMAL, `'text'`, `x'00ff'` BYTES,
/// `true`, `null`, `[1, 2]`. Each call is made with constants and again with a column as its first argument.
#[track_caller]
pub(crate) fn check(cases: &[(&str, &str)]) {
    for (call, expected) in cases {
        let got = run(call).unwrap_or_else(|e| panic!("{call}: {e}"));
        assert_eq!(got, *expected, "{call}");
    }
}

#[track_caller]
pub(crate) fn check_errors(cases: &[(&str, &str)]) {
    for (call, expected) in cases {
        match run(call) {
            Ok(got) => panic!("{call} gave {got}"),
            Err(error) => assert_eq!(error.to_string(), *expected, "{call}"),
        }
    }
}

fn run(call: &str) -> Result<String, Error> {
    let expr = parse(&mut call.chars().peekable())?;
    let result = evaluate(&expr, &crate::NoColumns, 3, &context())?;
    assert_eq!(result.ty, expr.ty(), "{call}: bound type");
    let value = match &result.data {
        Data::Constant(value) => value.clone(),
        Data::Array(array) => {
            assert_eq!(array.len(), 3, "{call}: rows");
            arrays::value_at(array.as_ref(), result.ty, 0)
        }
    };
    if let Expr::Call { function, args, .. } = &expr {
        with_column(call, lookup(function).unwrap(), args, &result.ty, &value);
    }
    Ok(render(result.ty, &value))
}

/// The call again over `[first, NULL, first]` as its first argument.
fn with_column(call: &str, function: &dyn ScalarFunction, args: &[Expr], ty: &ColumnType, expected: &Value) {
    let mut vectors: Vec<Vector> =
        args.iter().map(|a| evaluate(a, &crate::NoColumns, 3, &context()).unwrap()).collect();
    let Some(first) = vectors.first_mut() else { return };
    let Data::Constant(value) = first.data.clone() else { return };
    if value.is_null() {
        return;
    }
    let array = arrays::from_values(first.ty, &[value.clone(), Value::Null, value]).unwrap();
    first.data = Data::Array(array);
    match function.evaluate(&vectors, 3, &context()) {
        Ok(result) => {
            let array = arrays::expand(&result, 3).unwrap();
            assert_eq!(array.data_type(), &ty.arrow(), "{call}: type of the column");
            for row in [0, 2] {
                let got = arrays::value_at(array.as_ref(), *ty, row);
                assert_eq!(render(*ty, &got), render(*ty, expected), "{call}: over a column");
            }
        }
        // Some arguments must be literals.
        Err(error) => assert!(error.to_string().contains("literal"), "{call} over a column: {error}"),
    }
}

fn render(ty: ColumnType, value: &Value) -> String {
    fn text(value: &Value) -> String {
        match value {
            Value::Array(_, items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(",")),
            Value::Timestamp(millis) => millis.to_string(),
            other => convert::to_text(other).unwrap(),
        }
    }
    format!("{} {}", ty.response_name(), text(value))
}

fn parse(chars: &mut Peekable<Chars<'_>>) -> Result<Expr, Error> {
    while chars.peek().is_some_and(|c| c.is_whitespace()) {
        chars.next();
    }
    let first = *chars.peek().expect("an expression");
    if first == '\'' {
        return Ok(Expr::Literal(Value::String(quoted(chars))));
    }
    if first == '[' {
        let items = list(chars, ']')?;
        let values: Vec<Value> = items
            .into_iter()
            .map(|e| if let Expr::Literal(v) = e { v } else { panic!("literal elements only") })
            .collect();
        let ty = values.iter().fold(DataType::Unknown, |t, v| convert::common_type(t, v.column_type().data_type));
        let values = values.iter().map(|v| convert::value(v, ty.sv()).unwrap()).collect();
        return Ok(Expr::Literal(Value::Array(ty, values)));
    }
    let mut word = String::new();
    while chars.peek().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+')) {
        word.extend(chars.next());
    }
    match chars.peek() {
        Some('\'') if word == "x" => return Ok(Expr::Literal(Value::Bytes(hex::decode(quoted(chars)).unwrap()))),
        Some('(') => {
            let args = list(chars, ')')?;
            let function = lookup(&word).ok_or(Error::UnknownFunction(word))?;
            let arguments: Vec<_> = args
                .iter()
                .map(|a| Argument { ty: a.ty(), constant: if let Expr::Literal(v) = a { Some(v) } else { None } })
                .collect();
            let ty = function.return_type(&arguments)?;
            return Ok(Expr::Call { function: function.name().to_owned(), args, ty });
        }
        _ => {}
    }
    Ok(Expr::Literal(match word.as_str() {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        "null" => Value::Null,
        number => {
            if let Some(decimal) = number.strip_suffix('m') {
                Value::BigDecimal(decimal.parse().unwrap())
            } else if let Ok(int) = number.parse::<i32>() {
                Value::Int(int)
            } else if let Ok(long) = number.parse::<i64>() {
                Value::Long(long)
            } else {
                Value::Double(number.parse().unwrap_or_else(|_| panic!("literal {number}")))
            }
        }
    }))
}

fn quoted(chars: &mut Peekable<Chars<'_>>) -> String {
    chars.next();
    let mut text = String::new();
    while let Some(c) = chars.next() {
        if c == '\'' {
            if chars.peek() != Some(&'\'') {
                break;
            }
            chars.next();
        }
        text.push(c);
    }
    text
}

fn list(chars: &mut Peekable<Chars<'_>>, end: char) -> Result<Vec<Expr>, Error> {
    chars.next();
    let mut items = Vec::new();
    loop {
        while chars.peek().is_some_and(|c| c.is_whitespace() || *c == ',') {
            chars.next();
        }
        if chars.peek() == Some(&end) {
            chars.next();
            return Ok(items);
        }
        items.push(parse(chars)?);
    }
}
