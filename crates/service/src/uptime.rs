//! `/uptime` and `/start-time`, the same at every role.

use std::time::{Instant, SystemTime};

use axum::Router;
use axum::routing::get;

/// `GET /uptime`: whole seconds since now; `GET /start-time`: now, as an ISO 8601 text in UTC. Both plain text.
pub fn routes() -> Router {
    let started = Instant::now();
    let start_time = iso(SystemTime::now());
    Router::new()
        .route("/uptime", get(move || async move { started.elapsed().as_secs().to_string() }))
        .route("/start-time", get(move || async move { start_time }))
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(uptime, start_time))]
struct Document;

/// Describes [`routes`].
pub fn document() -> utoipa::openapi::OpenApi {
    <Document as utoipa::OpenApi>::openapi()
}

/// Seconds since the start
#[utoipa::path(get, path = "/uptime", tag = "Health",
    responses((status = 200, body = String, content_type = "text/plain")))]
#[expect(dead_code, reason = "carries the description alone")]
fn uptime() {}

/// Time of the start
#[utoipa::path(get, path = "/start-time", tag = "Health",
    responses((status = 200, body = String, content_type = "text/plain")))]
#[expect(dead_code, reason = "carries the description alone")]
fn start_time() {}

fn iso(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", since.subsec_nanos())
}

/// Year, month and day of a day after 1970-01-01, by the Gregorian calendar. Years begin in March here, so that the
/// leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_iso() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_399, 5, "2000-02-28T23:59:59.000000005Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000000000Z"),
            (1_795_395_380, 58_214_412, "2026-11-23T00:56:20.058214412Z"),
        ] {
            assert_eq!(iso(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos)), text);
        }
    }
}
