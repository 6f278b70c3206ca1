//! JSON text with numbers the way Java writes them.

use model::render;
use serde_json::Value as Json;

/// The compact text of a JSON value.
pub fn to_text(value: &Json) -> String {
    let mut out = String::new();
    push(&mut out, value);
    out
}

/// A text value itself, any other as JSON.
pub fn raw_or_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => to_text(other),
    }
}

fn push(out: &mut String, value: &Json) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Json::Number(n) => match n.as_f64() {
            Some(double) if n.is_f64() => out.push_str(&render::java_double(double)),
            _ => out.push_str(&n.to_string()),
        },
        Json::String(text) => render::push_json_string(out, text),
        Json::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                push(out, item);
            }
            out.push(']');
        }
        Json::Object(fields) => {
            out.push('{');
            for (at, (key, item)) in fields.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                render::push_json_string(out, key);
                out.push(':');
                push(out, item);
            }
            out.push('}');
        }
    }
}
