//! Runs the commands of a Markdown page as its reader would, and compares what they print with what the page says.
//!
//! A fenced `sh` block is a command, a fenced `text` block right after it is what it prints: each of its lines is found in the
//! output, in this order, where `…` stands for anything. A second word after `sh` says how:
//!
//! | Fence | Is |
//! |---|---|
//! | `sh` | run to its end with bash, which stops at the first failure |
//! | `sh background` | starts a cluster, which runs until the page ends |
//! | `sh script` | starts a script of the project: that it is there and parses; for `scripts/quickstart.sh`, what it starts |
//! | `sh elsewhere` | not for this machine as it is (another host, Docker); only that it parses |
//!
//! Blocks that only ask are asked again for a while when the answer is not the page's: rows appear a moment after they were
//! acknowledged.

use std::{
    fs,
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

/// For how long a question is asked again.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a command is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum How {
    Run,
    Background,
    Script,
    Elsewhere,
}

/// A command of a page.
#[derive(Clone, Debug)]
pub struct Block {
    /// Line of its fence, from 1.
    pub line: usize,
    pub how: How,
    pub command: String,
    /// What it prints, when the page says so.
    pub prints: Option<String>,
}

/// The commands of a page, in order.
pub fn blocks(markdown: &str) -> Result<Vec<Block>> {
    let mut out: Vec<Block> = Vec::new();
    // Between a command and what it prints there is nothing but blank lines.
    let mut after_command = false;
    let mut lines = markdown.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            after_command &= line.trim().is_empty();
            continue;
        };
        let mut text = String::new();
        loop {
            let Some((_, inner)) = lines.next() else { bail!("the block of line {} has no end", at + 1) };
            if inner == "```" {
                break;
            }
            text.push_str(inner);
            text.push('\n');
        }
        let how = match info {
            "text" if after_command => {
                if let Some(block) = out.last_mut() {
                    block.prints = Some(text);
                }
                after_command = false;
                continue;
            }
            "sh" => How::Run,
            "sh background" => How::Background,
            "sh script" => How::Script,
            "sh elsewhere" => How::Elsewhere,
            _ if info.starts_with("sh") || info == "bash" || info == "console" => {
                bail!("line {}: a block `{info}` that nothing checks; see the kinds of blocks that are", at + 1)
            }
            _ => {
                after_command = false;
                continue;
            }
        };
        out.push(Block { line: at + 1, how, command: text, prints: None });
        after_command = true;
    }
    Ok(out)
}

/// What the page's words stand for here, and where its commands run.
pub struct Reader {
    dir: PathBuf,
    /// Texts of the page and of `examples/`, and what they are here.
    replacements: Vec<(String, String)>,
    started: Vec<Child>,
    /// Asked before the first command after a start.
    health: Vec<String>,
}

impl Reader {
    /// `dir` is a fresh folder; `examples` is copied into it. `cuvee` is what stands behind the command of this name: a shell
    /// script that is given the arguments.
    pub fn new(
        dir: &Path,
        examples: &Path,
        cuvee: &str,
        replacements: Vec<(String, String)>,
        health: Vec<String>,
    ) -> Result<Self> {
        let reader = Self { dir: dir.to_owned(), replacements, started: Vec::new(), health };
        let bin = dir.join("bin");
        fs::create_dir_all(&bin)?;
        let script = bin.join("cuvee");
        fs::File::create(&script)?.write_all(format!("#!/bin/bash\n{cuvee}\n").as_bytes())?;
        let done = Command::new("chmod").arg("+x").arg(&script).status()?;
        ensure!(done.success(), "cannot make {} executable", script.display());
        reader.copy(examples, &dir.join("examples"))?;
        Ok(reader)
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.copy(&entry.path(), &target)?;
            } else {
                match String::from_utf8(fs::read(entry.path())?) {
                    Ok(text) => fs::write(&target, self.here(&text))?,
                    Err(bytes) => fs::write(&target, bytes.as_bytes())?,
                }
            }
        }
        Ok(())
    }

    fn here(&self, text: &str) -> String {
        self.replacements.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// Does one block of the page; `root` is the project's folder.
    pub fn follow(&mut self, block: &Block, root: &Path) -> Result<()> {
        self.parses(block)?;
        match block.how {
            How::Run => self.run(block),
            How::Background => self.background(block),
            How::Script => {
                for word in block.command.split_whitespace().filter(|word| word.starts_with("scripts/")) {
                    let checked = Command::new("bash").arg("-n").arg(root.join(word)).status()?;
                    ensure!(checked.success(), "there is no script {word} that bash can read");
                }
                ensure!(block.command.contains("scripts/"), "no script is named");
                // This one ends by becoming the binary, which the tests have built already.
                match block.command.trim().strip_prefix("scripts/quickstart.sh") {
                    Some(flags) => {
                        self.background(&Block { command: format!("cuvee quickstart {flags}"), ..block.clone() })
                    }
                    None => Ok(()),
                }
            }
            How::Elsewhere => Ok(()),
        }
    }

    fn parses(&self, block: &Block) -> Result<()> {
        let done = Command::new("bash").args(["-n", "-c", &block.command]).output()?;
        ensure!(done.status.success(), "bash cannot read it: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    }

    fn shell(&self, command: &str) -> Result<Command> {
        let mut shell = Command::new("bash");
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.dir.join("bin");
        shell
            .args(["-euo", "pipefail", "-c", &format!("exec 2>&1\n{command}")])
            .current_dir(&self.dir)
            .env("PATH", format!("{}:{path}", bin.to_str().context("the folder's name is not UTF-8")?))
            .stdin(Stdio::null());
        Ok(shell)
    }

    fn run(&self, block: &Block) -> Result<()> {
        let command = self.here(&block.command);
        let wanted = block.prints.as_ref().map(|text| self.here(text));
        let asks =
            command.contains("/query/sql") || command.contains("cuvee sql") || command.contains("curl -s localhost");
        let until = Instant::now() + PATIENCE;
        loop {
            // Its own process group and a limit: a command that hangs is an error, not a hung test.
            let out = self.shell(&command)?.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            let out = wait(out, Duration::from_secs(120))?;
            let text = String::from_utf8_lossy(&out.stdout);
            let problem = if out.status.success() {
                wanted.as_ref().and_then(|wanted| lacks(&text, wanted)).map(|line| format!("does not print `{line}`"))
            } else {
                Some(format!("ended with {}", out.status))
            };
            match problem {
                None => return Ok(()),
                Some(_) if asks && Instant::now() < until => std::thread::sleep(Duration::from_millis(100)),
                Some(problem) => bail!("{problem}. The command:\n{command}It printed:\n{text}"),
            }
        }
    }

    fn background(&mut self, block: &Block) -> Result<()> {
        let log = self.dir.join(format!("background-{}.log", block.line));
        let file = fs::File::create(&log)?;
        let command = format!("exec {}", self.here(&block.command));
        let mut child = self.shell(&command)?.stdout(file).spawn()?;
        let until = Instant::now() + Duration::from_secs(60);
        for url in &self.health {
            while !Command::new("curl").args(["-fs", "-o", "/dev/null", url]).status()?.success() {
                if child.try_wait()?.is_some() || Instant::now() > until {
                    let _ = child.kill();
                    bail!("{url} does not answer; the process printed:\n{}", fs::read_to_string(&log)?);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        self.started.push(child);
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for child in &mut self.started {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn wait(child: Child, limit: Duration) -> Result<std::process::Output> {
    let group = format!("-{}", child.id());
    let (sender, ended) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
    });
    let out = child.wait_with_output();
    drop(sender);
    let _ = watchdog.join();
    Ok(out?)
}

/// The first line of `wanted` that `text` does not have after the lines before it.
pub fn lacks<'a>(text: &str, wanted: &'a str) -> Option<&'a str> {
    let mut lines = text.lines();
    wanted.lines().filter(|line| !line.trim().is_empty()).find(|line| !lines.any(|printed| agrees(printed, line)))
}

fn agrees(printed: &str, line: &str) -> bool {
    let mut parts = line.trim().split('…');
    let mut rest = printed.trim();
    match parts.next().map(|first| rest.strip_prefix(first)) {
        Some(Some(after)) => rest = after,
        _ => return false,
    }
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_what_they_print() -> Result<()> {
        let page = "# T\n\n```sh\necho 1\n```\n\n```text\n1\n```\n\n```json\n{}\n```\n\n```sh background\nx\n```\nno\n```text\ny\n```\n";
        let found = blocks(page)?;
        let short: Vec<_> = found.iter().map(|b| (b.line, b.how, b.command.as_str(), b.prints.as_deref())).collect();
        assert_eq!(short, [(3, How::Run, "echo 1\n", Some("1\n")), (15, How::Background, "x\n", None)]);
        assert!(
            blocks("```sh never\n```\n").is_err() && blocks("```sh\n").is_err() && blocks("```bash\n```\n").is_err()
        );
        Ok(())
    }

    #[test]
    fn lines_in_order_with_gaps() {
        for (text, wanted, missing) in [
            ("a\nb 12 ms\nc\n", "a\nb … ms\n", None),
            ("a\nb\n", "b\na\n", Some("a")),
            ("abc\n", "ab\n", Some("ab")),
            ("abc\n", "…b…\n", None),
            ("{\"rows\":[[6]]}\n", "…[[6]]…\n", None),
            ("ab\n", "ab…b\n", Some("ab…b")),
        ] {
            assert_eq!(lacks(text, wanted), missing, "{text:?} {wanted:?}");
        }
    }

    #[test]
    fn a_command_that_fails_or_prints_something_else_is_an_error() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let examples = dir.path().join("from");
        fs::create_dir_all(examples.join("in"))?;
        fs::write(examples.join("in/a.txt"), "port 9000")?;
        let here = vec![("9000".to_owned(), "1234".to_owned())];
        let mut reader = Reader::new(&dir.path().join("work"), &examples, "echo \"called $*\"", here, Vec::new())?;
        let mut check = |command: &str, prints: &str| {
            let block = Block { line: 1, how: How::Run, command: command.to_owned(), prints: Some(prints.to_owned()) };
            reader.follow(&block, Path::new("."))
        };
        check("cat examples/in/a.txt && cuvee X\n", "port 1234called X\n")?;
        assert!(check("echo a\n", "b\n").is_err());
        assert!(check("false\n", "").is_err());
        assert!(check("if\n", "").is_err());
        Ok(())
    }
}
