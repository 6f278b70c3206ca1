//! Values as text in headers, plans and option strings.

use std::borrow::Cow;

use model::Value;

/// The text of a literal inside a header, without quotes.
pub(crate) fn value_text(value: &Value) -> Cow<'_, str> {
    Cow::Owned(match value {
        Value::Null => "null".to_owned(),
        Value::Int(v) => v.to_string(),
        Value::Long(v) | Value::Timestamp(v) => v.to_string(),
        Value::Float(v) => java_float(*v),
        Value::Double(v) => java_double(*v),
        Value::BigDecimal(v) => v.to_plain_string(),
        Value::Boolean(v) => v.to_string(),
        Value::String(v) | Value::Json(v) | Value::Map(v) => return Cow::Borrowed(v),
        Value::Bytes(v) => hex::encode(v),
        Value::Array(_, items) => {
            let items: Vec<_> = items.iter().map(value_text).collect();
            format!("[{}]", items.join(", "))
        }
    })
}

/// A literal that stands alone in the select list: strings keep their quotes.
pub(crate) fn bare_literal_text(value: &Value) -> String {
    match value {
        Value::String(_) | Value::Json(_) | Value::Bytes(_) | Value::Map(_) => format!("'{}'", value_text(value)),
        _ => value_text(value).into_owned(),
    }
}

/// Java's text of a double: at least one fraction digit, `E` outside of 1e-3 .. 1e7.
pub(crate) fn java_double(value: f64) -> String {
    java_number(value, &mut ryu::Buffer::new(), |buffer, v| buffer.format_finite(v).to_owned(), f64::abs(value))
}

fn java_float(value: f32) -> String {
    java_number(value, &mut ryu::Buffer::new(), |buffer, v| buffer.format_finite(v).to_owned(), f64::from(value.abs()))
}

fn java_number<T: Copy + Into<f64>>(
    value: T,
    buffer: &mut ryu::Buffer,
    shortest: impl Fn(&mut ryu::Buffer, T) -> String,
    magnitude: f64,
) -> String {
    let wide: f64 = value.into();
    if wide.is_nan() {
        return "NaN".to_owned();
    }
    if wide.is_infinite() {
        return if wide > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if magnitude == 0.0 {
        return if wide.is_sign_negative() { "-0.0" } else { "0.0" }.to_owned();
    }
    let text = shortest(buffer, value);
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().unwrap_or(0)),
        None => (text.as_str(), 0),
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let digits = all.trim_start_matches('0').trim_end_matches('0');
    // The value is 0.digits * 10^point.
    let point = whole.len() as i32 - leading as i32 + exponent;
    if (1e-3..1e7).contains(&magnitude) {
        let (before, after) = if point <= 0 {
            ("0".to_owned(), format!("{}{digits}", "0".repeat(point.unsigned_abs() as usize)))
        } else if digits.len() as i32 <= point {
            (format!("{digits}{}", "0".repeat(point as usize - digits.len())), "0".to_owned())
        } else {
            (digits[..point as usize].to_owned(), digits[point as usize..].to_owned())
        };
        format!("{sign}{before}.{after}")
    } else {
        let rest = if digits.len() > 1 { &digits[1..] } else { "0" };
        format!("{sign}{}.{rest}E{}", &digits[..1], point - 1)
    }
}
