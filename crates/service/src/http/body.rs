//! Request bodies as a whole, and JSON answers.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;

use super::ApiError;

/// The whole body, at most `limit` bytes of it.
pub async fn collect(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_limit(&*error) => Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the request body is larger than {limit} bytes, the most that is taken here"),
        )),
        Err(error) => Err(ApiError::bad_request(format!("the request body could not be read: {error}"))),
    }
}

fn is_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// A JSON answer; `pretty` indents it by two blanks as some endpoints do.
pub struct Json<T> {
    value: T,
    pretty: bool,
}

impl<T: Serialize> Json<T> {
    pub fn new(value: T) -> Self {
        Self { value, pretty: false }
    }

    pub fn pretty(value: T) -> Self {
        Self { value, pretty: true }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let text = if self.pretty { pretty(&self.value) } else { serde_json::to_vec(&self.value) };
        match text {
            Ok(text) => {
                let mut response = Response::new(Body::from(text));
                response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Err(error) => {
                ApiError::internal(format!("the answer could not be written as JSON: {error}")).into_response()
            }
        }
    }
}

fn pretty<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec_pretty(value)
}
