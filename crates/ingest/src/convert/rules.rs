//! What a column asks of its values, computed once from the schema.

use std::sync::{Mutex, PoisonError};

use crate::pipeline::texts_fit;
use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::Int32Type,
};
use model::{DataType, FieldSpec, MaxLengthExceedStrategy, Value};

/// One column of the schema, ready for conversion.
#[derive(Debug)]
pub struct ColumnRules {
    pub name: String,
    pub data_type: DataType,
    pub multi_value: bool,
    /// Longest text (UTF-16 units) or byte value; `usize::MAX` where nothing limits it.
    pub max_length: usize,
    pub exceed: MaxLengthExceedStrategy,
    pub default: Value,
    pub keep_trailing_zeros: bool,
    /// Texts may stay references to a dictionary.
    pub passes_dictionaries: bool,
    /// The dictionary whose texts were last seen to fit; the batches of a file share theirs.
    fitting: Mutex<Option<ArrayRef>>,
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
            passes_dictionaries: field.data_type == DataType::String && !field.multi_value,
            fitting: Mutex::new(None),
        }
    }

    /// Rules of a value that functions take: nothing is cut and nothing replaced.
    pub fn of_argument(data_type: DataType, multi_value: bool) -> Self {
        Self {
            name: String::new(),
            data_type,
            multi_value,
            max_length: usize::MAX,
            exceed: MaxLengthExceedStrategy::NoAction,
            default: Value::Null,
            keep_trailing_zeros: true,
            passes_dictionaries: false,
            fitting: Mutex::new(None),
        }
    }

    /// Whether all texts of a dictionary array can be stored as they are.
    pub fn dictionary_fits(&self, array: &ArrayRef) -> bool {
        let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() else { return false };
        let values = dictionary.values();
        let known = self.fitting.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_some_and(|known| is_same_text(&known, values)) {
            return true;
        }
        if !texts_fit(values, self) {
            return false;
        }
        *self.fitting.lock().unwrap_or_else(PoisonError::into_inner) = Some(values.clone());
        true
    }

    /// JSON and MAP take lists and maps as they are.
    pub(super) fn keeps_nested(&self) -> bool {
        matches!(self.data_type, DataType::Json | DataType::Map | DataType::List | DataType::Struct)
    }
}

/// Whether two arrays are views of the same texts in memory.
fn is_same_text(a: &ArrayRef, b: &ArrayRef) -> bool {
    let (Some(a), Some(b)) = (a.as_string_opt::<i32>(), b.as_string_opt::<i32>()) else { return false };
    let place =
        |texts: &arrow::array::StringArray| (texts.value_data().as_ptr(), texts.value_offsets().as_ptr(), texts.len());
    place(a) == place(b)
}
