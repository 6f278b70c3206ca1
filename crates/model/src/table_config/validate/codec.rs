//! Which compression codec fits which column.

use super::Errors;
use crate::{DataType, FieldSpec};

/// Checks the codec of one column. `raw` says whether the column has no dictionary.
pub(super) fn check(codec: &str, spec: &FieldSpec, raw: bool, at: &str, errors: &mut Errors) {
    let column = &spec.name;
    let stored = spec.data_type.stored();
    let advice = match codec {
        "MV_ENTRY_DICT" if raw => "dictionary encoded columns",
        "MV_ENTRY_DICT" => return,
        "DELTA" | "DELTADELTA" if spec.multi_value || !matches!(stored, DataType::Int | DataType::Long) => {
            "single-value columns of type INT or LONG"
        }
        _ if codec.starts_with("CLP") && stored != DataType::String => "columns of stored type STRING",
        _ if !raw => "raw columns, without a dictionary",
        _ => return,
    };
    errors.add(
        at,
        format!("Compression codec {codec} can only be used on {advice}, column: {column}"),
        if raw || codec == "MV_ENTRY_DICT" {
            "choose another codec"
        } else {
            "set encodingType RAW or choose another codec"
        },
    );
}
