//! Raw values to the types of the schema.
//!
//! [`ColumnWriter`] collects one column: values are standardised (lists, maps), converted, their special values
//! replaced and texts cut to what the column may hold. Where there is no value the Arrow slot is null; the segment's
//! creator puts the default there. A value that cannot be converted is a reason, and the slot stays null.

mod json;
mod rules;
mod scalar;
mod text;
mod vector;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use self::writer::{special_double, special_float};
pub use self::{
    rules::ColumnRules,
    text::text_column,
    vector::{field_of_value, field_of_vector},
    writer::ColumnWriter,
};

/// A value that cannot be stored: the row in its batch and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub row: usize,
    pub reason: String,
}
