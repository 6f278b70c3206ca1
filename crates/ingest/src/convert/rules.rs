//! What a column asks of its values, computed once from the schema.

use model::{DataType, FieldSpec, MaxLengthExceedStrategy, Value};

/// One column of the schema, ready for conversion.
#[derive(Clone, Debug)]
pub struct ColumnRules {
    pub name: String,
    pub data_type: DataType,
    pub multi_value: bool,
    /// Longest text (UTF-16 units) or byte value; `usize::MAX` where nothing limits it.
    pub max_length: usize,
    pub exceed: MaxLengthExceedStrategy,
    pub default: Value,
    pub keep_trailing_zeros: bool,
}

impl ColumnRules {
    pub fn new(field: &FieldSpec) -> Self {
        let exceed = field.effective_exceed_strategy();
        let limit = field.effective_max_length().filter(|_| exceed != MaxLengthExceedStrategy::NoAction);
        Self {
            name: field.name.clone(),
            data_type: field.data_type,
            multi_value: field.multi_value,
            max_length: limit.map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX)),
            exceed,
            default: field.default_null_value.clone(),
            keep_trailing_zeros: field.allow_trailing_zeros,
        }
    }

    /// JSON and MAP take lists and maps as they are.
    pub(super) fn keeps_nested(&self) -> bool {
        matches!(self.data_type, DataType::Json | DataType::Map | DataType::List | DataType::Struct)
    }
}
