//! What a client is told when something is wrong.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

/// The JSON of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorStyle {
    /// `{"code":404,"error":"…"}` with permissive CORS headers.
    Controller,
    /// `{"code":404,"error":"…"}`.
    Broker,
    /// `{"message":"…","status":404}`, and any origin may read.
    Server,
}

impl ErrorStyle {
    pub(crate) fn body(self, status: StatusCode, message: &str) -> String {
        match self {
            Self::Controller | Self::Broker => {
                serde_json::json!({ "code": status.as_u16(), "error": message }).to_string()
            }
            Self::Server => serde_json::json!({ "message": message, "status": status.as_u16() }).to_string(),
        }
    }
}

/// An answer other than success: a status and a sentence for the user.
///
/// The body is written by the layer that [`super::finish`] puts around the routes, in the style of the role.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    status: StatusCode,
    message: String,
    plain: bool,
}

impl ApiError {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), plain: false }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// The message alone is the body, as it is for health checks and cancellations.
    pub fn as_text(mut self) -> Self {
        self.plain = true;
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Marks a response whose body has still to be written in the role's style.
#[derive(Clone)]
pub(crate) struct Unwritten(pub(crate) String);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        if self.plain {
            let text = http::HeaderValue::from_static("text/plain");
            response.headers_mut().insert(header::CONTENT_TYPE, text);
            *response.body_mut() = Body::from(self.message);
            response.extensions_mut().insert(Written);
        } else {
            response.extensions_mut().insert(Unwritten(self.message));
        }
        response
    }
}

/// Marks an error response whose body is already what the client expects.
#[derive(Clone)]
pub(crate) struct Written;
