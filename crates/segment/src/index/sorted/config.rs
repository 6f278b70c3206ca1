//! `sortedColumn` keeps the column's dictionary; whether the column is stored as runs is found in the data.
