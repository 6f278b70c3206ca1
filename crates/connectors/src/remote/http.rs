//! `http:` and `https:`.

use std::path::Path;

use futures::StreamExt as _;

use super::{Access, Fetched, check_size, refused, save, shown};
use crate::{
    Error,
    net::{self, error_text},
};

pub(super) async fn download(uri: &str, access: &Access, to: &Path) -> Result<Fetched, Error> {
    let url: reqwest::Url = uri.parse().map_err(|error| refused(uri, format!("it is no URL: {error}")))?;
    net::check(&url, access.http)?;
    let no_source = |reason: String| Error::NoSource { uri: shown(uri), reason };
    let response = net::client(access.http)?.get(url).send().await;
    let response = response.map_err(|error| no_source(error_text(&error.without_url())))?;
    if !response.status().is_success() {
        return Err(no_source(format!("its server answered {}", response.status())));
    }
    check_size(uri, response.content_length(), access)?;
    let chunks =
        response.bytes_stream().map(|chunk| chunk.map_err(|error| no_source(error_text(&error.without_url()))));
    let size_bytes = save(uri, chunks, access, to).await?.size_bytes;
    Ok(Fetched { path: to.to_owned(), size_bytes })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::{net::Reach, remote::fetch};

    /// Answers every request with `answer`; gives its address.
    async fn server(answer: &'static str) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = socket.read(&mut request).await;
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        format!("http://127.0.0.1:{port}/file.csv?token=secret")
    }

    #[tokio::test]
    async fn files_come_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("got");
        let site = Access { http: Reach::Site, max_bytes: 10, ..Access::unlimited() };
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na,b\n", Ok("a,b\n")),
            ("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\na,b\n", Err("more than the 10")),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nmuch more than ten bytes", Err("more than the 10")),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhalf", Err("file.csv")),
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Err("404 Not Found")),
        ] {
            let _ = std::fs::remove_file(&to);
            let uri = server(answer).await;
            match (fetch(&uri, None, &BTreeMap::new(), &site, &to).await, expected) {
                (Ok(_), Ok(text)) => assert_eq!(std::fs::read_to_string(&to).unwrap(), text),
                (Err(error), Err(reason)) => {
                    let text = error.to_string();
                    assert!(text.contains(reason), "{text}");
                    assert!(!text.contains("secret"), "{text}");
                    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
                }
                (got, _) => panic!("{answer}: {got:?}"),
            }
        }
        let uri = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let public = Access { http: Reach::Public, ..Access::unlimited() };
        let error = fetch(&uri, None, &BTreeMap::new(), &public, &to).await.unwrap_err().to_string();
        assert!(error.contains("a private one"), "{error}");
    }
}
