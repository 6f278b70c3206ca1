//! Which files a job reads, and their numbers.

use std::collections::BTreeMap;

use crate::{Error, Found, JobSpec, PathPattern, Place};

/// A file to be made into a segment.
#[derive(Clone, Debug)]
pub(crate) struct InputFile {
    pub found: Found,
    /// Place among the files of its directory, or of the whole job.
    pub sequence: u32,
}

impl InputFile {
    /// The directory below the input, with a slash at its end; empty for the input itself.
    pub fn folder(&self) -> &str {
        let path = &self.found.path;
        path.rfind('/').map_or("", |at| &path[..=at])
    }
}

/// The files that the patterns choose, ordered by path.
pub(crate) async fn list(spec: &JobSpec, place: &Place) -> Result<Vec<InputFile>, Error> {
    let include = spec.include_pattern.as_deref().map(PathPattern::new).transpose()?;
    let exclude = spec.exclude_pattern.as_deref().map(PathPattern::new).transpose()?;
    let all = place.list(spec.search_recursively).await?;
    let total = all.len();
    let chosen = |file: &Found| {
        let path = place.shown(&file.path);
        include.as_ref().is_none_or(|p| p.matches(&path)) && !exclude.as_ref().is_some_and(|p| p.matches(&path))
    };
    let example = all.first().map(|f| place.shown(&f.path));
    let files: Vec<Found> = all.into_iter().filter(chosen).collect();
    if files.is_empty() {
        return Err(Error::NoInput(nothing(spec, place, total, example)));
    }
    let global = global_sequence(&spec.naming.configs);
    let mut next: BTreeMap<String, u32> = BTreeMap::new();
    let mut numbered = Vec::with_capacity(files.len());
    for found in files {
        let mut file = InputFile { found, sequence: 0 };
        let folder = if global { String::new() } else { file.folder().to_owned() };
        let next = next.entry(folder).or_default();
        file.sequence = *next;
        *next += 1;
        numbered.push(file);
    }
    Ok(numbered)
}

fn nothing(spec: &JobSpec, place: &Place, total: usize, example: Option<String>) -> String {
    let mut text = format!("there is no file to read in {}", place.uri());
    if let Some(example) = example {
        let patterns =
            [("includeFileNamePattern", &spec.include_pattern), ("excludeFileNamePattern", &spec.exclude_pattern)];
        let shown: Vec<_> = patterns.iter().filter_map(|(key, p)| p.as_ref().map(|p| format!("{key} '{p}'"))).collect();
        text += &format!(
            ": none of its {total} files is chosen by {}; patterns are compared with whole paths such as {example}",
            shown.join(" and ")
        );
    } else if !spec.search_recursively {
        text += " itself (searchRecursively is false)";
    }
    text
}

/// One numbering for all directories instead of one for each.
fn global_sequence(configs: &BTreeMap<String, String>) -> bool {
    let flag = |key: &str| configs.get(key).map(|v| v.trim().eq_ignore_ascii_case("true"));
    match (flag("use.global.directory.sequence.id"), flag("local.directory.sequence.id")) {
        (Some(global), _) => global,
        (None, Some(local)) => !local,
        (None, None) => false,
    }
}
