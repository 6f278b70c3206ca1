//! Recognises a file name that was sent in place of a file.

/// The message for an upload whose content is only a file's name: `-F file=movies.csv` where `-F file=@movies.csv` is
/// meant. `file_name` is the part's file name, which curl gives only with the `@`.
pub fn looks_like_missing_at(content: &[u8], file_name: Option<&str>) -> Option<String> {
    if content.len() > 1024 || file_name.is_some_and(|n| !n.is_empty()) {
        return None;
    }
    let text = std::str::from_utf8(content).ok()?.trim();
    let base = text.rsplit(['/', '\\']).next().unwrap_or(text);
    let (stem, extension) = base.rsplit_once('.')?;
    let known = ["csv", "json", "jsonl", "ndjson", "avro", "parquet", "orc", "tsv", "txt", "gz", "zst"];
    let is_name = !stem.is_empty()
        && known.contains(&extension.to_ascii_lowercase().as_str())
        && !text.contains(['\n', '\r', '\t', ',', ';', '{', '[', '"', '|'])
        && !text.chars().any(char::is_control);
    is_name.then(|| {
        format!(
            "the uploaded content is the text '{text}', not the content of that file; \
             write an @ before the file's name to send the file itself: -F file=@{text}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_file_name_is_one() {
        let check = |content: &str, name, expected: bool| {
            assert_eq!(looks_like_missing_at(content.as_bytes(), name).is_some(), expected, "{content:?} {name:?}");
        };
        check("movies.csv", None, true);
        check(" data/My Movies.JSON\n", None, true);
        check("C:\\data\\x.parquet", None, true);
        check("movies.csv", Some(""), true);
        check("movies.csv", Some("header.csv"), false);
        check("a,b.csv", None, false);
        check("a\nb.csv", None, false);
        check("title", None, false);
        check(".csv", None, false);
        check("{\"a\":\"b.json", None, false);
        check("", None, false);
        assert!(looks_like_missing_at(b"movies.csv", None).unwrap().ends_with("-F file=@movies.csv"));
    }
}
