//! The null vector has no settings of its own: `nullHandlingEnabled` of the table, or column-based null handling of
//! the schema, turns it on.
