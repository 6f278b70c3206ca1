//! Avro schemas.

use std::collections::HashMap;

use model::{DataType, parse::MAX_DECIMAL_SCALE};
use serde_json::Value;

use crate::format::Shape;

const MAX_SHAPES: u32 = 100_000;

/// Index of a type in its schema.
pub(super) type TypeId = usize;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(Vec<String>),
    List(TypeId),
    Map(TypeId),
    Union(Vec<TypeId>),
    Record(Vec<(String, TypeId)>),
    /// Unscaled big-endian bytes, of a fixed length or with their length before them.
    Decimal {
        fixed: Option<usize>,
        scale: i64,
    },
    TimestampMillis,
    TimestampMicros,
    Date,
    TimeMillis,
    TimeMicros,
}

/// All types of a schema; the first is the root.
#[derive(Debug)]
pub(super) struct AvroSchema {
    types: Vec<Type>,
}

impl AvroSchema {
    /// Reads a schema's JSON. With `logical` the annotated types get their meaning, otherwise they stay raw.
    pub fn parse(json: &str, logical: bool) -> Result<Self, String> {
        let value: Value = serde_json::from_str(json).map_err(|e| format!("its schema is not JSON: {e}"))?;
        let mut builder = Builder { types: Vec::new(), named: HashMap::new(), logical };
        builder.add(&value, "", 0)?;
        Ok(Self { types: builder.types })
    }

    pub fn root(&self) -> &Type {
        self.get(0)
    }

    pub fn get(&self, id: TypeId) -> &Type {
        self.types.get(id).unwrap_or(&Type::Null)
    }

    /// The kinds of values that it describes.
    pub fn shape(&self) -> Result<Shape, String> {
        self.shape_of(0, &mut Vec::new(), &mut { MAX_SHAPES })
    }

    fn shape_of(&self, id: TypeId, inside: &mut Vec<TypeId>, left: &mut u32) -> Result<Shape, String> {
        if inside.contains(&id) {
            return Err("its schema has a record that holds itself, which no columns can show".to_owned());
        }
        // Types that are named again and again can unfold to any number.
        *left = left.checked_sub(1).ok_or_else(|| format!("its schema unfolds to more than {MAX_SHAPES} fields"))?;
        inside.push(id);
        let mut child = |id: TypeId| self.shape_of(id, inside, left);
        let shape = match self.get(id) {
            Type::Null => Shape::Null,
            Type::Boolean => Shape::Scalar(DataType::Boolean),
            Type::Int | Type::Date | Type::TimeMillis => Shape::Scalar(DataType::Int),
            Type::Long | Type::TimestampMillis | Type::TimestampMicros | Type::TimeMicros => {
                Shape::Scalar(DataType::Long)
            }
            Type::Float => Shape::Scalar(DataType::Float),
            Type::Double => Shape::Scalar(DataType::Double),
            Type::Bytes | Type::Fixed(_) | Type::Decimal { .. } => Shape::Scalar(DataType::Bytes),
            Type::Text | Type::Enum(_) => Shape::Scalar(DataType::String),
            Type::List(item) => Shape::List(Box::new(child(*item)?)),
            Type::Map(_) => Shape::Map,
            Type::Union(branches) => Shape::Union(branches.iter().map(|b| child(*b)).collect::<Result<_, _>>()?),
            Type::Record(fields) => {
                let fields = fields.iter().map(|(name, ty)| Ok((name.clone(), child(*ty)?)));
                Shape::Record(fields.collect::<Result<_, String>>()?)
            }
        };
        inside.pop();
        Ok(shape)
    }
}

struct Builder {
    types: Vec<Type>,
    named: HashMap<String, TypeId>,
    logical: bool,
}

impl Builder {
    fn reserve(&mut self) -> TypeId {
        self.types.push(Type::Null);
        self.types.len() - 1
    }

    fn plain(&mut self, ty: Type) -> TypeId {
        self.types.push(ty);
        self.types.len() - 1
    }

    fn add(&mut self, value: &Value, namespace: &str, depth: u32) -> Result<TypeId, String> {
        if depth > 100 {
            return Err("its schema is nested too deeply".to_owned());
        }
        match value {
            Value::String(name) => self.by_name(name, namespace),
            Value::Array(branches) => {
                let id = self.reserve();
                let branches = branches.iter().map(|b| self.add(b, namespace, depth + 1)).collect::<Result<_, _>>()?;
                self.types[id] = Type::Union(branches);
                Ok(id)
            }
            Value::Object(object) => self.object(object, namespace, depth),
            _ => Err(format!("its schema has {value} where a type should be")),
        }
    }

    fn by_name(&mut self, name: &str, namespace: &str) -> Result<TypeId, String> {
        let primitive = match name {
            "null" => Some(Type::Null),
            "boolean" => Some(Type::Boolean),
            "int" => Some(Type::Int),
            "long" => Some(Type::Long),
            "float" => Some(Type::Float),
            "double" => Some(Type::Double),
            "bytes" => Some(Type::Bytes),
            "string" => Some(Type::Text),
            _ => None,
        };
        if let Some(ty) = primitive {
            return Ok(self.plain(ty));
        }
        let full = full_name(name, namespace);
        let known = self.named.get(&full).or_else(|| self.named.get(name));
        known.copied().ok_or_else(|| format!("its schema names the unknown type '{name}'"))
    }

    fn object(
        &mut self,
        object: &serde_json::Map<String, Value>,
        namespace: &str,
        depth: u32,
    ) -> Result<TypeId, String> {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let Some(kind) = text("type") else {
            // {"type": {…}} and {"type": […]} are what is inside.
            let inner = object.get("type").ok_or("its schema has a type without \"type\"")?;
            return self.add(inner, namespace, depth + 1);
        };
        let logical = text("logicalType").filter(|_| self.logical).unwrap_or("");
        let child = |key: &str| object.get(key).ok_or_else(|| format!("its schema has {kind} without \"{key}\""));
        let id = match kind {
            "record" | "error" => {
                let id = self.reserve();
                let full = self.declare(object, namespace, id);
                let inner = full.rsplit_once('.').map_or("", |(space, _)| space).to_owned();
                let mut fields = Vec::new();
                for field in child("fields")?.as_array().into_iter().flatten() {
                    let name =
                        field.get("name").and_then(Value::as_str).ok_or("its schema has a field without name")?;
                    let ty = field.get("type").ok_or_else(|| format!("its schema has no type for field '{name}'"))?;
                    fields.push((name.to_owned(), self.add(ty, &inner, depth + 1)?));
                }
                self.types[id] = Type::Record(fields);
                return Ok(id);
            }
            "enum" => {
                let symbols = child("symbols")?.as_array().into_iter().flatten();
                let symbols = symbols.map(|s| s.as_str().unwrap_or_default().to_owned()).collect();
                let id = self.plain(Type::Enum(symbols));
                self.declare(object, namespace, id);
                return Ok(id);
            }
            "fixed" => {
                let size = child("size")?.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
                let ty = if logical == "decimal" {
                    Type::Decimal { fixed: Some(size), scale: scale(object)? }
                } else {
                    Type::Fixed(size)
                };
                let id = self.plain(ty);
                self.declare(object, namespace, id);
                return Ok(id);
            }
            "array" => {
                let id = self.reserve();
                let items = self.add(child("items")?, namespace, depth + 1)?;
                self.types[id] = Type::List(items);
                return Ok(id);
            }
            "map" => {
                let id = self.reserve();
                let values = self.add(child("values")?, namespace, depth + 1)?;
                self.types[id] = Type::Map(values);
                return Ok(id);
            }
            _ => self.by_name(kind, namespace)?,
        };
        let annotated = match (kind, logical) {
            ("bytes", "decimal") => Type::Decimal { fixed: None, scale: scale(object)? },
            ("int", "date") => Type::Date,
            ("int", "time-millis") => Type::TimeMillis,
            ("long", "time-micros") => Type::TimeMicros,
            ("long", "timestamp-millis" | "local-timestamp-millis") => Type::TimestampMillis,
            ("long", "timestamp-micros" | "local-timestamp-micros") => Type::TimestampMicros,
            _ => return Ok(id),
        };
        Ok(self.plain(annotated))
    }

    fn declare(&mut self, object: &serde_json::Map<String, Value>, namespace: &str, id: TypeId) -> String {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let full = full_name(text("name").unwrap_or_default(), text("namespace").unwrap_or(namespace));
        self.named.insert(full.clone(), id);
        full
    }
}

fn scale(object: &serde_json::Map<String, Value>) -> Result<i64, String> {
    let scale = object.get("scale").and_then(Value::as_i64).unwrap_or(0);
    if (0..=MAX_DECIMAL_SCALE).contains(&scale) {
        return Ok(scale);
    }
    Err(format!("its schema has a decimal of scale {scale}, expected 0 to {MAX_DECIMAL_SCALE}"))
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}
