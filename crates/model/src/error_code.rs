//! The one table of error codes: Pinot's number and name, HTTP status, gRPC code, whether a retry can help.

use std::fmt;

use serde::{Deserialize, Serialize};

/// gRPC status codes by number, so that this crate needs no gRPC library.
pub mod grpc {
    pub const CANCELLED: i32 = 1;
    pub const INVALID_ARGUMENT: i32 = 3;
    pub const DEADLINE_EXCEEDED: i32 = 4;
    pub const NOT_FOUND: i32 = 5;
    pub const ALREADY_EXISTS: i32 = 6;
    pub const PERMISSION_DENIED: i32 = 7;
    pub const RESOURCE_EXHAUSTED: i32 = 8;
    pub const FAILED_PRECONDITION: i32 = 9;
    pub const INTERNAL: i32 = 13;
    pub const UNAVAILABLE: i32 = 14;
    pub const UNAUTHENTICATED: i32 = 16;
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $http:literal, $grpc:ident, $retry:literal;)*) => {
        /// Why a query failed, as clients see it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The `errorCode` of a response.
            pub const fn number(self) -> i32 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The name that stands before the message; empty for 305.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $http,)* }
            }

            /// A code of [`grpc`].
            pub const fn grpc_code(self) -> i32 {
                match self { $(Self::$variant => grpc::$grpc,)* }
            }

            /// Whether the same request may succeed a little later or on another replica.
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$variant => $retry,)* }
            }

            /// The code of a number; unknown numbers are [`Self::Unknown`].
            pub const fn from_number(number: i32) -> Self {
                match number { $($number => Self::$variant,)* _ => Self::Unknown }
            }
        }
    };
}

error_codes! {
    JsonParsing = 100, "JsonParsingError", 400, INVALID_ARGUMENT, false;
    SqlParsing = 150, "SQLParsingError", 400, INVALID_ARGUMENT, false;
    TimeseriesParsing = 155, "TimeseriesParsingError", 400, INVALID_ARGUMENT, false;
    SqlRuntime = 160, "SQLRuntimeError", 500, INTERNAL, false;
    AccessDenied = 180, "AccessDenied", 403, PERMISSION_DENIED, false;
    TableDoesNotExist = 190, "TableDoesNotExistError", 404, NOT_FOUND, false;
    TableIsDisabled = 191, "TableIsDisabledError", 404, FAILED_PRECONDITION, false;
    QueryExecution = 200, "QueryExecutionError", 500, INTERNAL, false;
    ServerShuttingDown = 210, "ServerShuttingDown", 503, UNAVAILABLE, true;
    ServerOutOfCapacity = 211, "ServerOutOfCapacity", 503, RESOURCE_EXHAUSTED, true;
    ServerTableMissing = 230, "ServerTableMissing", 404, NOT_FOUND, true;
    ServerSegmentMissing = 235, "ServerSegmentMissing", 404, NOT_FOUND, true;
    QuerySchedulingTimeout = 240, "QuerySchedulingTimeoutError", 408, DEADLINE_EXCEEDED, true;
    ServerResourceLimitExceeded = 245, "ServerResourceLimitExceededError", 503, RESOURCE_EXHAUSTED, false;
    ExecutionTimeout = 250, "ExecutionTimeoutError", 408, DEADLINE_EXCEEDED, true;
    /// Some segments of the table have no live replica.
    SegmentsUnavailable = 305, "", 503, UNAVAILABLE, true;
    BrokerTimeout = 400, "BrokerTimeoutError", 408, DEADLINE_EXCEEDED, true;
    BrokerResourceMissing = 410, "BrokerResourceMissingError", 503, UNAVAILABLE, true;
    BrokerInstanceMissing = 420, "BrokerInstanceMissingError", 503, UNAVAILABLE, true;
    BrokerRequestSend = 425, "BrokerRequestSend", 503, UNAVAILABLE, true;
    ServerNotResponding = 427, "ServerNotResponding", 503, UNAVAILABLE, true;
    TooManyRequests = 429, "TooManyRequests", 429, RESOURCE_EXHAUSTED, true;
    Internal = 450, "InternalError", 500, INTERNAL, false;
    MergeResponse = 500, "MergeResponseError", 500, INTERNAL, false;
    QueryCancellation = 503, "QueryCancellationError", 503, CANCELLED, false;
    RemoteClusterUnavailable = 510, "RemoteClusterUnavailable", 503, UNAVAILABLE, true;
    QueryValidation = 700, "QueryValidationError", 400, INVALID_ARGUMENT, false;
    UnknownColumn = 710, "UnknownColumnError", 400, INVALID_ARGUMENT, false;
    QueryPlanning = 720, "QueryPlanningError", 400, INVALID_ARGUMENT, false;
    Unknown = 1000, "UnknownError", 500, INTERNAL, false;
}

impl ErrorCode {
    /// A broker-made message: `<Name>: <detail>`, the bare name without detail, the bare detail without a name.
    pub fn message(self, detail: &str) -> String {
        match (self.name(), detail) {
            ("", detail) => detail.to_owned(),
            (name, "") => name.to_owned(),
            (name, detail) => format!("{name}: {detail}"),
        }
    }

    /// Mistakes of the client, which do not count as failures of the broker.
    pub const fn is_client_error(self) -> bool {
        matches!(
            self,
            Self::AccessDenied
                | Self::JsonParsing
                | Self::QueryCancellation
                | Self::QueryValidation
                | Self::ServerOutOfCapacity
                | Self::ServerResourceLimitExceeded
                | Self::SqlParsing
                | Self::TableDoesNotExist
                | Self::TableIsDisabled
                | Self::UnknownColumn
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(self.number())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i32::deserialize(deserializer).map(Self::from_number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_round_trip() {
        let mut seen = std::collections::BTreeSet::new();
        for &code in ErrorCode::ALL {
            assert!(seen.insert(code.number()));
            assert_eq!(ErrorCode::from_number(code.number()), code);
            assert!((400..=599).contains(&code.http_status()));
        }
        assert_eq!(ErrorCode::from_number(12345), ErrorCode::Unknown);
    }

    #[test]
    fn messages() {
        assert_eq!(ErrorCode::TableDoesNotExist.message(""), "TableDoesNotExistError");
        assert_eq!(ErrorCode::UnknownColumn.message("x"), "UnknownColumnError: x");
        assert_eq!(ErrorCode::SegmentsUnavailable.message("2 segments unavailable"), "2 segments unavailable");
        assert_eq!(serde_json::to_string(&ErrorCode::QueryValidation).unwrap(), "700");
    }
}
