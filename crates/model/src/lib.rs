//! The vocabulary of every other crate: schemas, table configs, names, data types, values, error codes.
//!
//! Pure values: no I/O, no async, nothing of ours below it. The JSON of schemas and table configs is
//! Apache Pinot's, read and written back with unknown keys kept.

pub mod bloom;
pub mod data_type;
pub mod date_time;
pub mod error_code;
pub mod names;
pub mod order;
pub mod parse;
pub mod partition;
pub mod period;
pub mod render;
pub mod schema;
pub mod suggest;
pub mod table_config;
pub mod value;

pub use data_type::{ColumnType, DataType, FieldRole};
pub use date_time::{DateTimeFormat, Granularity, TimeZone};
pub use error_code::ErrorCode;
pub use names::{
    InstanceId, InstanceRole, LlcSegmentName, NameError, RawTableName, SegmentName, TableNameWithType, TableType,
    TenantName, split_table_name,
};
pub use order::ValueKey;
pub use parse::{ConvertError, parse_value};
pub use partition::{PartitionError, PartitionFunction};
pub use period::{TimeUnit, parse_data_size, parse_period};
pub use schema::{FieldSpec, MaxLengthExceedStrategy, Schema, SchemaError};
pub use table_config::{
    BloomConfig, IndexingConfig, IngestionConfig, PartitionConfig, TableConfig, TableConfigError, ValidationError,
    validate_hybrid_pair, validate_table,
};
pub use value::Value;
