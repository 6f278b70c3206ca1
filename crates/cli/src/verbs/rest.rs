//! HTTP to controllers and brokers, with the user's authorization.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use reqwest::{Method, RequestBuilder, StatusCode, header, multipart};
use serde_json::Value;

use super::flags::{AdminFlags, AuthFlags, ClusterFlags, ControllerFlags};

/// An answer must begin within this time; a large upload may take longer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// One role's HTTP API.
#[derive(Clone, Debug)]
pub struct Rest {
    base: String,
    what: &'static str,
    /// What says where it is, for errors.
    named_by: String,
    http: reqwest::Client,
    authorization: Option<header::HeaderValue>,
    database: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub text: String,
    request: String,
}

impl Answer {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.text).with_context(|| {
            format!("{} answered {}, which is not JSON: {}", self.request, self.status, cut(&self.text))
        })
    }

    /// The answer, unless it is a refusal; then a sentence with the reason that was given.
    pub fn ok(self) -> Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        let reason = serde_json::from_str::<Value>(&self.text)
            .ok()
            .and_then(|v| v["error"].as_str().map(str::to_owned))
            .unwrap_or_else(|| cut(&self.text).to_owned());
        let hint = match self.status.as_u16() {
            401 => " (give -user and -password, or -authToken)",
            _ => "",
        };
        bail!("{} was refused with {}: {reason}{hint}", self.request, self.status.as_u16())
    }
}

/// Long pages of foreign servers are cut.
fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(2000).map_or(text.len(), |(at, _)| at);
    text[..end].trim()
}

impl Rest {
    /// A client of `base` (`http://host:port`). `what` names it in errors: `controller`, `broker`.
    pub async fn new(base: impl Into<String>, what: &'static str, auth: &AuthFlags) -> Result<Self> {
        let base: String = base.into();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            bail!("`{base}` is no address of a {what}: the protocol must be http or https");
        }
        let http = client(false)?;
        let authorization = authorization(auth, &http).await?;
        let base = base.trim_end_matches('/').to_owned();
        let named_by = format!("-{what}Host and -{what}Port say where");
        Ok(Self { base, what, named_by, http, authorization, database: None })
    }

    pub async fn controller(controller: &ControllerFlags, auth: &AuthFlags) -> Result<Self> {
        Self::new(controller.url(), "controller", auth).await
    }

    pub async fn admin(flags: &AdminFlags) -> Result<Self> {
        let mut rest = Self::controller(&flags.controller, &flags.auth).await?;
        rest.database = flags.database.clone();
        if flags.skip_controller_cert_validation {
            rest.http = client(true)?;
        }
        Ok(rest)
    }

    /// The controller, after a look whether it is of the cluster that was named.
    pub async fn cluster(flags: &ClusterFlags) -> Result<Self> {
        let rest = Self::controller(&flags.controller, &flags.auth).await?;
        rest.of_cluster(flags.cluster_name.as_deref()).await?;
        Ok(rest)
    }

    /// Refuses when a cluster was named and the controller is of another.
    pub async fn of_cluster(&self, wanted: Option<&str>) -> Result<()> {
        let Some(wanted) = wanted else { return Ok(()) };
        let info = self.get_json("/cluster/info").await?;
        let found = info["clusterName"].as_str().unwrap_or_default();
        if found != wanted {
            bail!("the controller at {} is of cluster {found}, not {wanted}", self.base);
        }
        Ok(())
    }

    /// Another remark for when there is no answer.
    pub fn named_by(mut self, remark: &str) -> Self {
        remark.clone_into(&mut self.named_by);
        self
    }

    /// `http://host:port`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request to a path such as `/tables`, to be completed by the caller and given to [`Rest::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(value) = &self.authorization {
            request = request.header(header::AUTHORIZATION, value.clone());
        }
        if let Some(database) = &self.database {
            request = request.header("database", database);
        }
        request
    }

    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let (http, request) = request.build_split();
        let request = request?;
        let shown = format!("{} {}", request.method(), request.url().path());
        let answer = http.execute(request).await.with_context(|| {
            let Self { what, base, named_by, .. } = self;
            format!("no answer from the {what} at {base}: is it running there? {named_by}")
        })?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| format!("{shown}: the answer broke off"))?;
        Ok(Answer { status, text, request: shown })
    }

    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A GET whose answer is JSON and no refusal.
    pub async fn get_json(&self, path: &str) -> Result<Value> {
        self.get(path).await?.ok()?.json()
    }

    /// A GET that gives nothing where there is nothing.
    pub async fn find_json(&self, path: &str) -> Result<Option<Value>> {
        let answer = self.get(path).await?;
        if answer.status == StatusCode::NOT_FOUND { Ok(None) } else { answer.ok()?.json().map(Some) }
    }

    /// Names in an answer such as `{"tables": ["a", "b"]}`, or in a bare list.
    pub async fn names(&self, path: &str, key: &str) -> Result<Vec<String>> {
        let answer = self.get_json(path).await?;
        let list = answer.as_array().or_else(|| answer[key].as_array());
        let list = list.with_context(|| format!("GET {path} answered without a list of names"))?;
        Ok(list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }

    pub async fn post_json(&self, path: &str, body: impl Into<String>) -> Result<Answer> {
        self.json(Method::POST, path, body.into()).await
    }

    pub async fn put_json(&self, path: &str, body: impl Into<String>) -> Result<Answer> {
        self.json(Method::PUT, path, body.into()).await
    }

    async fn json(&self, method: Method, path: &str, body: String) -> Result<Answer> {
        let request = self.request(method, path).header(header::CONTENT_TYPE, "application/json").body(body);
        self.send(request).await
    }

    pub async fn post_form(&self, path: &str, form: multipart::Form) -> Result<Answer> {
        self.send(self.request(Method::POST, path).multipart(form)).await
    }
}

/// A path of parts that may hold any character: `/tables/a%2Fb`.
pub fn path(parts: &[&str]) -> String {
    let mut out = String::new();
    for part in parts {
        out.push('/');
        for byte in part.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
                other => {
                    let _ = write!(out, "%{other:02X}");
                }
            }
        }
    }
    out
}

fn client(any_certificate: bool) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(ANSWER_TIMEOUT);
    builder.tls_danger_accept_invalid_certs(any_certificate).build().context("set up HTTP")
}

/// The value of the Authorization header as text, for those who send their own requests.
pub async fn authorization_text(auth: &AuthFlags) -> Result<Option<String>> {
    let value = authorization(auth, &client(false)?).await?;
    value.map(|value| value.to_str().map(str::to_owned).context("the token is not a text")).transpose()
}

/// The value of the Authorization header: from a URL, a token, or user and password, in this order.
async fn authorization(auth: &AuthFlags, http: &reqwest::Client) -> Result<Option<header::HeaderValue>> {
    let token = match (&auth.auth_token_url, &auth.auth_token, &auth.user) {
        (Some(url), ..) => Some(with_scheme(&fetch_token(url, http).await?, "Bearer")),
        (_, Some(token), _) => Some(with_scheme(token, "Basic")),
        (_, _, Some(user)) => {
            let password = auth.password.as_deref().unwrap_or_default();
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            Some(format!("Basic {pair}"))
        }
        (None, None, None) => None,
    };
    let Some(token) = token else { return Ok(None) };
    let mut value =
        header::HeaderValue::from_str(&token).context("the token holds characters that cannot be in a header")?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// A token of two words has its scheme already.
fn with_scheme(token: &str, scheme: &str) -> String {
    let token = token.trim();
    if token.contains(' ') { token.to_owned() } else { format!("{scheme} {token}") }
}

async fn fetch_token(url: &str, http: &reqwest::Client) -> Result<String> {
    let token = if url.starts_with("http://") || url.starts_with("https://") {
        let answer = http.get(url).send().await.with_context(|| format!("fetch the token from {url}"))?;
        let status = answer.status();
        if !status.is_success() {
            bail!("fetch the token from {url}: {status}");
        }
        answer.text().await?
    } else {
        let path = super::flags::local_path(std::path::Path::new(url));
        std::fs::read_to_string(&path).with_context(|| format!("read the token from {}", path.display()))?
    };
    let token = token.trim().to_owned();
    if token.is_empty() {
        bail!("-authTokenUrl {url} holds no token");
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn authorization_is_taken_from_the_strongest_source() {
        let http = reqwest::Client::new();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc\n").unwrap();
        let some = |s: &str| Some(s.to_owned());
        let url = Some(format!("file://{}", file.path().display()));
        for (flags, header) in [
            (AuthFlags::default(), None),
            (
                AuthFlags { user: some("admin"), password: some("verysecret"), ..Default::default() },
                some("Basic YWRtaW46dmVyeXNlY3JldA=="),
            ),
            (AuthFlags { user: some("u"), auth_token: some("Bearer x"), ..Default::default() }, some("Bearer x")),
            (AuthFlags { auth_token: some("YQ=="), ..Default::default() }, some("Basic YQ==")),
            (AuthFlags { auth_token: some("x"), auth_token_url: url, ..Default::default() }, some("Bearer abc")),
        ] {
            let value = authorization(&flags, &http).await.unwrap();
            assert_eq!(value.map(|v| v.to_str().unwrap().to_owned()), header, "{flags:?}");
        }
    }

    #[test]
    fn names_cannot_leave_their_place_in_a_path() {
        assert_eq!(path(&["tables", "a/../b?c#d é", "x_1.y"]), "/tables/a%2F..%2Fb%3Fc%23d%20%C3%A9/x_1.y");
    }
}
