//! HTTP to places that somebody else has named, and where such a name may lead.
//!
//! A request that names an address makes this process a client inside its own network. [`Reach`] says how far it may
//! go. It is looked at where it counts: for every address that a name resolves to, at the moment of connecting, and
//! again for every redirect.

mod reach;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use object_store::{
    ClientOptions,
    client::{HttpClient, HttpConnector},
};
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};

pub use reach::Reach;

use crate::Error;

const CONNECT: Duration = Duration::from_secs(5);
/// A transfer that stands still for so long has failed.
const STALL: Duration = Duration::from_secs(60);
const MAX_REDIRECTS: usize = 5;

/// An HTTP client that does not go beyond `reach`. The first address is for the caller to check, with [`check`].
pub fn client(reach: Reach) -> Result<reqwest::Client, Error> {
    builder(reach, STALL).build().map_err(|error| Error::Http { url: String::new(), reason: error_text(&error) })
}

fn builder(reach: Reach, stall: Duration) -> reqwest::ClientBuilder {
    let redirect = Policy::custom(move |attempt| {
        if attempt.previous().len() > MAX_REDIRECTS {
            return attempt.error(format!("more than {MAX_REDIRECTS} redirects"));
        }
        match check(attempt.url(), reach) {
            Ok(()) => attempt.follow(),
            Err(error) => attempt.error(error.to_string()),
        }
    });
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(stall)
        .redirect(redirect)
        .tcp_nodelay(true)
        .no_proxy()
        .dns_resolver(Arc::new(Guarded(reach)))
}

/// Refuses an address that is written as numbers and lies beyond `reach`. Names are looked at when they are resolved.
pub fn check(url: &Url, reach: Reach) -> Result<(), Error> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Error::Refused {
            what: url.to_string(),
            reason: format!("its scheme '{}' is neither http nor https", url.scheme()),
        });
    }
    let ip = match url.host_str().map(|host| host.trim_start_matches('[').trim_end_matches(']').parse()) {
        Some(Ok(ip)) => ip,
        Some(Err(_)) => return Ok(()),
        None => return Err(Error::Refused { what: url.to_string(), reason: "it names no host".to_owned() }),
    };
    if reach.allows(ip) { Ok(()) } else { Err(reach.refusal(url.host_str().unwrap_or_default(), ip)) }
}

/// Gives only addresses that may be connected to.
struct Guarded(Reach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if let Some(beyond) = found.iter().find(|address| !reach.allows(address.ip())) {
                return Err(reach.refusal(name.as_str(), beyond.ip()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Makes clients of this module for object stores.
#[derive(Debug)]
pub(crate) struct Connector(pub Reach);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed = |source: reqwest::Error| object_store::Error::Generic { store: "HTTP", source: source.into() };
        Ok(HttpClient::new(builder(self.0, STALL).build().map_err(failed)?))
    }
}

/// An error with what it came from, in one line, each part once.
pub(crate) fn error_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let part = source.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_addresses_are_checked() {
        for (url, reach, allowed) in [
            ("http://169.254.169.254/latest/meta-data", Reach::Site, false),
            ("http://[::ffff:169.254.169.254]/", Reach::Site, false),
            ("http://[fe80::1]/", Reach::Site, false),
            ("http://127.0.0.1:9000/", Reach::Site, true),
            ("http://127.0.0.1:9000/", Reach::Public, false),
            ("http://2130706433/", Reach::Public, false),
            ("http://0x7f.1/", Reach::Public, false),
            ("http://[::1]/", Reach::Public, false),
            ("http://10.0.0.8/", Reach::Public, false),
            ("https://192.0.2.1/", Reach::Public, false),
            ("https://93.184.216.34/", Reach::Public, true),
            ("http://169.254.169.254/", Reach::Any, true),
            ("https://example.org/", Reach::Public, true),
            ("ftp://example.org/", Reach::Any, false),
        ] {
            assert_eq!(check(&url.parse().unwrap(), reach).is_ok(), allowed, "{url} {reach:?}");
        }
    }

    #[tokio::test]
    async fn names_are_checked_when_they_are_resolved() {
        let client = client(Reach::Public).unwrap();
        let error = client.get("http://localhost:1/").send().await.unwrap_err();
        let text = error_text(&error);
        assert!(text.contains("controller.ingestFromURI.allowPrivateAddresses"), "{text}");
    }

    #[tokio::test]
    async fn redirects_are_checked() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = socket.read(&mut request).await;
                let answer = "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/x\r\nContent-Length: 0\r\n\r\n";
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        let url = format!("http://127.0.0.1:{port}/");
        let error = client(Reach::Site).unwrap().get(url).send().await.unwrap_err();
        assert!(error_text(&error).contains("169.254.169.254"), "{}", error_text(&error));
    }
}
